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
    """A function that shows what is being done and how much of it, a line for each thing."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: float | None) -> None:
            if what not in tasks:
                if not console.is_terminal:
                    console.print(what)
                tasks[what] = bars.add_task(what, total=1.0 if done is not None else None)
            if done is None:
                return
            bars.update(tasks[what], total=1.0, completed=done)
            if done >= 1:
                bars.update(tasks[what], visible=False)

        yield report
