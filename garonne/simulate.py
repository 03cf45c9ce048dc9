"""`garonne simulate`: a city that is not there, over real HTTP, MQTT and files."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from garonne.console import errors
from garonne.metrics_view import scraped
from runtime.endpoints import NoEndpointsError, endpoints
from runtime.processes import running
from runtime.settings import settings
from simulator.faults import DEMO, Faults
from simulator.run import SimulatorOptions
from simulator.run import simulate as serve
from simulator.sizes import SIZES

LAST_OBSERVED = "garonne_feed_last_observed_timestamp_seconds"


def simulate(
    seed: Annotated[int, typer.Option(help="Which city: the same seed, the same city.")] = 1,
    tenant: Annotated[str, typer.Option(help="Commune it is.")] = "toulouse",
    size: Annotated[str, typer.Option(help=f"How large: {', '.join(SIZES)}.")] = "demo",
    rate: Annotated[float | None, typer.Option(help="Events a second instead of a size, by more entities.")] = None,
    port: Annotated[int, typer.Option(help="HTTP port on 127.0.0.1; 0 takes a free one.")] = 0,
    history_hours: Annotated[float, typer.Option(help="Hours of the past that are played first; 0 for none.")] = 24,
    history_seconds: Annotated[float, typer.Option(help="Real seconds for them.")] = 60,
    speed: Annotated[float, typer.Option(help="City seconds in a real second, once live.")] = 1,
    faults: Annotated[bool, typer.Option(help="Repeat, disorder and break some records; they are counted.")] = True,
    url_file: Annotated[Path | None, typer.Option(help="File that is given the address.")] = None,
    drop_folder: Annotated[Path | None, typer.Option(help="Folder for files; without it there are none.")] = None,
) -> None:
    """Serve a simulated city with a known truth until Ctrl-C. Point feeds at the address it prints."""
    if size not in SIZES:
        raise typer.BadParameter(f"no size {size!r}; there are {', '.join(SIZES)}")
    broker = _broker()
    options = SimulatorOptions(
        seed=seed,
        tenant=tenant,
        size=size,
        rate=rate,
        history_hours=history_hours,
        history_seconds=history_seconds,
        speed=speed,
        faults=DEMO if faults else Faults(),
        http_port=port,
        url_file=url_file,
        drop_folder=drop_folder,
        **broker,
    )
    asyncio.run(_until_signal(options))


def _broker() -> dict[str, object]:
    """The MQTT broker, where one is known; without it the radio devices are silent."""
    try:
        known = endpoints(settings())
    except NoEndpointsError:
        return {}
    return {"mqtt_url": known.mqtt_url, "mqtt_user": known.mqtt_user, "mqtt_password": known.mqtt_password}


async def _until_signal(options: SimulatorOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(options, stop, lambda url: errors.print(f"the city is at {url}"), lambda: _reached(options.tenant))


def _reached(tenant: str) -> dict[str, float]:
    """By feed, the event time of the newest record that the connectors have taken in; history waits for them."""
    connectors = [p for p in running(settings()) if p.name == "connectors"]
    samples = (s for s in scraped(connectors) if s.name == LAST_OBSERVED and s.labels["tenant"] == tenant)
    return {s.labels["feed"]: s.value for s in samples}
