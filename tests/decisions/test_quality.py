"""What a playbook's decisions bring, from its own log, whose truth is known here."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from remit.decisions.choose import Decision, Option, actions_of
from remit.decisions.evaluate import evaluate
from remit.decisions.kept import Version
from remit.decisions.learned import learn
from remit.decisions.log import Made, write
from remit.decisions.quality import own_log, quality_of
from remit.decisions.whom import NAMES, Known
from remit.errors import UserError
from remit.store.store import Store
from tests.cli.typed import remit
from tests.decisions.town import playbook
from tests.graph.conftest import NOW

TEXT = """
actions:
- {name: mail, does: send, channel: email, goal: sales, cost: 0.1}
- {name: letter, does: offer, channel: post, goal: sales, cost: 0.5}
goals: {sales: {counts: [{kind: purchase, currency: EUR}]}}
"""
ALL = ("mail", "letter", "nothing")


def known(recency: float) -> Known:
    return [{"recency": recency, "stage": "active" if recency < 30 else "quiet"}.get(name) for name in NAMES]


async def typed(*words: str) -> str:
    """What a command says, in one line."""
    found = await asyncio.to_thread(remit, "decisions", *words)
    return " ".join((found.stdout or found.stderr).split())


async def logged(store: Store, count: int) -> Version:
    """A mail brings 2 from who was here lately, a letter 2 from who was not, and nothing nothing. One of ten is held out, and of another tenth
    letters were ruled out."""
    one, chance = await playbook(store, text=TEXT), np.random.default_rng(5)
    named = {action.name: action for action in actions_of(one.book)}
    made, values = [], []
    for person in range(count):
        lately, part = bool(chance.uniform() < 0.5), person % 10
        names = ("nothing",) if part == 0 else ("mail", "nothing") if part == 1 else ALL
        action = str(chance.choice(names))
        options = tuple(Option(name, 0.0, 1 / len(names)) for name in names)
        decision = Decision(str(person + 1), NOW, action, 1 / len(names), options, (), "drawn", part == 0)
        made.append(Made(one, named[action], decision, known(10.0 if lately else 60.0)))
        values.append(2.0 if action == ("mail" if lately else "letter") else 0.0)
    async with store.pool.connection() as connection:
        ids = await write(connection, store.workspace, made)
        numbers = [ids[person + 1, one.version] for person in range(count)]
        query = "insert into decision_credits (workspace, playbook, decision, value) select %s, 'winback', * from unnest(%s::bigint[], %s::float8[])"
        await connection.execute(query, (store.workspace, numbers, values))
    return one


async def test_value_is_told_beside_people_held_out_and_what_each_version_would_bring(
    here: object, store: Store
) -> None:
    one = await logged(store, 600)
    while await learn(store, one):
        pass
    found = await quality_of(store, one)
    assert found.more is not None
    assert found.more.low > 0
    assert found.holdout is not None
    assert found.holdout.value == 0
    assert (found.rarest, sum(found.shares.values())) == (pytest.approx(1 / 3), pytest.approx(1))
    assert found.learned.told == 540
    (candidate,) = found.candidates
    assert candidate.worth is not None
    assert (candidate.rows, candidate.worth.dr.low < candidate.worth.dr.value < candidate.worth.dr.high) == (
        540,
        True,
    )
    assert candidate.worth.dr.value > found.more.value
    report = evaluate(await own_log(store, one))
    assert report.pays
    assert report.policy("learned").worth.dr.value == pytest.approx(1.7, abs=0.2)
    assert len(report.logged) == 480
    told = await typed("quality", "winback")
    assert "winback 1 (live): 0 decided in shadow" in told
    assert "complaints: 0 of" in told
    as_json = json.loads(await typed("quality", "winback", "--json"))
    assert as_json["candidates"][0]["worth"]["dr"]["value"] == pytest.approx(candidate.worth.dr.value)
    assert "Choosing by person pays" in await typed("evaluate", "--playbook", "winback")


async def test_where_too_little_is_known_that_is_what_is_told(here: object, store: Store) -> None:
    one = await logged(store, 20)
    found = await quality_of(store, one)
    assert [(each.rows, each.worth) for each in found.candidates] == [(18, None)]
    with pytest.raises(UserError, match="at least 50 are needed"):
        await own_log(store, one)
    assert "rows are too few" in await typed("quality", "winback")
    assert "give a file, or the name of a playbook" in await typed("evaluate")
