"""`python -m garonne`."""

from garonne.cli import main

main()
