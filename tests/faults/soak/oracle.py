"""Every job as a batch over all that was accepted, in a process of its own: a file of ids and documents for each job.

And the archive, completed: for each event a file of ids and the number of rows with that id.

As a program: ``python -m tests.faults.soak.oracle STATE FOLDER``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from garonne.submit import JVM_OPTIONS, SPARK_JAVA
from jobs.engine.archive import Archive, event_tables
from jobs.engine.context import Context
from jobs.engine.replay import figures
from jobs.engine.session import session
from jobs.engine.sink import documents, id_column
from jobs.job import all_jobs
from runtime.local import spark_jars
from runtime.local.java import java_for
from runtime.settings import PROJECT, Settings
from schemas import Contract, contract

LIMIT_SECONDS = 1800


def computed(settings: Settings, folder: Path) -> None:
    """Let a process of its own write the documents of every job to a folder.

    Raises:
        subprocess.CalledProcessError: it failed; its output is in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.faults.soak.oracle", str(settings.state), str(folder)]
    with (folder / "oracle.log").open("wb") as log:
        subprocess.run(command, cwd=PROJECT, stdout=log, stderr=log, timeout=LIMIT_SECONDS, check=True)


def archived(folder: Path, event: Contract) -> Path:
    """The file of the ids that the archive has of an event."""
    return folder / f"{event.name}.archived.tsv"


def main(state: Path, folder: Path) -> None:
    own = Settings(GARONNE_STATE=state)
    os.environ["JAVA_HOME"] = str(java_for(SPARK_JAVA, "Spark").home)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    options = {
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.jars": ",".join(map(str, spark_jars(own))),
        "spark.driver.extraJavaOptions": JVM_OPTIONS,
    }
    spark = session("garonne-soak-oracle", options)
    try:
        context = Context.of(own)
        Archive(spark, context).carry()
        for table in event_tables(spark, context):
            ids = table.rows().groupBy(id_column(table.contract).alias("id")).count() if table.exists() else None
            with archived(folder, table.contract).open("w", encoding="utf-8") as file:
                for row in ids.toLocalIterator() if ids is not None else []:
                    file.write(f"{row['id']}\t{row['count']}\n")
        for job in all_jobs().values():
            rows = documents(figures(spark, job, context), contract(job.result))
            with (folder / f"{job.name}.tsv").open("w", encoding="utf-8") as file:
                for row in rows.toLocalIterator():
                    file.write(f"{row.id}\t{row.source}\n")
    finally:
        spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
