"""The made town: the same every time, and nothing of it is set aside."""

from __future__ import annotations

from datetime import UTC, datetime

from remit.graph.ingest import read_in
from remit.graph.sample import town

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_same_seed_makes_the_same_town_and_every_row_of_it_can_be_taken_in() -> None:
    rows = list(town(30, NOW))
    assert rows == list(town(30, NOW))
    assert rows != list(town(30, NOW, seed=8))
    batch = read_in(list(enumerate(rows)), "", frozenset(), NOW)
    assert batch.aside == ()
    assert len(batch.good) == len(rows)
    assert {"purchase", "message", "consent_given", "open"} <= {one.kind for one in batch.good.values()}
