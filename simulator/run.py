"""`garonne simulate`: options come in; a city is served over HTTP, MQTT and files until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from simulator.city import City
from simulator.clock import CityClock, Phase
from simulator.faults import DEMO, Faults
from simulator.offer import Offer, offer_of
from simulator.serving.broadcast import Broadcast
from simulator.serving.drops import Drops
from simulator.serving.pace import Pace, Runner
from simulator.serving.publisher import Publisher
from simulator.serving.tally import Tally
from simulator.serving.web import Endpoint, application, endpoints
from simulator.sizes import SIZES, CitySize, at_rate

_TICK_SECONDS = 0.02
_FOLLOW_SECONDS = 0.5
_KEEP_ALIVE_SECONDS = 75

#: How far consumers have come, in seconds of city time, by their names.
Followed = Callable[[], Mapping[str, float]]


class SimulatorOptions(BaseModel):
    """Which city, how its clock goes, what is wrong in it and where it is served."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    seed: int = 1
    tenant: str = "toulouse"
    size: Literal["small", "demo", "large"] = "demo"
    rate: float | None = None  # events/s live, of the large city with as many entities as that takes
    history_hours: float = Field(default=24, ge=0)  # 0: starts live
    history_seconds: float = Field(default=60, gt=0)
    speed: float = Field(default=1, gt=0)  # once live
    live_seconds: float | None = Field(default=None, gt=0)  # of city time; then it stands, and serves what it has said
    faults: Faults = DEMO
    host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)  # 0: a free one
    url_file: Path | None = None  # where the address is written once the city answers
    mqtt_url: str | None = None  # None: the radio devices are silent
    mqtt_user: str | None = None
    mqtt_password: SecretStr | None = None
    drop_folder: Path | None = None  # None: no files
    patience_seconds: float = Field(default=60, ge=0)  # how long history waits for clients that have not come
    grace_seconds: float = Field(default=3, ge=0)  # and for how long after the last has come

    @property
    def city_size(self) -> CitySize:
        """The size, by name or by rate."""
        return at_rate(self.rate) if self.rate is not None else SIZES[self.size]


async def simulate(
    options: SimulatorOptions,
    stop: asyncio.Event,
    ready: Callable[[str], None] = lambda _url: None,
    followed: Followed | None = None,
) -> None:
    """Serves a city until `stop` is set; `ready` is told its address.

    `followed` says by name how far consumers have come, in seconds of city time; it is asked from a thread, twice a
    second, while history is played, and history waits for them.

    Raises:
        OSError: the port is taken, or the folder cannot be written.
        simulator.serving.publisher.LoginError: the MQTT broker refuses the user.
    """
    clock = CityClock(history_hours=options.history_hours, history_seconds=options.history_seconds, speed=options.speed)
    offer = offer_of(City(options.seed, options.city_size, options.tenant))
    await asyncio.to_thread(_warm, offer, int(clock.start), int(clock.start + options.history_hours * 3600))
    tally = Tally(options.seed, options.tenant, clock)
    polled = endpoints(offer, clock, options.faults, tally)
    with _listening(options.host, options.http_port) as listener:
        url = f"http://{options.host}:{listener.getsockname()[1]}"
        server = _Server(_configured(offer, clock, polled, tally))
        tasks = [asyncio.create_task(server.serve(sockets=[listener]))]
        try:
            tasks += _running(options, offer, clock, polled, tally, followed)
            _announce(url, options.url_file)
            ready(url)
            await _first_of(*tasks, asyncio.create_task(stop.wait()))
        finally:
            server.should_exit = True
            await _ended(tasks)


def _running(
    options: SimulatorOptions,
    offer: Offer,
    clock: CityClock,
    polled: dict[str, Endpoint],
    tally: Tally,
    followed: Followed | None,
) -> list[asyncio.Task[None]]:
    """The tasks that drive the city: its clock, its radio and its files."""
    runners: list[Runner] = [*polled.values()]
    tasks = []
    if options.mqtt_url is not None:
        password = options.mqtt_password.get_secret_value() if options.mqtt_password else None
        name = f"garonne-simulator-{options.tenant}"
        publisher = Publisher(options.mqtt_url, options.mqtt_user, password, name)
        broadcast = Broadcast(offer.radio, publisher, clock, options.faults, tally)
        runners.append(broadcast)
        tasks.append(asyncio.create_task(broadcast.run()))
    if options.drop_folder is not None:
        drops = Drops(offer.traffic, options.drop_folder, clock, options.faults, tally)
        tasks.append(asyncio.create_task(drops.run()))
    pace = Pace(clock, runners, patience_seconds=options.patience_seconds, grace_seconds=options.grace_seconds)
    if followed is not None:
        tasks.append(asyncio.create_task(_follow(pace, followed)))
    return [*tasks, asyncio.create_task(_keep_pace(pace, tally, options.live_seconds))]


async def _keep_pace(pace: Pace, tally: Tally, live_seconds: float | None) -> None:
    while not pace.is_time_to_begin():
        await asyncio.sleep(_TICK_SECONDS)
    pace.clock.begin()
    tally.is_waiting = False
    while pace.clock.phase is Phase.HISTORY:
        pace.hold()
        await asyncio.sleep(_TICK_SECONDS)
    pace.release(math.inf if live_seconds is None else math.floor(pace.clock.now() + live_seconds))
    await asyncio.Event().wait()


async def _follow(pace: Pace, followed: Followed) -> None:
    while pace.clock.phase is Phase.HISTORY:
        pace.saw(await asyncio.to_thread(followed))
        await asyncio.sleep(_FOLLOW_SECONDS)
    await asyncio.Event().wait()


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone: who started us decides what they mean."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configured(offer: Offer, clock: CityClock, polled: dict[str, Endpoint], tally: Tally) -> uvicorn.Config:
    return uvicorn.Config(
        application(offer, clock, polled, tally),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    with socket.create_server((host, port), backlog=256) as listener:
        # asyncio sets this only on sockets made with the protocol's number; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _announce(url: str, url_file: Path | None) -> None:
    if url_file is None:
        return
    url_file.parent.mkdir(parents=True, exist_ok=True)
    part = url_file.with_name(url_file.name + ".part")
    part.write_text(url + "\n", encoding="utf-8")
    part.replace(url_file)


def _warm(offer: Offer, start: int, end: int) -> None:
    """Makes the tables of the first days before the first client has to wait for them."""
    for time in (start, end):
        offer.buses.entities(time)
        for radio in offer.radio:
            radio.published(time, time + 1, Faults())


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
