"""Write the figures of `python -m bench.scale --json` into docs/scale.md, between its markers.

python -m bench.scale --json --svg docs/img/scale.svg > .bench/scale.json
python -m bench.scale_page .bench/scale.json
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import ROOT

PAGE = ROOT / "docs" / "scale.md"
Row = Mapping[str, Any]
DAY, PEAK, RUNS = 86_400, 5, 1_000_000


def table(rows: Sequence[Row]) -> str:
    """Markdown, with the keys of the first row as heads."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join([*lines, *("| " + " | ".join(map(_cell, row.values())) + " |" for row in rows)])


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "–" if value is None else str(value)


def carries_over(rows: Sequence[Row]) -> str:
    """What the first row, of one worker, says of machines with more cores."""
    worker, database = rows[0]["worker CPU ms a run"], rows[0]["database CPU ms a run"]
    served = 1000 / database
    return (
        "More workers than cores bring nothing, and here the database wants the same two cores. What carries over to other\n"
        f"machines is the CPU: {worker} ms in a worker and {database} ms in the database a run, with one worker. So one core of\n"
        f"PostgreSQL serves some {served:.0f} runs/s ({served * 21:,.0f} steps/s), and keeps {worker / database:.1f} cores of workers "
        "busy: **the first bottleneck\nis the workers' CPU**, which more processes and machines mend, and the second the database's. "
        "A worker is one process\non one core: start as many as cores."
    )


def million(throughput: Sequence[Row], cost: Sequence[Row]) -> str:
    """A million runs a day; the database's CPU as in the table of costs, with everything in it."""
    busy, worker = cost[-1], throughput[0]["worker CPU ms a run"]
    rows = busy["journal rows"] * RUNS

    def line(name: str, total: str, a_second: float, unit: str) -> Row:
        shown = [f"{value:,.2f}" if value < 10 else f"{value:,.0f}" for value in (a_second, PEAK * a_second)]
        return dict(
            zip(
                ("", "a day", "on average", "at a peak of five times that"),
                (name, total, *(f"{value} {unit}" for value in shown)),
                strict=True,
            )
        )

    def cores(name: str, ms: float) -> Row:
        return line(name, f"{ms * RUNS / 3.6e6:.1f} core hours", ms * RUNS / 1000 / DAY, "cores")

    return table(
        [
            line("runs", f"{RUNS:,}", RUNS / DAY, "/s"),
            line("journal rows", f"{rows / 1e6:.0f} million", rows / DAY, "/s"),
            line("WAL", f"{busy['WAL bytes'] / 1000:.1f} GB", busy["WAL bytes"] * RUNS / 1e6 / DAY, "MB/s"),
            line(
                "kept until archived",
                f"{busy['bytes kept'] / 1000:.1f} GB",
                busy["bytes kept"] * RUNS / 1e6 / DAY,
                "MB/s",
            ),
            cores("database CPU", busy["database CPU ms"]),
            cores("worker CPU", worker),
        ]
    )


def put(page: str, name: str, text: str) -> str:
    """The page with `text` between the marker `name` and the next end."""
    found, number = re.subn(
        rf"(<!-- {name} -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}{text}\n{match[2]}",
        page,
        flags=re.DOTALL,
    )
    if number != 1:
        raise SystemExit(f"bench: {PAGE} has {number} markers <!-- {name} -->")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path, help="what `python -m bench.scale --json` printed")
    said = [json.loads(line) for line in parser.parse_args().figures.read_text().splitlines() if line]
    found: dict[str, list[Row]] = {each["bench"].removeprefix("scale: "): each["rows"] for each in said}
    page = PAGE.read_text()
    for name, rows in found.items():
        note = f"Load {said[0]['machine']['load']} before; a durable 8 KB write takes {said[0]['machine']['commit_ms']} ms."
        page = put(page, name, table(rows) + (f"\n\n{note}" if name == "throughput" else ""))
    if {"throughput", "cost"} <= found.keys():
        page = put(page, "carries over", carries_over(found["throughput"]))
        page = put(page, "million", million(found["throughput"], found["cost"]))
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
