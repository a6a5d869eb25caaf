"""Who is held out stays so, whoever turns out to be one person with whom."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from remit.decisions.choose import held_out
from remit.decisions.deciding import take
from remit.decisions.keys import keep, keys_of
from remit.decisions.log import decisions_of
from remit.graph.merging import say
from remit.graph.people import profile_of
from remit.store.store import Store
from tests.decisions.town import TEXT, ann, people, playbook
from tests.graph.conftest import NOW

HALF = TEXT.replace("holdout: 0", "holdout: 0.5\nevery: 0.001")


async def person_at(store: Store, number: int) -> int:
    async with store.pool.connection() as connection:
        query = "select person from graph_profiles where id = %s"
        row = await (await connection.execute(query, (await profile_of(store, ann(number)),))).fetchone()
    assert row is not None
    return int(row[0])


async def held(store: Store, number: int, days: int) -> bool:
    """Decide for whoever that is now; whether they were held out."""
    (made,) = await take(store, "winback", await person_at(store, number), NOW + timedelta(days=days))
    (kept, *_) = await decisions_of(store, [await person_at(store, number)], limit=1)
    assert kept.id == made
    return kept.holdout


async def test_a_merge_moves_nobody_in_or_out_and_who_is_parted_is_as_before(store: Store) -> None:
    some = await people(store, 12)
    await playbook(store, text=HALF)
    out = {number for number in range(12) if held_out(str(some[number]), 0.5)}
    inside = set(range(12)) - out
    for late, early in ((min(out), max(inside)), (min(inside), max(out))):
        # The one with the higher number is decided for first, and so has the older key
        assert await held(store, early, 1) == (early in out)
        assert await held(store, late, 2) == (late in out)
        await say(store, some[late], some[early], "same", "ann")
        assert await person_at(store, early) == await person_at(store, late)
        assert await held(store, late, 3) == await held(store, early, 4) == (early in out)
        await say(store, some[late], some[early], "apart", "ann")
        assert await held(store, early, 5) == (early in out)
        assert await held(store, late, 6) == (late in out)


async def test_who_is_parted_from_somebody_for_whom_things_were_decided_keeps_their_key(store: Store) -> None:
    first, second = await people(store, 2)
    await playbook(store, text=HALF)
    await say(store, first, second, "same", "ann")
    together = await held(store, 1, 1)
    await say(store, first, second, "apart", "ann")
    assert await held(store, 0, 2) == await held(store, 1, 3) == together


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_merged_and_parted_the_key_of_somebody_known_is_the_oldest_of_theirs(
    store: Store, seed: int
) -> None:
    chance, known = Random(seed), dict[int, tuple[int, int]]()  # by profile: when, and which key
    some = await people(store, 6)
    for moment in range(14):
        one, other = chance.sample(some, 2)
        await say(store, one, other, chance.choice(("same", "apart")), "ann")
        async with store.pool.connection() as connection:
            query = "select id, person from graph_profiles"
            whose = dict(await (await connection.execute(query)).fetchall())
            persons = sorted(set(whose.values()))
            found = await keys_of(connection, store.workspace, persons)
            for person in persons:
                theirs = sorted(
                    (*known[each], each) for each in whose if whose[each] == person and each in known
                )
                assert found[person] == (theirs[0][1] if theirs else person)
            person = chance.choice(persons)
            await keep(connection, store.workspace, {person: found[person]}, NOW + timedelta(days=moment))
        for each in whose:
            if whose[each] == person:
                known.setdefault(each, (moment, found[person]))
