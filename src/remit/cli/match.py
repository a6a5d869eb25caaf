"""`remit match`: which records of a file, or of two, are of one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations, product
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, errors, listing, perform, print_json
from remit.errors import UserError
from remit.graph.match import DOUBTFUL, STRONG, Pair
from remit.graph.match import match as find_pairs
from remit.graph.records import Table, read

SHOWN = 10  # pairs that are shown of those that are in doubt


def match(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header: names, birthday, address, …")],
    other: Annotated[
        Path | None, typer.Argument(help="A second one: its records are compared with the first one's only.")
    ] = None,
    id: Annotated[
        str, typer.Option(help="The column that numbers the records; without it, their lines do.")
    ] = "",
    truth: Annotated[
        str,
        typer.Option(help="The column that says who it truly is: it is counted how good the matching is."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Which records are of one person, where no number or address says so. Nothing is kept, and nothing leaves the machine. Which
    column is taken for what is said first; --json has all pairs with the reasons for each, in bits.

    Example: remit match crm.csv

    Example: remit match crm.csv shop.csv --id number --json > pairs.json

    Example: remit match people.csv --truth person
    """
    perform(_match(file, other, id, truth, as_json))


async def _match(file: Path, other: Path | None, id: str, truth: str, as_json: bool) -> None:
    tables = _tables(file, other, id, truth)
    records = [record for table in tables for record in table.records]
    if not as_json:
        for table, path in zip(tables, (file, other), strict=False):
            errors.print(_taken(table, path or file), style="dim")
    found = find_pairs(records)
    good = _goodness(tables, found, truth) if truth else None
    if as_json:
        sure = sum(pair.probability >= STRONG for pair in found)
        figures = {"records": len(records), "sure": sure, "asked": len(found) - sure}
        print_json({**figures, "goodness": good, "pairs": [asdict(pair) for pair in found]})
        return
    _show(found, len(records))
    if good:
        console.print(f"Against {truth}: " + ", ".join(f"{name} {value:.4f}" for name, value in good.items()))


def _tables(file: Path, other: Path | None, id: str, truth: str) -> list[Table]:
    """The files' records; of two files, those of the second are named after it."""
    if other is None:
        tables = [read(file, id=id)]
    else:
        tables = [read(path, id=id, source=f"{n}") for n, path in enumerate((file, other), start=1)]
    for table, path in zip(tables, (file, other), strict=False):
        if truth and not all(truth in row for row in table.rows):
            raise UserError(f"{path}: there is no column {truth!r}")
    return tables


def _taken(table: Table, path: Path) -> str:
    roles = ", ".join(
        role.replace("_", " ") if role == column else f"{column} as {role.replace('_', ' ')}"
        for role, column in table.columns.roles.items()
    )
    ignored = f"; left out: {', '.join(table.columns.ignored)}" if table.columns.ignored else ""
    return f"{path}: {len(table.records):,} records by {roles or 'nothing'}{ignored}"


def _show(found: Sequence[Pair], records: int) -> None:
    sure = [pair for pair in found if pair.probability >= STRONG]
    asked = found[len(sure) :]
    console.print(f"{len(sure):,} pairs of {records:,} records are one person (from {STRONG:.0%} on).")
    console.print(f"{len(asked):,} more are in doubt ({DOUBTFUL:.0%} to {STRONG:.0%}): a person should look.")
    if not asked:
        return
    table = listing("how likely", "record", "and", "why (bits)", whole=("how likely", "record", "and"))
    for pair in asked[:SHOWN]:
        why = " · ".join(f"{reason.words} {reason.bits:+.1f}" for reason in pair.reasons)
        table.add_row(f"{pair.probability:.2f}", Text(pair.left), Text(pair.right), Text(why))
    console.print(table)
    if len(asked) > SHOWN:
        console.print(f"… and {len(asked) - SHOWN:,} more, with --json", style="dim")


def _goodness(tables: Sequence[Table], found: Sequence[Pair], truth: str) -> Mapping[str, float]:
    """Precision, recall and F1 of the pairs that it is sure of."""
    said = [
        [(record.id, row[truth]) for record, row in zip(table.records, table.rows, strict=True)]
        for table in tables
    ]
    compared = product(*said) if len(said) > 1 else combinations(said[0], 2)
    true = {(a, b) if len(said) > 1 else _sorted(a, b) for (a, who), (b, whose) in compared if who == whose}
    sure = {
        (pair.left, pair.right) if len(said) > 1 else _sorted(pair.left, pair.right)
        for pair in found
        if pair.probability >= STRONG
    }
    precision, recall = len(sure & true) / max(1, len(sure)), len(sure & true) / max(1, len(true))
    both = precision + recall
    return {"precision": precision, "recall": recall, "F1": 2 * precision * recall / both if both else 0.0}


def _sorted(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
