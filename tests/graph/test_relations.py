"""How people stand to each other: directed, with evidence, as of any moment, and never a reason for anything else."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime, timedelta

import pytest

from remit.errors import UserError
from remit.graph.accounts.relations import relate, relations_of, unrelate
from remit.graph.merging import say, withdraw
from remit.graph.people import NoSuchPerson, consent_of, find
from remit.privacy.erase import begin, go_on
from remit.privacy.export import export
from remit.store.store import Store
from tests.graph.conftest import NOW, people, row, taken

BOSS = {"reports_to": "customer:C2"}


async def stands(store: Store, who: str, at: datetime = NOW) -> set[tuple[str, str, str]]:
    found = await relations_of(store, await find(store, who), at)
    return {(one.kind, one.way, one.called) for one in found if one.tie}


async def test_a_row_says_how_people_stand_to_each_other_and_from_when_to_when(store: Store) -> None:
    await taken(
        store,
        row("e1", 50, customer="C1", relations=BOSS),
        row("e2", 20, customer="C1", relations=[
            {"kind": "reports_to", "to": "customer:C2", "until": (NOW - timedelta(days=25)).isoformat()},
            {"kind": "buys_for", "to": "ann@x.example", "since": "2026-01-01"},
        ]),
    )  # fmt: skip
    assert await stands(store, "customer:C1") == {("buys_for", "to", "ann@x.example")}
    then = NOW - timedelta(days=30)
    assert ("reports_to", "to", "C2") in await stands(store, "customer:C1", then)
    assert await stands(store, "customer:C2", then) == {("reports_to", "from", "C1")}
    assert await stands(store, "customer:C2", NOW - timedelta(days=60)) == set()
    assert await people(store) == {
        frozenset([one]) for one in ("customer:C1", "customer:C2", "email:ann@x.example")
    }
    wrong = await taken(
        store,
        row("w1", customer="C1", relations={"reports_to": "nobody"}),
        row("w2", customer="C1", relations={"reports_to": "customer:C1"}),
        row("w3", customer="C1", relations={"Reports": "customer:C2"}),
        row("w4", customer="C1", relations={"reports_to": "info@x.example"}),
    )
    assert [one.field for one in wrong.set_aside] == ["relations"] * 4


async def test_a_persons_word_relates_two_and_is_taken_back(store: Store) -> None:
    await taken(store, row("e1", 9, customer="C1", relations=BOSS))
    one, two = await find(store, "customer:C1"), await find(store, "customer:C2")
    number = await relate(store, one, "reports_to", two, "olga", no=True)
    assert await stands(store, "customer:C1") == set()
    await unrelate(store, number, "olga")
    assert await stands(store, "customer:C1") == {("reports_to", "to", "C2")}
    await relate(store, two, "mentors", one, "olga", since=NOW - timedelta(days=100))
    assert ("mentors", "to", "C1") in await stands(store, "customer:C2", NOW - timedelta(days=90))
    with pytest.raises(UserError, match="no such statement"):
        await unrelate(store, number, "olga")
    with pytest.raises(UserError, match="name two"):
        await relate(store, one, "mentors", one, "olga")
    with pytest.raises(UserError, match="no kind of relation"):
        await relate(store, one, "Is Boss Of", two, "olga")


async def test_relations_follow_who_is_one_person_and_carry_no_consent(store: Store) -> None:
    await taken(
        store,
        row("e1", 9, customer="C1", relations={"household": "customer:C2"}),
        row(
            "e2",
            8,
            customer="C2",
            kind="consent_given",
            properties={"purpose": "marketing", "channel": "email"},
        ),
        row("e3", 7, customer="C3", relations={"household": "customer:C2"}),
    )
    assert (await consent_of(store, await find(store, "customer:C1"))).may(
        "email", "marketing"
    ).says == "unknown"
    one, three = await find(store, "customer:C1"), await find(store, "customer:C3")
    await say(store, one.id, three.id, "same", "olga")
    assert await stands(store, "customer:C2") == {("household", "from", "C1")}
    (link,) = (await find(store, "customer:C1")).evidence
    await withdraw(store, link.id, "olga")
    assert await stands(store, "customer:C2") == {("household", "from", "C1"), ("household", "from", "C3")}


async def test_an_export_tells_no_name_of_others_and_who_is_erased_is_not_named_again(store: Store) -> None:
    await taken(store, row("e1", 9, customer="C1", account={"crm": "A1", "role": "buyer"}, relations=BOSS))
    into = io.BytesIO()
    await export(store, await find(store, "customer:C1"), "olga", into)
    told = zipfile.ZipFile(into).read("person.json").decode()
    assert (json.loads(told)["relations"][0]["kind"], json.loads(told)["accounts"][0]["tie"]["role"]) == (
        "reports_to",
        "buyer",
    )
    assert "C2" not in told

    async def nobody(run: object, by: str, why: str) -> None:
        raise AssertionError("no run is open")

    done = await go_on(store, await begin(store, await find(store, "customer:C2"), "dpo", "asked"), nobody)
    assert done.counts["graph_relations"] == 1
    assert await stands(store, "customer:C1") == set()
    late = await taken(store, row("e2", 8, customer="C1", relations=BOSS))
    assert late.new == 1
    with pytest.raises(NoSuchPerson):
        await find(store, "customer:C2")
