"""What a job is, as far as its checkpoint and its documents depend on it: a job comes in, a fingerprint goes out.

It does not change with a comment, the freshness, an address or a field that a contract gets later and the job does not
read. It changes with anything else, also after the aggregation: documents of two kinds beside one another would be
silently wrong.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import SparkSession

from jobs.engine.rows import struct_of
from jobs.engine.sink import documents
from jobs.job import Job
from schemas import contract

Fingerprint = Mapping[str, Any]

DECLARED = ("reads", "result", "window", "lateness", "lookback", "lookahead", "offset", "part")
OWN = "jobs."
ENGINE = ("jobs.engine", "jobs.job")  # how jobs are run, not what they compute
# Names that Spark makes anew each time: #12 of an expression, x_3 of a lambda's variable, object addresses.
MADE_UP = re.compile(r"#\d+L?|\b[a-z]+_\d+#|\blambda [a-z]+_\d+|\b[xyz]_\d+\b|@[0-9a-f]{5,}")
PYTHON = re.compile(r"MapInArrow|MapInPandas|PythonMapInArrow|PythonUDF|FlatMapGroupsIn|FlatMapCoGroupsIn")
MAX_FIELDS = "spark.sql.debug.maxToStringFields"
PARTITIONS = "spark.sql.shuffle.partitions"


def fingerprint(spark: SparkSession, job: Job, columns: Sequence[str] | None = None) -> dict[str, Any]:
    """What the job is; with ``columns``, as seen by a checkpoint that began when its events had only these.

    Raises:
        pyspark.errors.AnalysisException: the job reads a column that is not among them.
    """
    event = struct_of(contract(job.reads))
    known = [f.name for f in event.fields] if columns is None else [c for c in columns if c in event.fieldNames()]
    plan = normalised(plan_of(spark, job, known))
    return {
        "columns": known,
        "declaration": declaration(job),
        "partitions": spark.conf.get(PARTITIONS),
        "plan": _digest(plan),
        "code": code_of(job.transform.__module__) if PYTHON.search(plan) else {},
    }


def difference(began: Fingerprint, now: Fingerprint) -> str | None:
    """What is no longer as it was when the checkpoint began; None when nothing is."""
    changes = [
        f"{name} was {began['declaration'].get(name)} and is {value}"
        for name, value in now["declaration"].items()
        if began["declaration"].get(name) != value
    ]
    if began["partitions"] != now["partitions"]:
        changes.append(f"{PARTITIONS} was {began['partitions']} and is {now['partitions']}")
    if began["columns"] != now["columns"]:
        changes.append(f"its events no longer have {', '.join(sorted(set(began['columns']) - set(now['columns'])))}")
    modules = sorted(m for m in {*began["code"], *now["code"]} if began["code"].get(m) != now["code"].get(m))
    if modules:
        changes.append(f"the code of {', '.join(modules)} has changed")
    if began["plan"] != now["plan"]:
        changes.append("what it computes (Spark's plan) has changed")
    return "; ".join(changes) or None


def declaration(job: Job) -> dict[str, Any]:
    """What the job says of itself, but for its freshness."""
    said = {name: getattr(job, name) for name in DECLARED}
    majors = {"reads": contract(job.reads).major, "result": contract(job.result).major}
    return {
        name: f"{value} v{majors[name]}"
        if name in majors
        else dict(sorted(value.items()))
        if isinstance(value, Mapping)
        else str(value)
        for name, value in said.items()
    }


def plan_of(spark: SparkSession, job: Job, columns: Sequence[str]) -> str:
    """Spark's analysed plan of the job's documents over events with these columns."""
    event = struct_of(contract(job.reads))
    rows = spark.createDataFrame([], event).select(*columns)
    figures: Any = documents(rows.transform(job.transform), contract(job.result))
    shown = spark.conf.get(MAX_FIELDS)
    spark.conf.set(MAX_FIELDS, 100_000)  # Spark would leave out the rest
    try:
        return str(figures._jdf.queryExecution().analyzed().toString())
    finally:
        spark.conf.set(MAX_FIELDS, shown or 25)


def normalised(plan: str) -> str:
    """A plan in which names that Spark makes up are numbered by their order, and the events' columns do not matter."""
    lines = plan.splitlines()
    leaf = max(n for n, line in enumerate(lines) if line.lstrip(" +-:").startswith("Project"))
    seen: dict[str, str] = {}
    return MADE_UP.sub(lambda m: seen.setdefault(m[0].removesuffix("L"), f"~{len(seen)}"), "\n".join(lines[: leaf + 1]))


def code_of(module: str) -> dict[str, str]:
    """Digest of the code of a job's module and of all modules of jobs that it imports, by name."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(ENGINE):
            continue
        tree = ast.parse(_source(name))
        found[name] = _digest(bare(tree))
        waiting += _imported(tree)
    return dict(sorted(found.items()))


def bare(tree: ast.Module) -> str:
    """Code without comments, docstrings and the job's declaration."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [n for n in node.body if not _is_text(n)] or [ast.Pass()]
    tree.body = [n for n in tree.body if not _is_declaration(n)]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_declaration(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["JOB"]


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names of our own modules that a module imports; of a package's names, those that are modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith(OWN))
        elif isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(OWN):
            modules = [f"{node.module}.{a.name}" for a in node.names]
            yield from (m for m in (node.module, *modules) if _is_module(m))


def _is_module(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.submodule_search_locations is None


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    loader: Any = spec.loader if spec else None
    return str(loader.get_source(name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
