"""Accounts in the database: known by identifiers of their own, with people who belong to them, all of it to be taken back."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from remit.errors import UserError
from remit.graph.accounts.look import (
    MEMBERS,
    NoSuchAccount,
    accounts_of,
    find_account,
    members,
    proposed,
    search_accounts,
)
from remit.graph.accounts.propose import propose
from remit.graph.accounts.sums import sums_of
from remit.graph.accounts.word import belongs, found_or_made, hold_link, say_accounts, take_back
from remit.graph.files import rows_in
from remit.graph.ingest import take_all
from remit.graph.merging import say, withdraw
from remit.graph.people import find
from remit.privacy.erase import begin, go_on
from remit.store.store import Store
from tests.graph.conftest import NOW, people, row, taken

Json = Any
ACME = {"crm": "A1", "domain": "Acme.example", "name": "ACME GmbH"}


async def belonging(store: Store, who: str, days: float = 0) -> dict[str, str]:
    """The accounts of somebody some days ago, with their role."""
    found = await accounts_of(store, await find(store, who), NOW - timedelta(days=days))
    return {one.called: one.tie.role for one in found if one.tie}


async def test_who_belongs_to_an_account_is_known_with_their_role_as_of_any_moment(store: Store) -> None:
    done = await taken(
        store,
        row("e1", 40, email="ann@acme.example", kind="signup", account=ACME | {"role": "buyer"}),
        row("e2", 10, email="ann@acme.example", account=ACME | {"role": "head of buying"}),
        row("e3", 30, customer="C2", name="Bo", account={"crm": "A1"}),
        row(
            "e4",
            5,
            customer="C2",
            kind="record",
            account={"crm": "A1", "until": (NOW - timedelta(days=6)).isoformat()},
        ),
    )
    assert (done.new, done.set_aside) == (4, ())
    assert await taken(store, row("e1", 40, email="ann@acme.example", account=ACME)) == type(done)(0, 1)
    acme = await find_account(store, "acme.example")
    assert acme == await find_account(store, "crm:A1") == await find_account(store, str(acme.id))
    assert (acme.called, [one.key for one in acme.names]) == ("ACME GmbH", ["crm:A1", "domain:acme.example"])
    assert await belonging(store, "ann@acme.example") == {"ACME GmbH": "head of buying"}
    assert await belonging(store, "ann@acme.example", 20) == {"ACME GmbH": "buyer"}
    assert await belonging(store, "ann@acme.example", 41) == {}
    assert [one.called for one in await members(store, acme, NOW)] == ["ann@acme.example"]
    then = await members(store, acme, NOW - timedelta(days=8))
    assert {one.called: one.tie.since for one in then} == {
        "ann@acme.example": NOW - timedelta(days=40), "Bo": NOW - timedelta(days=30),
    }  # fmt: skip
    assert [(one.called, one.people) for one in await search_accounts(store, "acm")] == [("ACME GmbH", 1)]
    with pytest.raises(NoSuchAccount, match="crm:A-77"):
        await find_account(store, "acme")


async def test_an_account_is_one_by_what_is_checked_and_two_again_when_that_is_taken_back(
    store: Store,
) -> None:
    await taken(
        store,
        row(
            "e1",
            3,
            email="ann@x.example",
            account={"crm": "A1", "domain": "acme.example", "verified": ["domain"]},
        ),
        row("e2", 2, email="bo@x.example", account={"identifiers": {"team": "t7"}, "domain": "acme.example"}),
        row("e3", 1, email="cy@x.example", account={"crm": "A2", "domain": "beta.example"}),
    )
    acme, beta = await find_account(store, "crm:A1"), await find_account(store, "crm:A2")
    assert {one.key for one in acme.names} == {"crm:A1", "domain:acme.example", "team:t7"}
    await taken(
        store,
        row(
            "e4", 1, email="dee@x.example", account={"crm": "A2", "domain": "acme.example", "verified": True}
        ),
    )
    # two numbers of one CRM under one domain are two, and the domain is neither's
    assert {one.key for one in (await find_account(store, "crm:A1")).names} == {"crm:A1"}
    assert (await find_account(store, "crm:A2")).id == beta.id
    one, two = await find_account(store, "crm:A1"), await find_account(store, "crm:A2")
    await say_accounts(store, one, two, "same", "olga")
    both = await find_account(store, "crm:A2")
    assert {"crm:A1", "crm:A2"} <= {name.key for name in both.names}
    assert {member.called for member in await members(store, both, NOW)} >= {"ann@x.example", "cy@x.example"}
    (word,) = [link for link in both.evidence if link.how == "same"]
    await hold_link(store, word.id, "olga", withdrawn=True)
    assert (await find_account(store, "crm:A1"), await find_account(store, "crm:A2")) != (both, both)
    assert "crm:A2" not in {name.key for name in (await find_account(store, "crm:A1")).names}
    with pytest.raises(UserError, match="no link"):
        await hold_link(store, word.id, "olga", withdrawn=True)


async def test_two_accounts_of_which_nothing_is_checked_are_not_made_one(store: Store) -> None:
    await taken(
        store,
        row("e1", email="ann@x.example", account={"domain": "acme.example", "identifiers": {"team": "t7"}}),
    )
    found = await find_account(store, "acme.example")
    assert ([one.key for one in found.names], [one.held for one in found.evidence]) == (
        ["domain:acme.example"],
        ["doubtful"],
    )


@pytest.mark.parametrize("seed", range(4))
async def test_merging_people_keeps_their_memberships_and_parting_them_gives_them_back(
    store: Store, seed: int
) -> None:
    chance = random.Random(seed)
    rows = [
        row(f"e{n}", chance.randrange(60), customer=f"C{chance.randrange(4)}", kind="record",
            account={"crm": f"A{chance.randrange(3)}", "role": chance.choice(["", "buyer", "head"])})
        for n in range(14)
    ]  # fmt: skip
    await taken(store, *rows)

    async def stands() -> dict[str, dict[str, str]]:
        return {who: await belonging(store, who) for who in whom}

    whom = sorted({f"customer:{one['customer']}" for one in rows})
    before, (a, b) = await stands(), chance.sample(whom, 2)
    first, second = await find(store, a), await find(store, b)
    await say(store, first.id, second.id, "same", "olga")
    merged = await stands()
    assert merged[a] == merged[b]
    assert set(merged[a]) == set(before[a]) | set(before[b])
    (link,) = [one for one in (await find(store, a)).evidence if one.how == "same"]
    await withdraw(store, link.id, "olga")
    assert await stands() == before
    assert await people(store) == {
        frozenset([one]) for one in whom
    }  # belonging to one account makes nobody one


@pytest.mark.parametrize("seed", range(3))
async def test_the_database_finds_the_people_that_the_pure_function_does(store: Store, seed: int) -> None:
    chance = random.Random(seed)

    def account() -> Json:
        given: Json = {"crm": "A1", "role": chance.choice(["", "buyer"])}
        if chance.random() < 0.5:
            given["since"] = (NOW - timedelta(days=chance.randrange(60, 90))).isoformat()
        if chance.random() < 0.4:
            given["until"] = (NOW - timedelta(days=chance.randrange(55) - 5)).isoformat()
        return given

    await taken(
        store,
        *(
            row(f"e{n}", chance.randrange(50), customer=f"C{chance.randrange(8)}", account=account())
            for n in range(40)
        ),
    )
    one = await find(store, "customer:C1")
    acme = await find_account(store, "crm:A1")
    await belongs(store, one, acme, "olga", no=True)
    for days in (0, 7, 30, 70):
        at = NOW - timedelta(days=days)
        async with store.pool.connection() as connection:
            rows = await (await connection.execute(MEMBERS, {"account": acme.id, "at": at})).fetchall()
        told = {n: await accounts_of(store, await find(store, f"customer:C{n}"), at) for n in range(8)}
        pure = {
            (await find(store, f"customer:C{n}")).id
            for n, found in told.items()
            if any(each.tie for each in found)
        }
        assert {person for (person,) in rows} == pure
        assert {member.person for member in await members(store, acme, at)} == pure


async def test_a_persons_word_says_who_belongs_and_who_does_not_until_it_is_taken_back(store: Store) -> None:
    await taken(store, row("e1", 9, email="ann@acme.example", account=ACME))
    ann, acme = await find(store, "ann@acme.example"), await find_account(store, "crm:A1")
    number = await belongs(store, ann, acme, "olga", no=True)
    assert await belonging(store, "ann@acme.example") == {}
    await taken(store, row("e2", 1, email="ann@acme.example", account=ACME))
    assert await members(store, acme, NOW) == []
    await take_back(store, number, "olga")
    assert await belonging(store, "ann@acme.example") == {"ACME GmbH": ""}
    with pytest.raises(UserError, match="no such statement"):
        await take_back(store, number, "olga")
    home = await found_or_made(store, "household:42")
    await belongs(store, ann, home, "olga", role="mother", since=NOW - timedelta(days=400))
    assert await belonging(store, "ann@acme.example", 300) == {"42": "mother"}
    with pytest.raises(UserError, match="mailboxes of everybody"):
        await found_or_made(store, "gmail.com")


async def test_an_address_proposes_an_account_and_counts_for_nothing_until_somebody_says_so(
    store: Store,
) -> None:
    await taken(
        store,
        row("e1", 3, email="ann@acme.example", account=ACME),
        row("e2", 2, email="bo@acme.example"),
        row("e3", 2, email="cy@other.example"),
        row("e4", 2, email="info@acme.example"),
    )
    assert (await propose(store, "olga"), await propose(store, "olga")) == (1, 0)
    acme = await find_account(store, "crm:A1")
    assert [one.called for one in await proposed(store, acme)] == ["bo@acme.example"]
    assert await belonging(store, "bo@acme.example") == {}
    number = await belongs(store, await find(store, "bo@acme.example"), acme, "olga", no=True)
    assert await proposed(store, acme) == []
    await take_back(store, number, "olga")
    await belongs(
        store, await find(store, "bo@acme.example"), acme, "olga", role="boss", since=NOW - timedelta(days=1)
    )
    assert await belonging(store, "bo@acme.example") == {"ACME GmbH": "boss"}
    assert await propose(store, "olga") == 0


async def test_an_account_comes_to_what_its_people_come_to(store: Store) -> None:
    await taken(
        store,
        row("e1", 100, customer="C1", kind="purchase", value="20", currency="EUR", account={"crm": "A1"}),
        row("e2", 3, customer="C2", kind="purchase", value="5", currency="EUR", account={"crm": "A1"}),
        row("e3", 2, customer="C2", kind="refund", value="1", currency="EUR"),
        row("e4", 2, customer="C3", kind="record", account={"crm": "A1"}),
        row("e5", 2, customer="C4", kind="purchase", value="99", currency="EUR", account={"crm": "A2"}),
        row("e6", 2, customer="C2", kind="consent_given", properties={"purpose": "marketing", "channel": "email"}),
        row("e7", 1, customer="C1", kind="unsubscribed", channel="email"),
    )  # fmt: skip
    sums = await sums_of(store, await find_account(store, "crm:A1"), NOW)
    assert (sums.people, sums.active, sums.stages["silent"]) == (3, 2, 1)  # who unsubscribes was heard of
    assert (sums.count, sums.last, sums.spent) == (5, NOW - timedelta(days=1), {"EUR": Decimal(24)})
    assert sums.may_mail == {"yes": 1, "no": 1, "unknown": 1}  # nobody's consent is another's


async def test_a_table_says_the_account_in_columns_and_what_is_wrong_in_it_is_set_aside(
    store: Store, tmp_path: Path
) -> None:
    lines = """id,at,kind,email,account.crm,account.name,account.role,account.attributes.size,account.id.team
