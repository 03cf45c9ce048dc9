"""The command: set up, start, show, and at the end compare; whatever happens, end all that was started."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx2
import typer
from rich.live import Live

import garonne.demo.comparison as comparison
from garonne.console import console, progress_bars
from garonne.demo import parts
from garonne.demo.draining import wait_until_drained
from garonne.demo.identities import identities
from garonne.demo.view import View, newest_figures
from garonne.freshness import Percentiles, Watch
from garonne.metrics_view import scraped
from garonne.questions.asking import fill
from garonne.questions.city import TENANT as EXAMPLE
from garonne.serve import PORT
from garonne.status import freshness_table, is_fresh
from jobs.engine.context import Context
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from runtime.local import stack
from runtime.local.downloads import spark_jars
from runtime.local.ports import LOOPBACK, chosen
from runtime.processes import running
from runtime.settings import Settings, settings
from schemas import contracts
from serving.access.elastic_keys import add_analyst
from serving.access.levels import Level
from simulator.city import City

START_SECONDS = 180
LOOK_SECONDS = 5.0
SEED = 31
KEY_DAYS = 7


def demo(
    seconds: Annotated[int | None, typer.Option(help="Run this long, compare with the truth, end with 0 or 1.")] = None,
    seed: Annotated[int, typer.Option(help="Which city is simulated.")] = SEED,
    rate: Annotated[
        float | None, typer.Option(min=100, max=50_000, help="Events a second of a larger city, once live.")
    ] = None,
    history_hours: Annotated[
        float | None,
        typer.Option(min=0, help="Hours of the past played fast first; without it, a day and back to its last dusk."),
    ] = None,
) -> None:
    """A simulated city through the whole pipeline: its last day and night fast, then live. Ctrl-C ends it."""
    hours = parts.whole_past_hours(datetime.now(UTC)) if history_hours is None else history_hours
    city = parts.Simulated(seed, rate, hours)
    own = Settings(GARONNE_STATE=settings().state / "demo")
    with _everything_ended(own):
        addresses = _servers(own)
        url = _started(own, city)
        port = chosen(["dashboards"], {"dashboards": PORT})["dashboards"]
        questions = _questions(addresses, port)
        table = {**_dashboards(own, addresses, port), **_addresses(own, addresses, url), **questions}
        # a line to paste must not be broken; and without a terminal the table comes once, at the end
        whole = questions if console.is_terminal else table
        console.print(*(f"{name}: {where}" for name, where in whole.items()), sep="\n", soft_wrap=True)
        fresh = _shown(own, addresses, url, table, seconds)
        if seconds is None:
            return
        good = _judged(own, addresses, url, city, fresh)
    raise typer.Exit(0 if good else 1)


@contextmanager
def _everything_ended(own: Settings) -> Iterator[None]:
    """End what an earlier demo left behind, and at the end what this one started; nothing else."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts.stop(own)
    stack.reset(own)
    try:
        yield
    except KeyboardInterrupt:
        console.print("ending …")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        parts.stop(own)
        stack.down(own)
        signal.signal(signal.SIGTERM, previous)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _servers(own: Settings) -> Endpoints:
    with progress_bars() as report:
        addresses = stack.up(own, report)
        spark_jars(own, report)
    Context(addresses, own.state).prepare()
    return addresses


def _started(own: Settings, city: parts.Simulated) -> str:
    """Start the parts; the address of the simulated city."""
    url_file, drop_folder = own.state / "simulator.url", own.state / "drop"
    url_file.unlink(missing_ok=True)
    shutil.rmtree(drop_folder, ignore_errors=True)  # the files of an earlier city
    drop_folder.mkdir(parents=True, exist_ok=True)
    for driver in parts.drivers():
        parts.start(own, driver)
    parts.start(own, parts.simulator(city, url_file, drop_folder))
    until = time.monotonic() + START_SECONDS
    while not url_file.exists():
        _check(own)
        if time.monotonic() > until:
            raise RuntimeError(f"the simulated city did not start within {START_SECONDS} s")
        time.sleep(0.1)
    url = url_file.read_text(encoding="utf-8").strip()
    parts.start(own, parts.connectors(), {"GARONNE_SIMULATOR_URL": url, "GARONNE_DROP_FOLDER": str(drop_folder)})
    return url


