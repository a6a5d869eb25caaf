"""Who is one person, in the database: by evidence, with what is doubtful asked, and always to be taken back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from remit.errors import UserError
from remit.graph.identity import Link, Node, resolve
from remit.graph.merging import count_questions, questions, restore, say, withdraw
from remit.graph.people import consent_of, find, state_of, terms_of, timeline
from remit.store.store import Store
from tests.graph.conftest import dump, people, row, taken

Json = Any
ANN, BO = "email:ann@x.example", "email:bo@x.example"


async def together(store: Store, *texts: str) -> bool:
    return len({(await find(store, text)).id for text in texts}) == 1


async def test_a_shared_inbox_makes_nobody_one_person(store: Store) -> None:
    for n in range(6):
        await taken(store, row(f"e{n}", customer=f"C{n}", email="Info@Shop.example"), verified="email")
    await taken(store, row("f1", customer="C1", email="team.berlin@shop.example"), verified="email")
    assert len(await people(store)) == 7
    inbox = await find(store, "info@shop.example")
    assert (inbox.profiles[0].shared, len(inbox.profiles)) == ("by name", 1)
    assert await count_questions(store) == 0  # six customers of one office are no question


async def test_an_address_that_many_turn_out_to_have_joins_nobody_any_more(store: Store) -> None:
    await taken(store, row("e1", customer="C1", email="desk@x.example"), verified="email")
    assert await together(store, "customer:C1", "desk@x.example")
    for n in range(2, 6):
        await taken(store, row(f"e{n}", customer=f"C{n}", email="desk@x.example"), verified="email")
    assert not await together(store, "customer:C1", "desk@x.example")
    assert len(await people(store)) == 6
    assert (await find(store, "desk@x.example")).profiles[0].shared == "by use"


async def test_a_familys_phone_is_nobodys_until_a_person_says_whose(store: Store) -> None:
    phone = "+49 30 123456"
    await taken(
        store,
        row("e1", 3, customer="C1", phone=phone),
        row("e2", 2, customer="C2", phone=phone),
        verified="phone",
    )
    assert len(await people(store)) == 3
    (asked,) = await questions(store)
    assert ({asked.called_a, asked.called_b}, asked.held) == ({"customer:C1", "customer:C2"}, "conflict")
    await say(store, asked.a, asked.b, "apart", "olga")
    assert await questions(store) == []
    mother, family = await find(store, "customer:C1"), await find(store, phone)
    await say(store, mother.id, family.id, "same", "olga")
    assert await together(store, "customer:C1", phone)
    assert not await together(store, "customer:C2", phone)
    # unverified it is no question, and joins neither
    await taken(
        store, row("e3", customer="C3", phone="+49 30 999"), row("e4", customer="C4", phone="+49 30 999")
    )
    assert await questions(store) == []
    assert len(await people(store)) == 5


async def test_two_records_of_one_customer_are_asked_about_and_made_one_by_a_person(store: Store) -> None:
    await taken(
        store,
        row("e1", 3, crm="1", email="ann@x.example"),
        row("e2", 2, crm="2", email="ann@x.example"),
        verified="email",
    )
    (asked,) = await questions(store)
    await say(store, asked.a, asked.b, "same", "olga")
    assert await people(store) == {frozenset({"crm:1", "crm:2", ANN})}
    assert await questions(store) == []
    ann = await find(store, "ann@x.example")
    assert len(await timeline(store, ann)) == 2


async def test_a_typo_with_the_same_phone_is_one_person_and_alone_it_is_another(store: Store) -> None:
    await taken(
        store,
        row("e1", 3, email="ann@gmail.example", phone="+49170555"),
        row("e2", 2, email="ann@gmial.example", phone="+49170555"),
        row("e3", 1, email="anm@gmail.example"),
        verified="email phone",
    )
    assert await together(store, "ann@gmail.example", "ann@gmial.example")
    assert not await together(store, "ann@gmail.example", "anm@gmail.example")


async def test_a_changed_name_changes_nobody_and_the_last_that_was_said_counts(store: Store) -> None:
    await taken(store, row("e2", 2, customer="C1", email="ann@x.example", name="Ann Kim"), verified="email")
    await taken(store, row("e1", 9, customer="C1", name="Ann Lee", attributes={"city": "Bonn"}))
    ann = await find(store, "ann@x.example")
    assert (ann.name, ann.about["city"][0]) == ("Ann Kim", "Bonn")


async def test_a_device_that_two_sit_at_makes_them_no_couple(store: Store) -> None:
    await taken(store, row("e1", 3, user="u1", device="tablet"))
    assert await together(store, "user:u1", "device:tablet")
    await taken(store, row("e2", 2, user="u2", device="tablet"))
    assert not await together(store, "user:u1", "device:tablet")
    assert len(await people(store)) == 3


async def test_what_was_made_one_is_parted_again_without_loss(store: Store) -> None:
    await taken(
        store,
        row("e1", 9, email="ann@x.example", kind="purchase", value=5, currency="EUR"),
        row("e2", 3, email="bo@x.example", kind="purchase", value=7, currency="EUR"),
        row("e3", 1, email="bo@x.example", kind="unsubscribed", channel="email"),
    )
    before = await dump(store)
    ann, bo = await find(store, "ann@x.example"), await find(store, "bo@x.example")
    await say(store, ann.id, bo.id, "same", "olga")
    both = await find(store, "bo@x.example")
    assert both.id == ann.id == (await find(store, str(bo.id))).id
    terms = await terms_of(store)
    assert {key.kind: one.total for key, one in (await state_of(store, both, terms)).items()}[
        "purchase"
    ] == 12
    assert (await consent_of(store, both)).may("email", "marketing").says == "no"
    (link,) = both.evidence
    await withdraw(store, link.id, "olga")
    after = await dump(store)
    assert {key: after[key] for key in ("people", "state", "profiles", "interactions")} == {
        key: before[key] for key in ("people", "state", "profiles", "interactions")
    }
    assert (await consent_of(store, await find(store, "ann@x.example"))).may(
        "email", "marketing"
    ).says == "unknown"
    await restore(store, link.id, "olga")
    assert await together(store, "ann@x.example", "bo@x.example")
    with pytest.raises(UserError, match="no link"):
        await restore(store, link.id, "olga")
    with pytest.raises(UserError, match="one and the same"):
        await say(store, ann.id, ann.id, "same", "olga")


async def test_a_link_that_was_withdrawn_stays_so_whatever_comes_in(store: Store) -> None:
    await taken(store, row("e1", 3, customer="C1", email="ann@x.example"), verified="email")
    await withdraw(store, (await find(store, "customer:C1")).evidence[0].id, "olga")
    await taken(store, row("e2", 2, customer="C1", email="ann@x.example"), verified="email")
    assert not await together(store, "customer:C1", "ann@x.example")


def rows_of(chance: random.Random, count: int) -> list[Json]:
    """People with several identifiers, some of whom share one, seen and checked by turns."""
    rows = []
    for n in range(count):
        who = chance.randrange(12)
        kinds = {
            "customer": f"C{who}", "email": f"p{who // 2 if who % 5 == 0 else who}@x.example", "phone": f"+4930{who // 3:05}",
            "device": f"d{chance.randrange(15)}", "handle": f"@h{who}",
        }  # fmt: skip
        named = chance.sample(sorted(kinds), chance.choice([1, 2, 2, 3]))
        sure = chance.sample(named, chance.choice([0, 1, len(named)]))
        rows.append(
            row(f"e{n}", chance.randrange(300), verified=sure, **{kind: kinds[kind] for kind in named})
        )
    return rows


@pytest.mark.parametrize("seed", range(4))
async def test_piece_by_piece_the_same_people_come_out_as_from_all_that_there_is(
    store: Store, seed: int
) -> None:
    chance = random.Random(seed)
    rows = rows_of(chance, 80)
    whole, pieces = store.within("default"), store.within("other")
    await taken(whole, *rows)
    chance.shuffle(rows)
    while rows:
        some = chance.randint(1, 12)
        await taken(pieces, *rows[:some])
        rows = rows[some:]
    assert await dump(pieces) == await dump(whole)
    async with whole.pool.connection() as connection:
        query = "select id, kind, value, verified, shared <> '', person from graph_profiles"
        nodes = {row[0]: row for row in await (await connection.execute(query)).fetchall()}
        query = "select id, a, b, how, at, source, event, held from graph_links"
        links = await (await connection.execute(query)).fetchall()
    made = resolve({id_: Node(*one[:5]) for id_, one in nodes.items()}, [Link(*one[:7]) for one in links])
    assert made.person == {id_: one[5] for id_, one in nodes.items()}
    assert {id_: one.held for id_, one in made.links.items()} == {one[0]: one[7] for one in links}
