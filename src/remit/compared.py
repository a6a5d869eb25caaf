"""Where two runs part, in words, and which of their events show it: for the command line and the console alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from remit.journal.compare import Change, Comparison, Row
from remit.journal.events import Started

ALIKE = 2  # rows that are the same, kept beside one that is not


def parting(found: Comparison) -> str:
    """Where they part, in a sentence."""
    parted = found.divergence
    if parted is None:
        return "They do the same." if found.same else "They do the same; what differs is aside."
    if parted.row.kind == "differs":
        return f"They part at event {parted.a} of A, which is {parted.b} of B."
    return f"They part after event {parted.a} of A and {parted.b} of B."


def folded(
    rows: Sequence[Row], everything: bool = False, after: int = 0, hidden: int = 0
) -> Iterator[Row | int]:
    """The rows that differ, or say something of their own, with some around them; in place of others how many they are. `hidden`:
    how many more that are the same stand after the first `after` rows."""
    near = {
        number + step
        for number, row in enumerate(rows)
        if row.kind != "same"
        for step in range(-ALIKE, ALIKE + 1)
    }
    left = 0
    for number, row in enumerate(rows):
        left += hidden if number == after else 0
        if not (everything or number in near or row.note):
            left += 1
            continue
        if left:
            yield left
        left = 0
        yield row
    left += hidden if after == len(rows) else 0
    if left:
        yield left


def begun_otherwise(found: Comparison) -> list[Change]:
    """What differs in how the two began: in the agent's spec, the goal, whom it is for, what came with it."""
    first = found.rows[0] if found.rows else None
    if first is None or first.a is None or not isinstance(first.a.body, Started):
        return []
    return [replace(change, where=change.where.removeprefix("spec.")) for change in first.changes]
