"""Row 4: a Python worker, or a whole executor, is killed while it writes. The queries go on to the right figures."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyspark
import pytest
from pyspark.sql import SparkSession

from garonne.submit import SPARK_JAVA
from jobs.engine.context import Context
from jobs.engine.runner import drain
from jobs.engine.streams import job_query, observations_query
from jobs.job import all_jobs
from runtime.local.java import java_for
from runtime.local.ports import LOOPBACK, chosen
from schemas import contract
from tests.faults import figures
from tests.faults.front import Hold, front
from tests.servers import events as city
from tests.servers.drivers import begin_anew, driver, said
from tests.servers.stacks import kill, until

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

JOB = all_jobs()["traffic_by_segment"]
LIMIT_SECONDS = 240
DAEMONS = {"jobs.engine.daemon", "pyspark.daemon"}  # as words of a command: Java has the first in one of its own
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


def concerning(tenant: str) -> Hold:
    """Holds the first bulk request with observations of a tenant."""
    index = f"{contract(JOB.reads).alias}-{tenant}-".encode()
    return Hold(lambda body: index in body)


def python_workers(pid: int) -> list[int]:
    """The workers below a process: those that Spark's daemon for Python forked."""
    below = {p.pid: p for p in psutil.Process(pid).children(recursive=True)}
    daemons = {p.pid for p in below.values() if not DAEMONS.isdisjoint(_words(p))}
    return [pid for pid in daemons if below[pid].ppid() in daemons]


def _words(process: psutil.Process) -> list[str]:
    """The command of a process; none when it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_killed_python_worker_costs_nothing(spark: SparkSession, context: Context) -> None:
    tenant = "row04"
    events = city.events(4, tenant)[JOB.reads]
    city.produce(context, JOB.reads, events)
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    with front(context.endpoints.elasticsearch_url) as es:
        es.rule = hold = concerning(tenant)
        behind = Context(context.endpoints.model_copy(update={"elasticsearch_url": es.url}), context.state / tenant)
        begin_anew(behind)
        queries = [observations_query(spark, behind), job_query(spark, JOB, behind)]
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(drain, queries)
            try:
                until(lambda: hold.reached.is_set() or running.done(), "a worker writes", LIMIT_SECONDS)
                kill(python_workers(gateway.proc.pid))
            finally:
                hold.released.set()
            running.result(LIMIT_SECONDS)
    assert figures.observed(context, JOB.reads, tenant) == figures.keys(events)
    assert figures.indexed(context, JOB, tenant) == figures.expected(spark, JOB, events)


@pytest.mark.parametrize("whom", ["the one that writes", "all"])
def test_a_driver_does_not_notice_when_its_python_workers_are_killed(
    spark: SparkSession, context: Context, tmp_path: Path, whom: str
) -> None:
    """Three times, before the batch has come through: as often as Spark takes it."""
    tenant = f"row04{whom[:3]}"
    events = city.events(5, tenant)[JOB.reads]
    third = len(events) // 3
    with front(context.endpoints.elasticsearch_url) as es:
        behind = context.endpoints.model_copy(update={"elasticsearch_url": es.url})
        with driver(tmp_path, behind, [JOB.name, "observations"]) as running:
            for n in range(3):
                es.rule = hold = concerning(tenant)
                city.produce(context, JOB.reads, events[n * third : (n + 1) * third])
                assert hold.reached.wait(LIMIT_SECONDS), said(tmp_path)
                workers = python_workers(running.pid)
                kill(workers if whom == "all" else _connected(workers, hold.client_port))
                hold.released.set()
            _await_figures(spark, context, tenant, events[: 3 * third])
            assert running.poll() is None
    assert "query.paused" not in (tmp_path / "driver.log").read_text()


def _connected(pids: list[int], port: int) -> list[int]:
    """The process that a connection comes from, by its port."""
    found = [pid for pid in pids for c in psutil.Process(pid).net_connections() if c.laddr and c.laddr.port == port]
    assert len(found) == 1
    return found


def test_a_cluster_goes_on_when_an_executor_is_killed(spark: SparkSession, context: Context, tmp_path: Path) -> None:
    tenant = "row04executor"
    events = city.events(6, tenant)[JOB.reads]
    half = len(events) // 2
    with (
        cluster(tmp_path) as (master, worker),
        driver(tmp_path, context.endpoints, [JOB.name, "observations", "--master", master]) as running,
    ):
        city.produce(context, JOB.reads, events[:half])
        wanted = figures.keys(events[:half])
        until(
            lambda: figures.observed(context, JOB.reads, tenant) == wanted or running.poll() is not None,
            "the first half is indexed",
            LIMIT_SECONDS,
        )
        assert running.poll() is None, said(tmp_path)
        kill(executors(worker))
        city.produce(context, JOB.reads, events[half:])
        _await_figures(spark, context, tenant, events)
        assert executors(worker)
        assert running.poll() is None


def executors(worker: int) -> list[int]:
    """The executors that a worker of a cluster has started, with what they have started."""
    below = psutil.Process(worker).children(recursive=True)
    return [p.pid for p in below if EXECUTOR in _words(p)]


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, int]]:
    """A standalone master and one worker, on this machine; the master's address and the worker's process."""
    ports = chosen(("master", "master_ui", "worker", "worker_ui"), {})
    url = f"spark://{LOOPBACK}:{ports['master']}"
    words = ["--host", LOOPBACK, "--port"]
    master = ["master.Master", *words, str(ports["master"]), "--webui-port", str(ports["master_ui"])]
    worker = ["worker.Worker", *words, str(ports["worker"]), "--webui-port", str(ports["worker_ui"])]
    worker += ["--cores", "2", "--memory", "2g", "--work-dir", str(folder / "work"), url]
    java = java_for(SPARK_JAVA, "Spark").home
    environment = {"JAVA_HOME": str(java), "SPARK_LOCAL_IP": LOOPBACK, "PATH": "/usr/bin:/bin"}
    command = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "cluster.log").open("wb") as log:
            for name, *rest in (master, worker):
                started.append(
                    subprocess.Popen(
                        [command, f"org.apache.spark.deploy.{name}", *rest], env=environment, stdout=log, stderr=log
                    )
                )
        said = folder / "cluster.log"
        until(lambda: "Successfully registered with master" in said.read_text(), "the worker is known", LIMIT_SECONDS)
        yield url, started[1].pid
    finally:
        for process in reversed(started):
            for below in psutil.Process(process.pid).children(recursive=True):
                below.kill()
            process.kill()
            process.wait()


def _await_figures(spark: SparkSession, context: Context, tenant: str, events: list[city.Event]) -> None:
    wanted = figures.expected(spark, JOB, events)
    until(lambda: figures.indexed(context, JOB, tenant) == wanted, "the figures are right", LIMIT_SECONDS)
    until(lambda: figures.observed(context, JOB.reads, tenant) == figures.keys(events), "all is indexed", LIMIT_SECONDS)
