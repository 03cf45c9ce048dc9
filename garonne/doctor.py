"""`garonne doctor`: what this machine has for Garonne, and the command that brings what is missing."""

from __future__ import annotations

import typer
from rich.table import Table

from garonne.console import console
from runtime.local.doctor import doctor as checked
from runtime.settings import settings


def doctor() -> None:
    """Check Java, Maven, disk, memory and Docker. Exits with 1 when something that is needed is missing."""
    checks = checked(settings())
    table = Table("check", "", "found", "what to do")
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "missing", check.detail, check.remedy)
    console.print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
