"""Remit's own figures, beside peers in one run: `make bench`, or `python -m bench.NAME --help`."""
