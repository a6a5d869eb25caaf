"""Who is alike by what is said of them, as links in the graph: with reasons, never against what is known, and to be taken back."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from remit.errors import UserError
from remit.graph.match import match
from remit.graph.matching import keep, match_all, records_of
from remit.graph.merging import questions, withdraw
from remit.graph.people import consent_of, find
from remit.store.store import Store
from tests.graph.conftest import dump, people, row, taken

Json = Any
FAKE = Path(__file__).parent / "data" / "fake_1000.csv"
COUNT = 260


def rows() -> list[dict[str, str]]:
    with FAKE.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))[:COUNT]


def told(one: dict[str, str]) -> dict[str, Json]:
    """A row as its source would say it: of a number of no system that gives each person one only."""
    about = {key: one[key] for key in ("first_name", "surname", "dob", "city") if one[key]}
    mail = {"mail": one["email"]} if one["email"] else {}
    return row(
        f"r{one['unique_id']}",
        9,
        kind="record",
        identifiers={"entry": one["unique_id"]},
        attributes=about | mail,
    )


async def test_who_is_alike_is_made_one_with_reasons_or_asked_about_and_everything_is_taken_back(
    store: Store,
) -> None:
    entries = rows()
    await taken(
        store,
        *map(told, entries),
        row("no", 1, kind="unsubscribed", channel="email", identifiers={"entry": entries[0]["unique_id"]}),
    )
    before = await dump(store)
    assert not (await consent_of(store, await find(store, "entry:1"))).words
    pairs = match(records := await records_of(store))
    done = await keep(store, len(records), pairs, "olga")
    assert done.records > 0.8 * COUNT
    assert done.joined > 30

    truth = {f"entry:{one['unique_id']}": one["cluster"] for one in entries}
    groups = [group for group in await people(store) if len(group) > 1]
    wrong = [group for group in groups if len({truth[key] for key in group}) > 1]
    assert len(wrong) <= 0.02 * len(groups)
    pair = sorted(next(one for one in groups if len(one) == 2 and "entry:0" not in one))
    (link,) = [one for one in (await find(store, pair[0])).evidence if not one.held]
    assert (link.how, link.reasons != []) == ("alike", True)
    other = await find(store, "entry:1")
    assert "entry:0" in {one.key for one in other.profiles}
    assert (await consent_of(store, other)).may(
        "email", "marketing"
    ).says == "no"  # which the other part of them said

    asked = await questions(store)
    assert len(asked) == min(50, done.asked)
    assert all(0.5 <= one.confidence < 0.9 or one.held != "doubtful" for one in asked if one.reasons)

    await withdraw(store, link.id, "olga")
    assert {one.id: one for one in await records_of(store)} == {one.id: one for one in records}
    again = await keep(store, len(records), pairs, "olga")
    assert again.gone == 0  # and what a person took back is not found anew:
    assert (await find(store, str(link.a))).id != (await find(store, str(link.b))).id

    assert (await keep(store, len(records), [], "olga")).gone == done.joined + done.asked + done.held - 1
    after = await dump(store)
    assert {key: one for key, one in after.items() if key != "links"} == {
        key: one for key, one in before.items() if key != "links"
    }


async def test_too_few_records_to_learn_from_are_said_to_be(store: Store) -> None:
    await taken(
        store, row("r1", kind="record", email="ann@x.example", name="Ann Lee", attributes={"city": "Bonn"})
    )
    with pytest.raises(UserError, match="1 records are too few"):
        await match_all(store, "olga")
