"""What Garonne does on this machine: how much it carries, and how fast it answers."""

from __future__ import annotations

import argparse

from rich.console import Console

from bench import serving, throughput

PARTS = {"throughput": throughput.measured, "serving": serving.measured}


def main() -> None:
    """Measure the parts that are asked for, and print them; ends with 1 when a limit is not kept."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("--only", choices=PARTS, help="One part alone.")
    only = words.parse_args().only
    console = Console(width=110)
    tables = [measured() for name, measured in PARTS.items() if only in (None, name)]
    for table, _ in tables:
        console.print(table)
    raise SystemExit(0 if all(is_kept for _, is_kept in tables) else 1)


if __name__ == "__main__":
    main()
