"""What a soak came to: for people as a page, for scripts as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runtime.settings import PROJECT
from tests.faults.soak.schedule import Fault
from tests.faults.soak.units import End, Unit
from tests.faults.soak.verdict import Check

MEMORY_LIMIT_MB = {
    "kafka": 1200,
    "registry": 900,
    "elasticsearch": 2000,
    "mqtt": 700,
    "observations": 2500,
    "jobs": 3500,
    "connectors": 600,
    "simulator": 600,
}


def version() -> str:
    """The commit that is tried, and whether something was changed since; "unknown" without a repository."""
    words = ["git", "describe", "--always", "--dirty"]
    try:
        return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


@dataclass(frozen=True)
class Done:
    """A fault that was caused: when, in seconds after the start, and what came of it."""

    fault: Fault
    began: float
    ended: float
    note: str = ""
    error: str = ""


@dataclass
class Report:
    """All of it."""

    seed: int
    minutes: float
    rate: float
    version: str = field(default_factory=lambda: version())
    faults: list[Done] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    units: Sequence[Unit] = ()
    started: float = 0.0  # monotonic, when the first fault could come
    drained_seconds: float | None = None  # from the last event of the city
    errors: list[str] = field(default_factory=list)

    @property
    def own_ends(self) -> list[End]:
        """Processes that ended without being harmed: once at work, or while nothing was wrong."""
        ends = [end for unit in self.units for end in unit.ends if not end.cause]
        return [end for end in ends if end.was_ready or not self._is_harmed(end.at - self.started)]

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it should be; empty when the verdict is good."""
        return [
            *self.errors,
            *(f"{d.fault.words}, {d.began:.0f} s after the start: {d.error}" for d in self.faults if d.error),
            *(f"{end.unit} ended by itself: {end.last_words}" for end in self.own_ends),
            *(
                f"{unit.name} took {unit.most_memory_mb:.0f} MB, over {MEMORY_LIMIT_MB[unit.name]}"
                for unit in self.units
                if unit.most_memory_mb > MEMORY_LIMIT_MB[unit.name]
            ),
            *(
                f"{c.name}, {c.of}: {c.missing} missing, {c.extra} extra, {c.wrong} wrong"
                for c in self.checks
                if not c.is_good
            ),
            *([] if self.checks else ["nothing was compared"]),
        ]

    @property
    def is_good(self) -> bool:
        """The verdict."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "verdict": "good" if self.is_good else "bad",
            "seed": self.seed,
            "version": self.version,
            "minutes": self.minutes,
            "rate_per_second": self.rate,
            "problems": self.problems,
            "drained_seconds": self.drained_seconds,
            "faults": [asdict(d) for d in self.faults],
            "checks": [{**asdict(c), "is_good": c.is_good} for c in self.checks],
            "processes": {
                u.name: {
                    "most_memory_mb": round(u.most_memory_mb),
                    "most_memory_seconds": round(self._since_start(u.most_memory_at)),
                    "ends_by_cause": dict(u.causes),
                }
                for u in self.units
            },
        }

    def write(self, path: Path) -> None:
        """The page to PATH.txt and the JSON to PATH.json."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")
        with path.with_suffix(".txt").open("w", encoding="utf-8") as file:
            self.show(Console(file=file, width=150, highlight=False))

    def show(self, console: Console) -> None:
        """The page."""
        console.print(
            f"soak: seed {self.seed}, {self.minutes:g} minutes, {self.rate:g} events/s, version {self.version}"
        )
        console.print(self._faults())
        console.print(self._processes())
        console.print(self._checks())
        if self.drained_seconds is not None:
            console.print(f"drained {self.drained_seconds:.0f} s after the city's last event")
        for problem in self.problems:
            console.print(f"- {problem}", markup=False)
        console.print(f"verdict: {'good' if self.is_good else 'BAD'} (seed {self.seed})")

    def _faults(self) -> Table:
        table = Table("at s", "fault", "over after s", "", title=f"{len(self.faults)} faults")
        for d in sorted(self.faults, key=lambda d: d.began):
            table.add_row(f"{d.began:.0f}", d.fault.words, f"{d.ended - d.began:.0f}", d.error or d.note)
        return table

    def _processes(self) -> Table:
        table = Table("process", "most memory MB", "at s", "ends", "by cause", title="Processes")
        for u in self.units:
            causes = ", ".join(f"{cause} {n}" for cause, n in sorted(u.causes.items()))
            at = f"{self._since_start(u.most_memory_at):.0f}"
            table.add_row(u.name, f"{u.most_memory_mb:.0f}", at, str(u.causes.total()), causes)
        return table

    def _checks(self) -> Table:
        table = Table("check", "of", "expected", "missing", "extra", "wrong", "", title="Checks")
        for c in self.checks:
            found = [f"{n:,}" for n in (c.expected, c.missing, c.extra, c.wrong)]
            table.add_row(c.name, c.of, *found, "; ".join(c.examples) or c.note or "ok")
        return table

    def _since_start(self, at: float) -> float:
        return at - self.started

    def _is_harmed(self, at: float) -> bool:
        return any(d.began <= at <= d.ended for d in self.faults)
