"""`garonne submit` and `garonne replay`: the jobs, in one driver here or by spark-submit elsewhere."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pyspark
import typer

from garonne.console import console, progress_bars
from jobs.engine.main import EVERYTHING, chosen, instant, jobs_of
from jobs.engine.observations import NAME as OBSERVATIONS
from jobs.engine.session import AVRO_LIMITS
from jobs.job import all_jobs
from runtime.local.downloads import spark_jars
from runtime.local.java import Requirement, java_for
from runtime.settings import PROJECT, settings

MAIN = Path("jobs") / "engine" / "main.py"
PACKAGES = ("schemas", "runtime", "connectors", "jobs")
SPARK_JAVA = Requirement(17, 21)
# More slots than cores, so that a short batch need not wait for a long one; four tries of a task, so that a worker that
# is killed does not end the driver.
LOCAL_MASTER = "local[6,4]"
DAEMON = "spark.python.daemon.module=jobs.engine.daemon"
JVM_OPTIONS = f"-Duser.timezone=UTC -XX:+UseParallelGC -Xss4m {AVRO_LIMITS}"
# A dozen small queries: making and compiling code for each task costs far more than the rows do. One long replay is the
# other way round.
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}

# What a driver that does not bring the latest states gives way to: those who watch wait for them, and not for figures.
FIGURES_NICENESS = 5

Job = Annotated[list[str] | None, typer.Argument(help="Jobs; without any, all of them.")]
Work = Annotated[
    list[str] | None,
    typer.Argument(help=f"Jobs, or {', '.join(EVERYTHING)}; without any, all of these."),
]
Master = Annotated[str, typer.Option(help="Spark master. A cluster's master is used by spark-submit.")]
Memory = Annotated[str, typer.Option(help="Memory of the driver's Java heap.")]


def submit(
    work: Work = None,
    master: Master = LOCAL_MASTER,
    driver_memory: Memory = "1g",
    available_now: Annotated[bool, typer.Option(help="Work off what Kafka holds now, then end.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only print the command.")] = False,
) -> None:
    """Run jobs as streams: each event becomes figures in Elasticsearch within the job's freshness.

    Where cores are few, two drivers keep the latest states within seconds whatever the figures cost: 'garonne submit
    observations' and, in another terminal, 'garonne submit figures archive', which gives way to the first.
    """
    jobs_of(work or EVERYTHING)
    if work and OBSERVATIONS not in work and master.startswith("local"):
        os.nice(FIGURES_NICENESS)
    arguments = ["stream", *as_options(work)]
    quick = [] if available_now else [word for pair in INTERPRETED.items() for word in ("--conf", "=".join(pair))]
    options = [*quick, "--driver-java-options", JVM_OPTIONS if available_now else f"{JVM_OPTIONS} {QUICK_START}"]
    run_driver(arguments + (["--available-now"] if available_now else []), options, master, driver_memory, dry_run)


def replay(
    since: Annotated[str, typer.Option("--from", help="First window, such as 2026-11-21T00:00:00Z.")],
    until: Annotated[str | None, typer.Option("--to", help="End of the last window; without it, now.")] = None,
    job: Job = None,
    master: Master = LOCAL_MASTER,
    driver_memory: Memory = "1g",
    dry_run: Annotated[bool, typer.Option(help="Only print the command.")] = False,
) -> None:
    """Run the same jobs over the past and write the figures again; windows still open stay with the streams."""
    start, end = instant(since), instant(until) if until else datetime.now(UTC)
    if start >= end:
        raise typer.BadParameter(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    for name in job or []:
        chosen(name)
    span = ["--from", start.isoformat(), "--to", end.isoformat()]
    options = ["--driver-java-options", JVM_OPTIONS]
    run_driver(["replay", *span, *as_options(job or list(all_jobs()))], options, master, driver_memory, dry_run)


def repair(
    job: Job = None,
    master: Master = LOCAL_MASTER,
    driver_memory: Memory = "1g",
    dry_run: Annotated[bool, typer.Option(help="Only print the command.")] = False,
) -> None:
    """Compute the windows again that observations came too late for, up to 30 days back; running jobs do so too."""
    for name in job or []:
        chosen(name)
    run_driver(["repair", *as_options(job)], ["--driver-java-options", JVM_OPTIONS], master, driver_memory, dry_run)


def as_options(names: Sequence[str] | None) -> list[str]:
    """The jobs as the driver's options."""
    return [word for name in names or [] for word in ("--job", name)]


def run_driver(arguments: list[str], extra: list[str], master: str, memory: str, dry_run: bool) -> None:
    """Become the driver: Python itself for a local master, spark-submit for a cluster's."""
    with progress_bars() as report:
        jars = ",".join(map(str, spark_jars(settings(), report)))
        java = java_for(SPARK_JAVA, "Spark", report).home
    options = ["--master", master, "--driver-memory", memory, "--jars", jars, *extra]
    main = str(PROJECT / MAIN)
    environment = {
        **os.environ,
        "JAVA_HOME": str(java),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    if master.startswith("local"):
        options += ["--conf", DAEMON]
        environment["PYSPARK_SUBMIT_ARGS"] = " ".join(map(_quoted, [*options, "pyspark-shell"]))
        command = [sys.executable, "-m", "jobs.engine.main", *arguments]
    else:
        environment["GARONNE_STATE"] = str(settings().state)  # the driver's code is that of the zip, its state is ours
        files = [] if dry_run else ["--py-files", str(_packages())]
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), *options, *files, main, *arguments]
    if dry_run:
        console.print(" ".join(map(_quoted, command)), soft_wrap=True)
        return
    os.chdir(PROJECT)
    os.execve(command[0], command, environment)  # noqa: S606 -- no shell, and the words are ours


def _packages() -> Path:
    """The project's packages as one file that Spark's workers can import."""
    path = Path(tempfile.mkdtemp(prefix="garonne-")) / "garonne.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in PACKAGES:
            for file in sorted((PROJECT / package).rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(PROJECT))
    return path


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
