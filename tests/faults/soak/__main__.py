"""``python -m tests.faults.soak --minutes 30 --seed 7``: random faults over the whole running pipeline.

The same seed brings the same city and the same faults at the same times. Exits with 1 when anything was lost, counted
twice, or needed a hand.
"""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer

from garonne.console import console
from runtime.logs import configure_logs
from runtime.settings import Settings, settings
from tests.faults.soak.run import soak
from tests.faults.soak.schedule import SECONDS_APART, schedule

GIVEN = ("kafka_bootstrap", "schema_registry_url", "elasticsearch_url", "mqtt_url")


def main(
    minutes: Annotated[float, typer.Option(min=1, help="How long the city lives.")] = 30,
    seed: Annotated[int | None, typer.Option(help="Which city and faults; without it, one by chance.")] = None,
    rate: Annotated[float, typer.Option(min=100, help="Events a second of the city.")] = 200,
    state: Annotated[Path | None, typer.Option(help="Folder of its servers, data and logs; emptied first.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where the report goes, as .txt and .json.")] = None,
    apart: Annotated[float, typer.Option(min=5, help="Seconds between two faults, on average.")] = SECONDS_APART,
    plan: Annotated[bool, typer.Option("--plan", help="Only print the faults.")] = False,
) -> None:
    """Run the pipeline, harm it for some minutes, and compare all that comes out with all that went in."""
    if any(getattr(settings(), name) for name in GIVEN):
        raise typer.BadParameter(f"servers are killed: unset {', '.join(name.upper() for name in GIVEN)}")
    chosen = SystemRandom().getrandbits(20) if seed is None else seed
    console.print(f"seed {chosen}, {minutes:g} minutes, {rate:g} events/s")
    faults = schedule(chosen, minutes, apart)
    for fault in faults:
        console.print(f"{fault.at_seconds:7.1f} s  {fault.words}")
    if plan:
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is ended
    own = Settings(GARONNE_STATE=state or settings().state / "soak")
    found = soak(own, chosen, minutes, rate, faults, partial(console.print, markup=False, soft_wrap=True))
    where = report or own.state / "reports" / f"soak-{chosen}"
    found.write(where)
    found.show(console)
    console.print(f"report: {where.with_suffix('.txt')} and .json; logs: {own.state / 'logs'}", soft_wrap=True)
    raise typer.Exit(0 if found.is_good else 1)


if __name__ == "__main__":
    configure_logs()
    typer.run(main)
