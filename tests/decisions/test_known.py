"""What decisions know of people beside what came from them: how they sound, and what their account comes to; and what older logs knew."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import numpy as np
import pytest

from remit.decisions import featured
from remit.decisions.deciding import look, take
from remit.decisions.features import fit_features
from remit.decisions.learn import Learner
from remit.decisions.learned import Credit, tell
from remit.decisions.log import decisions_of
from remit.decisions.packed import pack, unpack
from remit.decisions.whom import NAMES, in_words, known_words
from remit.errors import UnknownName, UserError
from remit.graph.accounts.look import accounts_of, find_account, members
from remit.graph.accounts.many import accounts_within
from remit.graph.accounts.word import belongs
from remit.graph.people import find
from remit.graph.purposes import Limits, set_limit
from remit.graph.understand import understand
from remit.store.store import Store
from tests.decisions.town import TEXT, ann, people, playbook
from tests.graph.conftest import NOW, Json, row, taken
from tests.graph.test_sentiment import Tones, wrote

FIRST = 15  # what version 1 knew of somebody
ACME = {
    "crm": "A-1",
    "attributes": {"stage": "Customer", "owner": "Kim  Lee", "employees": "250", "plan": "team"},
}


async def known(store: Store, persons: list[int], **more: Json) -> dict[int, dict[str, Json]]:
    async with store.pool.connection() as connection:
        found = await featured.known_of(connection, store.workspace, persons, NOW, **more)
    return {person: dict(zip(NAMES, said, strict=True)) for person, said in found.items()}


async def acme(store: Store) -> list[int]:
    """Three of one account, of whom two were heard of of late, and one of none."""
    some = await people(store, 4)
    await taken(
        store,
        row("a0", 2, email=ann(0), account=ACME),
        row("a1", 40, email=ann(1), account={"crm": "A-1"}),
        row("a2", 70, email=ann(2), account={"crm": "A-1"}),
        row("b1", 3, email=ann(1), kind="purchase", value=80, currency="EUR"),
        wrote("w", 1, -0.9, ann(0)),
    )
    await understand(store, Tones(), None)
    async with store.pool.connection() as connection:
        query = "update graph_state set last = last - interval '60 days', first = first - interval '60 days' where profile = %s"
        await connection.execute(query, (some[2],))
    return some


async def test_what_is_known_of_somebody_has_how_they_sound_and_what_their_account_comes_to(
    store: Store,
) -> None:
    some = await acme(store)
    found = await known(store, some)
    first, second, third, alone = (found[one] for one in some)
    assert first["feeling"] == pytest.approx(-0.44, abs=0.02)
    assert second["feeling"] is None
    assert (first["account_people"], first["account_size"]) == (3, 250)
    assert (first["account_stage"], first["account_owner"]) == ("customer", "kim lee")
    assert [one["account_active"] for one in (first, second, third)] == [1, 1, 2]
    assert first["account_spent"] == third["account_spent"] == second["spent"] > 70
    assert {alone[name] for name in NAMES if name.startswith("account_")} == {None}


async def test_a_playbook_is_for_people_by_how_they_sound_and_by_their_account(store: Store) -> None:
    some = await acme(store)
    asked: list[tuple[list[str], list[int]]] = [
        (["feeling<-0.2"], [0]),
        (["account_active>1"], [2]),
        (["account_stage=customer", "spent>50"], [1]),
        (["account.plan=Team"], [0, 1, 2]),
        (["account.plan!=team"], [3]),
        (["account.employees>200"], [0, 1, 2]),
        (["account.employees<200"], []),
        (["account.colour>1"], []),
    ]
    for number, (whom, right) in enumerate(asked):
        await playbook(store, text=f"{TEXT}whom: {json.dumps(whom)}\n", name=f"p{number}")
        assert [n for n, one in enumerate(some) if await look(store, f"p{number}", one, NOW)] == right, whom


async def test_to_what_many_belong_is_told_as_it_is_told_of_each(store: Store) -> None:
    """Said, ended, denied and taken up again, by two sources, in any order."""
    draw, rows = random.Random(3), []
    for n in range(60):
        since = draw.uniform(0.5, 80)
        ends = draw.choice((None, since - draw.uniform(0, since)))
        until = {} if ends is None else {"until": (NOW - timedelta(days=ends)).isoformat()}
        since_ = {"since": (NOW - timedelta(days=since)).isoformat()}
        account = {"crm": f"A-{draw.randrange(4)}", **since_, **until}
        rows.append(row(f"m{n}", draw.uniform(0.2, 80), email=ann(draw.randrange(12)), account=account))
    await taken(store, *rows)
    everybody = {one.id: one for n in range(12) if (one := await find(store, ann(n)))}
    accounts = [await find_account(store, f"crm:A-{n}") for n in range(4)]
    for person in list(everybody.values())[:4]:
        for account in accounts[:2]:
            await belongs(store, person, account, "kim", no=True)
    async with store.pool.connection() as connection:
        found = await accounts_within(connection, store.workspace, list(everybody), NOW)
    belong = {account.id: {one.person for one in await members(store, account, NOW)} for account in accounts}
    for number, person in everybody.items():
        ties = [(one.tie.last, one.account) for one in await accounts_of(store, person, NOW) if one.tie]
        last = max(ties, key=lambda one: (one[0].at, one[0].source, one[0].event, one[0].id), default=None)
        assert (found[number].account if number in found else None) == (last[1] if last else None)
        assert number not in found or found[number].people == len(belong[found[number].account])
    assert 0 < len(found) < 12


async def test_what_may_not_be_used_for_what_a_playbook_does_is_not_known(store: Store) -> None:
    some = await acme(store)
    limits = Limits({f"known.{name}": frozenset({"fraud"}) for name in ("account_spent", "account_stage")})
    told = (await known(store, some, limits=limits, purposes=("marketing",)))[some[0]]
    assert (told["account_spent"], told["account_stage"], told["account_people"]) == (None, None, 3)
    limits = Limits({"kind.message": frozenset({"service"}), "about.owner": frozenset({"service"})})
    told = (await known(store, some, limits=limits, purposes=("marketing",)))[some[0]]
    assert (told["feeling"], told["account_owner"], told["account_stage"]) == (None, None, "customer")
    await set_limit(store, "about.plan", ["service"], "it was told to support", "kim")
    await set_limit(store, "kind.message", ["service"], "what is written to support stays there", "kim")
    for condition in ("account.plan=team", "feeling<0"):
        with pytest.raises(UserError, match="this playbook is for marketing"):
            await playbook(store, text=f"{TEXT}whom: ['{condition}']\n", name="limited")


def test_conditions_on_what_is_no_such_thing_are_told() -> None:
    for condition in ("account=x", "account.plan>many", "accounts.plan=x", "account_owner>2", "stage.x=new"):
        with pytest.raises((UserError, UnknownName)):
            in_words(condition)


def test_what_is_known_and_asked_is_said_in_words() -> None:
    said = {"account_active>2": "active colleagues: more than 2", "stage!=dormant": "their stage: not dormant",
            "account.renewal_month=may": "renewal month of their account: may", "segment=vip": "in the segment vip"}  # fmt: skip
    assert {one: in_words(one) for one in said} == said
    known = dict.fromkeys(NAMES) | {"feeling": -0.42, "account_stage": "trial"}
    told = known_words([known[name] for name in NAMES])
    assert told == [("how what they write sounds", "-0.42"), ("the stage of their account", "trial")]
    assert all(in_words(f"{name}=1") for name in NAMES)


def logged(count: int, version: int, seed: int = 5) -> list[Credit]:
    """Decisions of which the first action pays for who spent much, as a version of features logged them."""
    draw, made = random.Random(seed), []
    for n in range(count):
        spent, action = draw.uniform(0, 100), draw.choice(("mail", "nothing"))
        said: list[Json] = [None] * (len(NAMES) if version > 1 else FIRST)
        said[NAMES.index("spent")] = spent
        if version > 1:
            said[NAMES.index("account_active")] = draw.randrange(5)
        value = float(action == "mail" and spent > 50) + draw.gauss(0, 0.1)
        made.append(Credit(seed * 10_000 + n, seed * 10_000 + n, value, None, action, 0.5, [version, *said]))
    return made


def test_a_learner_that_older_logs_taught_goes_on_and_learns_from_both() -> None:
    learner = Learner(np.zeros(2))
    assert tell(learner, ["mail", "nothing"], logged(200, 1)) == 200
    learner = unpack(pack(learner))
    assert tell(learner, ["mail", "nothing"], logged(1_200, featured.VERSION, 6)) == 1_200
    assert tell(learner, ["mail", "nothing"], logged(50, featured.VERSION + 1, 7)) == 0
    features = learner.policy.features
    assert features is not None
    assert {"spent", "account_active"} == {one.name for one in features.scales}
    spent = [
        [90.0 if name == "spent" else None for name in NAMES],
        [5.0 if name == "spent" else None for name in NAMES],
    ]
    columns = featured.columns([featured.read([1, *some[:FIRST]]) for some in spent])
    _, personal, _ = learner.policy.parts(columns, 2)
    assert personal[0, 0] > 0.9 > 0.6 > personal[1, 0]


def test_a_column_of_which_nothing_is_known_is_no_feature() -> None:
    some = featured.columns([[None] * len(NAMES), [*[None] * 5, 3.0, *[None] * (len(NAMES) - 6)]])
    features = fit_features(some)
    assert [one.name for one in features.scales] == [NAMES[5]]
    assert features.of(some, 2).shape == (2, len(features))


async def test_a_decision_says_what_was_known_and_an_older_one_as_far_as_it_asked(store: Store) -> None:
    some = await acme(store)
    await playbook(store)
    await take(store, "winback", some[0], NOW)
    (kept,) = await decisions_of(store, [some[0]])
    assert kept.features[0] == featured.VERSION
    assert dict(known_words(kept.known))["the stage of their account"] == "customer"
    async with store.pool.connection() as connection:
        await connection.execute("update decisions set features = '[1, 3.5]'")
    (kept,) = await decisions_of(store, [some[0]])
    assert known_words(kept.known) == [("days since they were heard of last", "3.5")]
    assert len(kept.known) == len(NAMES)
