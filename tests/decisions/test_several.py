"""What several playbooks would do for somebody: the same as each by itself, in as many queries however many there are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from remit.decisions.deciding import look, look_all, take
from remit.decisions.kept import all_standing, put
from remit.decisions.log import Made
from remit.graph.purposes import set_limit
from remit.graph.segment import Segment
from remit.graph.segments import save
from remit.store.store import Store
from tests.decisions.town import SHOWN, TEXT, ann, people, playbook
from tests.graph.conftest import NOW, row, taken
from tests.queries import counted

BOUGHT = Segment.model_validate({"conditions": [{"what": "did", "kind": "purchase"}]})
LOYAL = Segment.model_validate({"conditions": [{"what": "did", "kind": "purchase", "least": 2}]})
SERVICE = TEXT.replace("goal: sales, cost: 0.1", "goal: sales, cost: 0.1, purpose: service")
URGENT = """
urgency:
- {by: date, key: renewal, within: 20, most: 3, actions: [call]}
- {by: event, kind: cart_abandoned, within: 4, most: 2}
"""
BOOKS = {
    "plain": TEXT,
    "bought": TEXT + "whom: [segment=bought]\n",
    "loyal": TEXT + "whom: ['segment!=loyal']\nbudget: 0.5\nbudget_days: 7\n",
    "urgent": TEXT + URGENT,
    "service": SERVICE + "whom: [recency<9]\nbudget: 2\n",
    "rare": TEXT.replace("count: 3, days: 7", "count: 1, days: 30"),
}  # fmt: skip


async def town(store: Store, limited: bool) -> list[int]:
    some = await people(store, 3)
    ends = (NOW + timedelta(days=10)).date().isoformat()
    buys = [row(f"b{n}", 9 + n, kind="purchase", email=ann(1), value=80, currency="EUR") for n in range(2)]
    cart = row("a", 1, kind="cart_abandoned", email=ann(0), attributes={"renewal": ends})
    await taken(store, *buys, cart)
    for name, segment in (("bought", BOUGHT), ("loyal", LOYAL)):
        await save(store, name, segment, "", "ann")
    for name, text in BOOKS.items():
        await playbook(store, text=text, name=name)
    await playbook(store, "ramp", BOOKS["plain"] + "half_life: 3\n", name="plain")
    await playbook(store, "shadow", BOOKS["urgent"] + "half_life: 3\n", name="urgent")
    await playbook(store, "shadow", name="beside")
    if limited:
        for field in ("known.spent", "kind.cart_abandoned", "about.renewal"):
            await set_limit(store, field, ["service"], "for service only", "ann")
    for name in ("plain", "loyal", "rare"):
        await take(store, name, some[2], NOW)  # what a team can do and what may be spent is less
    return some


@pytest.mark.parametrize("limited", [False, True])
async def test_several_playbooks_would_do_together_what_each_would_by_itself(
    store: Store, limited: bool
) -> None:
    def told(made: list[Made]) -> list[object]:
        return [(one.of.key, one.decision, one.known, one.key) for one in made]

    for person in await town(store, limited):
        found = await look_all(store, person, NOW)
        assert set(found) == {*BOOKS, "beside"}
        for name, made in found.items():
            assert told(made) == told(await look(store, name, person, NOW)), name
        assert len(found["urgent"]) == 2


async def test_more_playbooks_take_no_more_queries(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def queries(person: int, now: datetime) -> int:
        await look_all(store, person, now)  # what was learned is known now
        with counted(monkeypatch) as asked:
            await look_all(store, person, now)
        return len(asked)

    some = await town(store, False)
    few = await queries(some[0], NOW)
    for number in range(6):
        await playbook(store, text=BOOKS[["urgent", "bought", "loyal"][number % 3]], name=f"more-{number}")
    assert len(await all_standing(store)) == len(BOOKS) + 7
    assert await queries(some[0], NOW) == few < 25


async def test_a_playbook_of_which_no_version_decides_is_not_among_them(store: Store) -> None:
    (person,) = await people(store, 1)
    assert await look_all(store, person, NOW) == {}
    one = await playbook(store)
    await put(store, one, "off", "ann", SHOWN)
    assert await look_all(store, person, NOW) == {}