a,2026-05-01T10:00:00Z,record,ann@x.example,A1,ACME,buyer,40,
b,2026-05-01T10:00:00Z,record,bo@x.example,,,,,
c,2026-05-01T10:00:00Z,record,cy@x.example,,ACME,,,
d,2026-05-01T10:00:00Z,record,dee@x.example,,,,,t7
""".splitlines(keepends=True)
    (done,) = [one async for one in take_all(store, rows_in((line.encode() for line in lines), "csv"), "crm")]
    assert (done.new, [(one.line, one.field) for one in done.set_aside]) == (3, [(4, "account")])
    acme = await find_account(store, "crm:A1")
    assert {key: said[0] for key, said in acme.about.items()} == {"name": "ACME", "size": "40"}
    assert await belonging(store, "dee@x.example") == {"t7": ""}
    wrong = await taken(store, row("e1", email="e@x.example", account={"crm": "A1", "rank": 1}))
    assert [(one.field, "account.attributes" in one.why) for one in wrong.set_aside] == [
        ("account.rank", True)
    ]


async def test_erasing_somebody_takes_what_they_belonged_to_and_leaves_the_company(store: Store) -> None:
    await taken(
        store,
        row("e1", 3, email="ann@x.example", name="Ann Planted", account=ACME),
        row("e2", 2, email="ann@x.example", account={"identifiers": {"household": "h1"}, "name": "Household of Ann Planted"}),
    )  # fmt: skip

    async def nobody(run: object, by: str, why: str) -> None:
        raise AssertionError("no run of hers is open")

    done = await go_on(store, await begin(store, await find(store, "ann@x.example"), "dpo", "asked"), nobody)
    assert (done.counts["graph_memberships"], done.counts["graph_accounts"]) == (2, 1)
    assert await members(store, await find_account(store, "crm:A1"), NOW) == []
    with pytest.raises(NoSuchAccount):
        await find_account(store, "household:h1")
