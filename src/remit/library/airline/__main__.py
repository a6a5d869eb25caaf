"""Load the airline's data into a database: python -m remit.library.airline postgresql://…"""

from __future__ import annotations

import argparse
import asyncio
import sys

from remit.errors import RemitError
from remit.library.airline import store


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m remit.library.airline",
        description="Make the airline's schema and fill it: 500 customers, 300 flights, 2,000 reservations of tau2-bench. An "
        "airline that was loaded before is replaced. Then name the database in REMIT_AIRLINE_URL.",
        epilog="example: python -m remit.library.airline postgresql://localhost/airline",
    )
    parser.add_argument("url", help="the PostgreSQL database to load it into")
    try:
        asyncio.run(store.load(parser.parse_args().url))
    except RemitError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
