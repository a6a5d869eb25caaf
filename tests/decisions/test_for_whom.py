"""Playbooks for whoever is in a segment, what is urgent for people of the graph, and what versions and rounds share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.acting.mind import mind_all
from remit.decisions.deciding import decide_heard, look, take
from remit.decisions.kept import put
from remit.decisions.log import decisions_of
from remit.decisions.rounds import begin, go_on
from remit.errors import UnknownName, UserError
from remit.graph.segment import Segment
from remit.graph.segments import remove, save
from remit.store.store import Store
from tests.decisions.town import SHOWN, TEXT, ann, people, playbook, rows
from tests.graph.conftest import NOW, row, taken

SPENDERS = Segment.model_validate({"conditions": [{"what": "spent", "currency": "EUR", "least": 50}]})


async def test_a_playbook_is_for_whoever_is_in_a_segment_at_that_moment(store: Store) -> None:
    some = await people(store, 4)
    await save(store, "spenders", SPENDERS, "", "ann")
    await playbook(store, text=TEXT + "whom: [segment=spenders, recency<100]\nat_once: true\n")
    await playbook(store, text=TEXT + "whom: ['segment != spenders']\n", name="others")
    assert await look(store, "winback", some[1], NOW) == []
    buys = [row(f"b{n}", 1, kind="purchase", email=ann(n), value=80, currency="EUR") for n in (1, 3)]
    await taken(store, *buys)
    assert len(await look(store, "winback", some[1], NOW)) == 1
    assert await look(store, "others", some[1], NOW) == []
    while await decide_heard(store, "winback", NOW):
        pass
    assert {one.person for one in await decisions_of(store, some)} == {some[1], some[3]}
    await go_on(store, (await begin(store, "others", "ann", ["segment!=spenders"])).id, NOW)
    assert {one.person for one in await decisions_of(store, some, playbook="others")} == {some[0], some[2]}


async def test_a_segment_that_there_is_not_is_told_and_one_that_is_used_is_kept(store: Store) -> None:
    await people(store, 1)
    await save(store, "spenders", SPENDERS, "", "ann")
    with pytest.raises(UnknownName, match="Did you mean 'spenders'"):
        await playbook(store, text=TEXT + "whom: [segment=spender]\n")
    one = await playbook(store, text=TEXT + "whom: [segment=spenders]\n")
    with pytest.raises(UnknownName, match="unknown segment"):
        await begin(store, "winback", "ann", ["segment=gone"])
    with pytest.raises(UserError, match="segment=NAME"):
        await begin(store, "winback", "ann", ["segment<gone"])
    with pytest.raises(UserError, match=f"version {one.version} of the playbook winback decides"):
        await remove(store, "spenders", "ann")
    off = await put(store, one, "off", "ann", SHOWN)
    await remove(store, "spenders", "ann")
    with pytest.raises(UnknownName, match="unknown segment"):
        await put(store, off, "shadow", "ann", SHOWN)


async def test_a_playbook_whose_segment_is_gone_decides_for_nobody_and_holds_up_no_other(
    store: Store,
) -> None:
    (person,) = await people(store, 1)
    await save(store, "spenders", SPENDERS, "", "ann")
    await playbook(store, text=TEXT + "whom: [segment!=spenders]\nat_once: true\n", name="broken")
    await playbook(store, text=TEXT + "at_once: true\n")
    await rows(store, "delete from segments returning name")
    await taken(store, row("v", 1, email=ann(0)))
    await mind_all(store, NOW)
    assert {one.playbook for one in await decisions_of(store, [person])} == {"winback"}
    with pytest.raises(UnknownName, match="unknown segment"):
        await take(store, "broken", person, NOW)


async def test_what_is_urgent_is_read_from_the_graph_told_and_kept(store: Store) -> None:
    some = await people(store, 2)
    ends = (NOW + timedelta(days=10)).date().isoformat()
    await taken(
        store,
        row(
            "r",
            3,
            kind="record",
            email=ann(0),
            attributes={"renewal": ends},
        ),
        row("a", 1, kind="cart_abandoned", email=ann(1)),
    )
    urgent = """
urgency:
- {by: date, key: renewal, within: 20, most: 3, actions: [call]}
- {by: event, kind: cart_abandoned, within: 4, most: 2, unless: [purchase]}
"""
    await playbook(store, text=TEXT + urgent)
    for person, expected in zip(some, ({"call": 2.05}, {"call": 1.75, "mail": 1.75}), strict=True):
        (shown,) = await look(store, "winback", person, NOW)
        found = {name: one.times for name, one in shown.decision.pressing.items()}
        assert found == pytest.approx(expected, abs=0.06)
        await take(store, "winback", person, NOW)
        (kept,) = await decisions_of(store, [person])
        assert {name: times for name, (times, _) in kept.urgency.items()} == found
    assert "cart_abandoned 1.0 days ago" in str(kept.urgency)


@pytest.mark.parametrize("size", [3, 7, 40])
async def test_versions_that_act_side_by_side_share_what_a_team_can_do_and_what_may_be_spent(
    store: Store, size: int
) -> None:
    """Without a cost nobody would let a call be; and each of the two would have had all of it."""
    text = TEXT.replace("cost: 1,", "cost: 0.5,").replace("count: 3,", "count: 6,") + "budget: 4\n"
    await people(store, 40)
    await playbook(store, text=text)
    await playbook(store, "ramp", text + "half_life: 3\n", 0.5)
    one = await begin(store, "winback", "ann")
    while one.done_at is None:
        one = await go_on(store, one.id, NOW, size)
    query = (
        "select count(*) filter (where action = 'call'), sum(cost), count(distinct version) from decisions"
    )
    ((calls, spent, versions),) = await rows(store, query)
    assert calls <= 6
    assert spent == pytest.approx(one.spent)
    assert spent <= 4 + 1e-9
    assert versions == 2


async def test_a_budget_of_days_holds_for_all_that_is_decided_in_them(store: Store) -> None:
    some = await people(store, 12)
    await playbook(store, text=TEXT + "budget: 1\nbudget_days: 7\nevery: 0.01\n")
    for day in range(10):
        for person in some[:4]:
            await take(store, "winback", person, NOW + timedelta(days=day / 4))
    query = "select sum(cost) from decisions where at < %s"
    ((spent,),) = await rows(store, query, NOW + timedelta(days=4))
    assert 0.5 <= spent <= 1 + 1e-9
    await take(store, "winback", some[0], NOW + timedelta(days=9))
    (kept, *_) = await decisions_of(store, [some[0]])
    assert len(kept.options) > 1