def _shown(
    own: Settings, addresses: Endpoints, url: str, table: dict[str, str], seconds: int | None
) -> dict[str, Percentiles]:
    """Show the table until the time is over; what the freshness probes measured."""
    es = client(addresses)
    view, watch = View(table), None
    until = time.monotonic() + seconds if seconds else float("inf")
    with Live(console=console, auto_refresh=False, transient=not console.is_terminal) as live:
        while time.monotonic() < until:
            _check(own)
            city = city_status(url)
            samples = scraped(running(own))
            if watch is None and city.get("phase") == "live" and view.has_caught_up(samples):
                watch = Watch(es, datetime.now(UTC)).begin()
            fresh = watch.found() if watch else {}
            memory = parts.memory_mb(own) + sum(s.memory_mb or 0 for s in stack.status(own))
            shown = view.table(samples, city, newest_figures(es), fresh, time.monotonic(), memory)
            live.update(shown, refresh=console.is_terminal)
            time.sleep(LOOK_SECONDS)
        if not console.is_terminal:
            console.print(shown)
    return watch.end() if watch else {}


def _judged(
    own: Settings, addresses: Endpoints, url: str, city: parts.Simulated, fresh: dict[str, Percentiles]
) -> bool:
    """Let everything arrive, compare the figures with the truth, print both; whether all is as it should be."""
    span = comparison.span_of(city_status(url))
    parts.stop(own, "simulator")
    with console.status("the city has stopped; its last events become figures …"):
        wait_until_drained(own, addresses)
    es = client(addresses)
    verdicts = comparison.compared(es, City(city.seed, city.size, comparison.TENANT), span)
    if city.history_hours:
        verdicts.append(comparison.filled(es))
    console.print(comparison.table(verdicts))
    if fresh:
        console.print(freshness_table(fresh))
    # without a past there may not be one whole window yet; with one, each figure has to be shown
    equal = all(v.is_good if city.history_hours else not v.is_wrong for v in verdicts)
    if not city.history_hours and not fresh:
        console.print("not every query caught up in that time, so nothing was measured: give it more SECONDS")
        return False
    return equal and all(is_fresh(name, p) for name, p in fresh.items())


def city_status(url: str) -> dict[str, Any]:
    """What the simulated city says of itself; empty when it does not answer."""
    try:
        return dict(httpx2.get(f"{url}/status", timeout=5).json())
    except (httpx2.HTTPError, ValueError):
        return {}


def _dashboards(own: Settings, addresses: Endpoints, port: int) -> dict[str, str]:
    """Start the dashboards and the API; their addresses, and who may ask with which key."""
    parts.start(own, parts.dashboards(port))
    who = identities(client(addresses), comparison.TENANT, datetime.now(UTC))
    keys = {i.title: f"X-API-Key: {i.key.get_secret_value()}" for i in who if i.key is not None}
    address = f"http://{LOOPBACK}:{port}/"
    return {"dashboards": address, "API": f"{address}docs  (without a key: what is open)", **keys}


def _questions(addresses: Endpoints, port: int) -> dict[str, str]:
    """Bring in the city that the twenty questions are of; what sets the variables of their commands."""
    es = client(addresses)
    fill(es)
    _, key = add_analyst(es, contracts().values(), EXAMPLE, Level.PARTNER, KEY_DAYS)
    api, elastic = f"http://{LOOPBACK}:{port}", addresses.elasticsearch_url
    return {"docs/questions.md": f"export API={api} ES={elastic} KEY={key.get_secret_value()}"}


def _check(own: Settings) -> None:
    if (reason := parts.ended(own)) is not None:
        raise RuntimeError(reason)


def _addresses(own: Settings, addresses: Endpoints, url: str) -> dict[str, str]:
    return {
        "Elasticsearch": f"{addresses.elasticsearch_url}  (user {addresses.elasticsearch_user})",
        "its password": str(own.state / "secrets"),
        "Kafka": addresses.kafka_bootstrap,
        "schema registry": addresses.schema_registry_url,
        "simulated city": url,
        "logs": str(own.state / "logs"),
    }
