"""What every command shares: the console, progress bars, errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Report = Callable[[str, float | None], None]


@contextmanager
def progress_bars() -> Iterator[Report]:
    """A function that shows what is being done and how much of it: "thing: step", a line for each thing."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        told: dict[str, str] = {}

        def report(what: str, done: float | None) -> None:
            thing, _, step = what.partition(": ")
            if thing not in tasks:
                tasks[thing] = bars.add_task(what, total=None)
            bars.update(tasks[thing], description=what, total=None if done is None else 1.0, completed=done or 0)
            if step and step != told.get(thing) and not console.is_terminal:
                console.print(what)
            told[thing] = step

        yield report
