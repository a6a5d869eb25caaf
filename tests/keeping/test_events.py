"""What happened and its words, taken away by rule: as long as is said and no longer, with states that are right after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from remit.access.audit import entries
from remit.age import parse_age
from remit.errors import FieldError, UnknownName
from remit.graph.horizon import Horizon, read_horizon, told
from remit.graph.ingest import take
from remit.graph.people import consent_of, find, state_at, state_of, terms_of, timeline
from remit.graph.state import Happened, Key, fold
from remit.graph.terms import set_terms
from remit.keeping import work
from remit.keeping.rules import list_rules, remove_rule, set_rule
from remit.keeping.work import foreseen, look
from remit.privacy.holds import set_hold
from remit.retention import lately
from remit.store.store import Store
from tests.graph.conftest import NOW, row
from tests.graph.test_state import same
from tests.journal.test_archive import do, one

Json = Any
ANN = "ann@x.example"
DAY, MONTH, YEAR = parse_age("1d"), parse_age("30d"), parse_age("1y")


async def an_hour_later(store: Store) -> None:
    await do(
        store, "update keeping set set_at = set_at - interval '1 hour', due_at = now() - interval '1 second'"
    )


async def applied(store: Store) -> None:
    """As if the hour were over, until nothing is left to do."""
    await an_hour_later(store)
    while await look(store):
        pass


async def came(store: Store, *rows: Json, workspace: str = "") -> Any:
    return await take(store.as_owner(workspace), list(enumerate(rows, 1)), "shop")


async def left(store: Store) -> set[str]:
    return set(await one(store, "select coalesce(array_agg(event), '{}') from graph_interactions"))


def happened(row: Json) -> Happened:
    key = Key(row["channel"], row.get("direction", "in"), row["kind"], row.get("currency", ""))
    return Happened(key, datetime.fromisoformat(row["at"]), row.get("value"))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_state_is_the_fold_of_what_is_left_at_every_moment_from_then_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(work, "AT_ONCE", 7)  # so that a key is taken from in many parts
    chance, rows = Random(seed), []
    for n in range(150):
        kind, more = chance.choice(
            [("page_view", {}), ("message", {"direction": "out"}), ("purchase", {"value": chance.randint(1, 900), "currency": chance.choice(["EUR", "USD"])})]
        )  # fmt: skip
        channel = chance.choice(["web", "email"])
        who = f"p{chance.randint(0, 3)}@x.example"
        rows.append(row(f"e{n}", chance.uniform(0, 900), email=who, kind=kind, channel=channel, **more))
    await came(store, *rows)
    for kind, channel, age in (("page_view", "", MONTH), ("", "email", YEAR), ("purchase", "web", YEAR * 2)):
        await set_rule(store, "interactions", age, "olga", kind, channel)
    await applied(store)
    kept = {
        ("page_view", "web"): 30,
        ("page_view", "email"): 30,
        ("message", "email"): 366,
        ("purchase", "email"): 366,
        ("purchase", "web"): 732,
    }
    now = datetime.now(UTC)
    for who in sorted({each["email"] for each in rows}):
        person = await find(store, who)
        theirs = [
            happened(each) for each in rows
            if each["email"] == who and datetime.fromisoformat(each["at"]) >= now - timedelta(days=kept.get((each["kind"], each["channel"]), 9999))
        ]  # fmt: skip
        terms = await terms_of(store)
        assert same(await state_of(store, person, terms), fold(theirs, terms))
        for days in (0, 20, 29):  # which none of the rules reaches
            at = now - timedelta(days=days)
            assert same(
                await state_at(store, person, terms, at), fold((x for x in theirs if x.at <= at), terms)
            )
    await set_terms(store, await terms_of(store), "olga")
    assert same(await state_of(store, person, terms), fold(theirs, terms))


async def test_what_was_taken_away_does_not_come_back_when_it_is_delivered_again(store: Store) -> None:
    old, young = row("old", 400, email=ANN, text="I am ill"), row("young", 3, email=ANN)
    await came(store, old, young)
    await set_rule(store, "interactions", YEAR, "olga")
    await applied(store)
    assert await left(store) == {"young"}
    for change in (None, YEAR * 9):
        taken = await came(store, old, young, row("never", 500, email=ANN))
        assert (taken.new, taken.known) == (0, 1)
        assert [(each.line, each.field) for each in taken.set_aside] == [(1, "at"), (3, "at")]
        assert "is older than what is kept: of visit on web, what happened since" in taken.set_aside[0].why
        assert (
            await one(store, "select count(*) from graph_rejected") == 0
        )  # nothing of it is kept there either
        if change is None:
            await remove_rule(store, "interactions", "olga")
        else:
            await set_rule(store, "interactions", change, "olga")
    taken = await came(store, row("other", 390, email=ANN, kind="call", channel="phone"))
    assert taken.new == 1  # of this nothing was ever taken away


async def test_words_go_and_what_happened_stays_and_late_words_are_not_taken_in(store: Store) -> None:
    def mail(id_: str, days: float) -> Json:
        return row(
            id_,
            days,
            email=ANN,
            kind="message",
            channel="email",
            subject="Ill",
            text="I am ill",
            properties={"to": "us"},
        )

    await came(store, mail("old", 800), mail("older", 900), mail("young", 100))
    before = await find(store, ANN)
    terms = await terms_of(store)
    state = await state_of(store, before, terms)
    await set_rule(store, "words", YEAR, "olga", "message")
    await applied(store)
    found = {each.event: (each.subject, each.body, each.properties) for each in await timeline(store, before)}
    assert found == {
        "old": ("", "", None),
        "older": ("", "", None),
        "young": ("Ill", "I am ill", {"to": "us"}),
    }
    assert same(await state_of(store, before, terms), state)
    assert (await came(store, mail("late", 700), mail("old", 800))).new == 1
    assert (
        await one(store, "select count(*) from graph_interactions where body <> '' or properties is not null")
        == 1
    )
    assert [each.deleted for each in await lately(store)] == [2]
    await applied(store)
    assert len(await lately(store)) == 1


async def test_the_closest_rule_holds_and_nothing_is_sooner_than_the_rule_that_says_for_ever(
    store: Store,
) -> None:
    horizon = Horizon(
        {
            ("interactions", "", ""): YEAR,
            ("interactions", "", "web"): MONTH,
            ("interactions", "call", ""): None,
            ("interactions", "call", "web"): DAY,
        }
    )
    ages = [
        horizon.lasts("interactions", *pair)
        for pair in (("visit", "app"), ("visit", "web"), ("call", "phone"), ("call", "web"))
    ]
    assert ages == [YEAR, MONTH, None, DAY]
    await came(store, row("v", 400, email=ANN), row("c", 400, email=ANN, kind="call", channel="phone"))
    await set_rule(store, "interactions", YEAR, "olga")
    await an_hour_later(store)
    await set_rule(store, "interactions", None, "bo", "call")  # set in time, though the wider rule is due
    while await look(store):
        pass
    assert await left(store) == {"c"}


async def test_a_hold_keeps_what_a_rule_would_take_away_and_takes_in_what_comes_late(store: Store) -> None:
    def bill(id_: str, days: float) -> Json:
        return row(id_, days, email=ANN, kind="purchase", value=5, currency="EUR", subject="Bill 1")

    await came(store, bill("b5", 5 * 366), bill("b11", 11 * 366), row("v", 5 * 366, email=ANN))
    await set_hold(store, "invoices", ["purchase"], "10y", "the law", "olga")
    for what in ("interactions", "words"):
        await set_rule(store, what, YEAR * 2, "olga")
    await applied(store)
    assert await left(store) == {"b5"}
    assert await one(store, "select subject from graph_interactions") == "Bill 1"
    assert (await came(store, bill("b4", 4 * 366), bill("b11", 11 * 366))).new == 1


async def test_what_people_said_of_being_reached_never_grows_too_old(store: Store) -> None:
    await came(
        store,
        row(
            "yes", 2000, email=ANN, kind="consent_given", channel="email", properties={"purpose": "marketing"}
        ),
        row("no", 1900, email=ANN, kind="unsubscribed", channel="email"),
        row("v", 1900, email=ANN),
    )
    for what in ("interactions", "words"):
        await set_rule(store, what, MONTH, "olga")
    await applied(store)
    assert await left(store) == {"yes", "no"}
    person = await find(store, ANN)
    assert (await consent_of(store, person)).may("email", "marketing").says == "no"
    with pytest.raises(FieldError, match="without it they would be reached again"):
        await set_rule(store, "interactions", YEAR, "olga", "unsubscribed")


async def test_a_rule_is_first_applied_an_hour_later_and_one_that_changed_does_nothing_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "AT_ONCE", 1)
    await came(store, *(row(f"v{n}", 400 + n, email=ANN) for n in range(3)))
    rule = await set_rule(store, "interactions", YEAR, "olga")
    assert (rule.due_at - rule.set_at).total_seconds() == pytest.approx(3600, abs=1)
    assert not await look(store)
    assert (await came(store, row("late", 500, email=ANN))).new == 1  # which may yet be kept
    monkeypatch.setattr(work, "LONGEST", 0.0)  # a transaction each time
    await an_hour_later(store)
    assert await look(store)
    await set_rule(store, "interactions", YEAR * 8, "olga")
    await applied(store)
    assert len(await left(store)) == 3
    assert [each.what for each in await entries(store, what="keeping")] == ["keeping.set"] * 2


async def test_what_a_rule_would_take_away_is_told_and_each_workspace_has_its_own(store: Store) -> None:
    await came(store, row("a", 400, email=ANN), row("b", 500, email=ANN, kind="call"), row("c", 1, email=ANN))
    await came(store, row("a", 400, email=ANN), workspace="acme")
    told_ = await foreseen(store, "interactions", YEAR)
    assert (told_.rows, told_.more, told_.oldest) == (2, False, NOW - timedelta(days=500))
    assert (await foreseen(store, "interactions", YEAR, "call")).rows == 1
    assert (await foreseen(store, "interactions", None, "call")).rows == 0
    assert (await foreseen(store, "words", YEAR)).rows == 0
    await set_rule(store, "interactions", YEAR, "olga")
    await applied(store)
    assert (await foreseen(store, "interactions", YEAR)).rows == 0
    assert await one(store, "select array_agg(workspace order by workspace) from graph_interactions") == [
        "acme",
        "default",
    ]
    assert await list_rules(store.as_owner("acme")) == []
    (done,) = await lately(store)
    assert (done.policy, done.deleted) == ("interactions kept 1y", 2)
    async with store.pool.connection() as connection:
        horizon = await read_horizon(connection, store.workspace)
    assert {kind for kind, _, _ in told(horizon.gone, NOW - timedelta(days=600))} == {"visit", "call"}
    assert told(horizon.gone, NOW) == []


@pytest.mark.parametrize(
    ("what", "lasts", "place", "why"),
    [
        ("runs", YEAR, {}, "nothing that has a rule: interactions, words"),
        ("interactions", DAY, {}, "what happened: 30d to 200y, or never"),
        ("people", MONTH, {}, "90d to 200y"),
        ("interactions", None, {}, "remove the rule instead"),
        ("decisions", YEAR, {"kind": "x"}, "only interactions and words are told apart"),
        ("words", YEAR, {"channel": "E-Mail"}, "'E-Mail' is none: a small letter"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_where_it_is_wrong(
    store: Store, what: str, lasts: timedelta | None, place: dict[str, str], why: str
) -> None:
    with pytest.raises(FieldError, match=why):
        await set_rule(store, what, lasts, "olga", **place)
    with pytest.raises(UnknownName):
        await remove_rule(store, "words", "olga")
