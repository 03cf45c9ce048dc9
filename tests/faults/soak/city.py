"""The city of a soak, as a process that stands still once it has lived: ``python -m tests.faults.soak.city``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from runtime.endpoints import endpoints
from runtime.settings import settings
from simulator.city import City
from simulator.faults import Faults
from simulator.run import SimulatorOptions, simulate
from simulator.sizes import at_rate

TENANT = "toulouse"
FAULTS = Faults(
    duplicate_rate=0.05,
    disorder_rate=0.05,
    late_rate=0.02,
    late_seconds=2 * 3600,
    broken_rate=0.01,
    spike_rate=0.06,
    spiky_stations=(2,),
)
PATIENCE_SECONDS = 300  # for the first poll of every feed
GRACE_SECONDS = 20  # and then for the subscriptions


@dataclass(frozen=True)
class Life:
    """Which city, and how long it lives."""

    seed: int
    rate: float  # events/s
    seconds: float

    @property
    def city(self) -> City:
        """The city itself."""
        return City(self.seed, at_rate(self.rate), TENANT)

    @property
    def words(self) -> Sequence[str]:
        """The options that start its process."""
        return "--seed", str(self.seed), "--rate", str(self.rate), "--live-seconds", str(self.seconds)


def main(
    seed: Annotated[int, typer.Option()],
    rate: Annotated[float, typer.Option()],
    live_seconds: Annotated[float, typer.Option()],
    url_file: Annotated[Path, typer.Option()],
    drop_folder: Annotated[Path, typer.Option()],
) -> None:
    known = endpoints(settings())
    options = SimulatorOptions(
        seed=seed,
        tenant=TENANT,
        rate=rate,
        history_hours=0,
        live_seconds=live_seconds,
        faults=FAULTS,
        url_file=url_file,
        drop_folder=drop_folder,
        mqtt_url=known.mqtt_url,
        mqtt_user=known.mqtt_user,
        mqtt_password=known.mqtt_password,
        patience_seconds=PATIENCE_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )
    asyncio.run(_until_signal(options))


async def _until_signal(options: SimulatorOptions) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await simulate(options, stop)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    typer.run(main)
