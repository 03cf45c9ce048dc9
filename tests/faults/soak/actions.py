"""What each kind of fault does to the running pipeline. Each returns when its harm is over and all is at work again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psutil
from elasticsearch import ApiError, TransportError

from jobs.engine.observations import NAME as OBSERVATIONS
from tests.faults.soak import bursts, poison
from tests.faults.soak.plant import Plant
from tests.faults.soak.schedule import Fault
from tests.faults.soak.units import Unit
from tests.servers.stacks import alive, kill, signal_all

BACK_SECONDS = 420  # until a driver is at work again on a busy machine
CLEAN_END_SECONDS = 60
JAVA_END_SECONDS = 120
CALL_SECONDS = 240  # until Elasticsearch takes a setting
POISONS = 28
JAVA, WORKER = "org.apache.spark.deploy.SparkSubmit", "jobs.engine.daemon"

Action = Callable[[Plant, Fault, Random], str]


def perform(plant: Plant, fault: Fault) -> str:
    """Do what the fault says; a note on what came of it.

    Raises:
        TimeoutError: the pipeline did not come back from it by itself.
    """
    return ACTIONS[fault.name](plant, fault, Random(fault.seed))


def _kill(plant: Plant, fault: Fault, _: Random) -> str:
    with _killed(plant, fault):
        time.sleep(fault.seconds)
    return _back(plant, fault)


def _kill_java(plant: Plant, fault: Fault, _: Random) -> str:
    unit = _ready(plant, fault)
    with unit.held_down(fault.name):
        leader = unit.running
        kill([p.pid for p in _members(unit) if JAVA in _command(p)])
        _until(lambda: leader is None or not alive(leader.pid), "the driver ends without its Java", JAVA_END_SECONDS)
    return _back(plant, fault)


def _kill_worker(plant: Plant, fault: Fault, rng: Random) -> str:
    unit = _ready(plant, fault)
    found: list[int] = []

    def look() -> bool:
        daemons = {p.pid for p in _members(unit) if WORKER in _command(p)}
        found[:] = sorted(pid for pid in daemons if _parent(pid) in daemons)
        return bool(found)

    _until(look, "the driver has workers", BACK_SECONDS)
    kill([rng.choice(found)])
    return f"one of {len(found)}"


def _halt(plant: Plant, fault: Fault, _: Random) -> str:
    unit = _ready(plant, fault)
    pids = unit.pids
    signal_all(pids, signal.SIGSTOP)
    try:
        time.sleep(fault.seconds)
    finally:
        signal_all((pid for pid in pids if alive(pid)), signal.SIGCONT)
    return _back(plant, fault)


def _restart(plant: Plant, fault: Fault, _: Random) -> str:
    unit = _ready(plant, fault)
    with unit.held_down(fault.name):
        leader, asked = unit.running, time.monotonic()
        if leader is not None:
            os.kill(leader.pid, signal.SIGTERM)
            _until(lambda: not alive(leader.pid), f"{unit.name} ends when it is told to", CLEAN_END_SECONDS)
        took = time.monotonic() - asked
        time.sleep(fault.seconds)
    return f"ended within {took:.1f} s, {_back(plant, fault)}"


def _forget_commit(plant: Plant, fault: Fault, rng: Random) -> str:
    """The state after "written, not yet committed": the last batch of a query comes again with the same rows."""
    with _killed(plant, fault):
        checkpoint = rng.choice([p for p in _checkpoints(plant, fault.target) if (p / "commits").is_dir()])
        last = max(_batches(checkpoint / "commits"), default=None)
        if last is not None and last == max(_batches(checkpoint / "offsets")):
            for name in (str(last), f".{last}.crc"):
                (checkpoint / "commits" / name).unlink(missing_ok=True)
        what = f"batch {last} of {checkpoint.name}"
    return f"{what}, {_back(plant, fault)}"


def _lose_cursor(plant: Plant, fault: Fault, rng: Random) -> str:
    """A feed whose source repeats everything may lose its place; one that is polled would miss what is no more."""
    feed = rng.choice([f.id for f in plant.feeds if f.transport.kind in ("files", "mqtt")])
    path, torn = plant.settings.state / "cursors" / f"{feed}.json", rng.random() < 0.5
    with _killed(plant, fault):
        if torn and path.exists():
            os.truncate(path, path.stat().st_size // 2)
        else:
            path.unlink(missing_ok=True)
    return f"{feed} {'torn' if torn else 'deleted'}, {_back(plant, fault)}"


def _make_read_only(plant: Plant, fault: Fault, _: Random) -> str:
    _ready(plant, fault)
    _block(plant, True)
    try:
        time.sleep(fault.seconds)
    finally:
        _block(plant, None)
    return _back(plant, fault)


def _cut(plant: Plant, fault: Fault, rng: Random) -> str:
    after = rng.randrange(200, 4000)
    return _bad_network(plant, fault, f"after {after} bytes", cut_after_bytes=after)


def _slow_down(plant: Plant, fault: Fault, rng: Random) -> str:
    speed = rng.randrange(500, 20_000)
    return _bad_network(plant, fault, f"{speed} bytes/s", bytes_per_second=speed, latency_seconds=0.5)


def _refuse(plant: Plant, fault: Fault, _: Random) -> str:
    return _bad_network(plant, fault, "connections reset", refuses=True)


def _poison(plant: Plant, _: Fault, rng: Random) -> str:
    plant.letters |= poison.send(plant.context, poison.poisons(rng, plant.context, POISONS))
    return f"{POISONS} messages"


def _burst(plant: Plant, _: Fault, rng: Random) -> str:
    plant.bursts.append(bursts.drop(plant.drop_folder, rng))
    return plant.bursts[-1].name


def _late_burst(plant: Plant, _: Fault, rng: Random) -> str:
    plant.bursts.append(bursts.drop(plant.drop_folder, rng, is_late=True))
    return plant.bursts[-1].name


ACTIONS: Mapping[str, Action] = {
    "kill": _kill,
    "take away": _kill,
    "kill Java of": _kill_java,
    "kill a worker of": _kill_worker,
    "halt": _halt,
    "restart": _restart,
    "kill and forget the last commit of": _forget_commit,
    "kill and lose a cursor of": _lose_cursor,
    "make read-only": _make_read_only,
    "cut the answers of": _cut,
    "slow down": _slow_down,
    "refuse connections to": _refuse,
    "poison": _poison,
    "burst of": _burst,
    "late burst of": _late_burst,
}


@contextmanager
def _killed(plant: Plant, fault: Fault) -> Iterator[None]:
    """The target, killed with its children, and not started again before the end of the block."""
    unit = _ready(plant, fault)
    with unit.held_down(fault.name):
        kill(unit.pids)
        yield


def _ready(plant: Plant, fault: Fault) -> Unit:
    """The target, at work: what is down cannot be harmed."""
    unit = plant.units[fault.target]
    unit.wait_until_ready(BACK_SECONDS)
    return unit


def _back(plant: Plant, fault: Fault) -> str:
    since = time.monotonic()
    plant.units[fault.target].wait_until_ready(BACK_SECONDS)
    return f"at work again after {time.monotonic() - since:.0f} s"


def _bad_network(plant: Plant, fault: Fault, note: str, **how: object) -> str:
    usual = {name: getattr(plant.door, name) for name in how}
    for name, value in how.items():
        setattr(plant.door, name, value)
    plant.door.reset()
    try:
        time.sleep(fault.seconds)
    finally:
        for name, value in usual.items():
            setattr(plant.door, name, value)
    return note


def _block(plant: Plant, value: bool | None) -> None:
    """Set or take away what Elasticsearch sets when its disk is full."""
    until = time.monotonic() + CALL_SECONDS
    es = plant.context.es.options(request_timeout=10)
    while True:
        try:
            es.indices.put_settings(index="city-*", settings={"index.blocks.read_only_allow_delete": value})
        except (ApiError, TransportError):
            if time.monotonic() > until:
                raise
            time.sleep(1)
        else:
            return


def _members(unit: Unit) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in unit.pids if alive(pid)]


def _command(found: psutil.Process) -> str:
    try:
        return " ".join(found.cmdline())
    except psutil.Error:  # gone meanwhile
        return ""


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def _checkpoints(plant: Plant, driver: str) -> list[Path]:
    every = sorted(plant.context.checkpoints.iterdir())
    return [p for p in every if (p.name == OBSERVATIONS) == (driver == OBSERVATIONS)]


def _batches(folder: Path) -> list[int]:
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()]


def _until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)
