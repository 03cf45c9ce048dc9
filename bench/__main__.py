"""What Garonne does on this machine: how much it carries, and how fast it answers."""

from __future__ import annotations

import argparse

from rich.console import Console

from bench import serving, throughput

PARTS = {"throughput": throughput.measured, "serving": serving.measured}


def main() -> None:
    """Measure the parts that are asked for, and print them."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("--only", choices=PARTS, help="One part alone.")
    only = words.parse_args().only
    console = Console(width=110)
    for name, measured in PARTS.items():
        if only in (None, name):
            console.print(measured())


if __name__ == "__main__":
    main()
