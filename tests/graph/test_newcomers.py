"""What a batch decides by itself of those who are new: as if everything had been decided anew."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.graph.identifiers import given_out
from remit.graph.identity import Link, Node, Standing, resolve
from remit.graph.newcomers import decide
from remit.store.store import Store
from tests.graph.conftest import NOW, dump, row, taken
from tests.graph.test_identity import graphs

Json = Any


@given(graphs(), st.integers(0, 6))
@settings(max_examples=100)
def test_where_nothing_is_left_open_it_is_what_all_links_together_say(graph: Any, old: int) -> None:
    nodes, links = graph
    nodes = {id_: one._replace(verified=one.verified or given_out(one.kind)) for id_, one in nodes.items()}
    was = {id_: one for id_, one in nodes.items() if id_ <= old}
    before = [one for one in links if one.a in was and one.b in was]
    came = [one for one in links if one not in before and one.how in ("verified", "seen")]
    persons = resolve(was, before).person
    made = decide(nodes, persons, came)
    if len(made.links) < len(came):
        return  # the rest is decided around it, in the database
    whole = resolve(nodes, before + came)
    assert {id_: made.person.get(id_, persons.get(id_, id_)) for id_ in nodes} == whole.person
    assert made.links == {one.id: whole.links[one.id] for one in came}


def test_who_came_with_one_who_is_known_is_theirs_and_a_second_customers_is_looked_at() -> None:
    ann, tablet = Node(1, "customer", "C1", True), Node(7, "device", "tablet")
    bo, second = Node(2, "customer", "C2", True), Node(8, "device", "second")
    links = [Link(0, 1, 7, "seen", NOW), Link(1, 1, 8, "seen", NOW), Link(2, 2, 8, "seen", NOW)]
    made = decide({one.id: one for one in (ann, bo, tablet, second)}, {1: 1, 2: 2}, links)
    assert (made.person, made.links) == ({7: 1}, {0: Standing()})


def sparse(chance: random.Random, count: int) -> list[Json]:
    """Many who are new with nearly everything, and a few who come again."""
    rows = []
    for n in range(count):
        who = chance.choice([n, n, chance.randrange(20)])
        named = {"email": f"p{who}@x.example", "customer": f"C{who}", "device": f"d{who}-{chance.randrange(3)}",
                 "phone": f"+4930{who // 2:05}", "loyalty": f"L{who // 3}"}  # fmt: skip
        kinds = chance.sample(sorted(named), chance.choice([1, 2, 2, 2, 3]))
        sure = chance.choice([[], kinds, ["email"]])
        rows.append(row(f"e{n}", chance.randrange(300), verified=sure, **{one: named[one] for one in kinds}))
    return rows


@pytest.mark.parametrize("seed", range(4))
async def test_a_batch_of_newcomers_comes_to_the_same_as_its_rows_one_by_one(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    rows = sparse(chance, 60)
    whole, pieces = store.within("default"), store.within("other")
    await taken(whole, *rows[:20])
    await taken(whole, *rows[20:])
    chance.shuffle(rows)
    for some in (rows[:1], rows[1:3], rows[3:9], rows[9:30], rows[30:]):
        await taken(pieces, *some)
    assert await dump(pieces) == await dump(whole)
