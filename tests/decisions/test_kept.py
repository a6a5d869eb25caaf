"""Playbooks in the database: versions, where each stands, and who had it so."""

from __future__ import annotations

import pytest

from remit.access.audit import entries
from remit.decisions.kept import Version, put, save, standing_of, take_back, version_of, versions
from remit.decisions.stage import DONE, SHADOWED, Shown
from remit.errors import UnknownName, UserError
from remit.playbook import playbook_of
from remit.store.store import Store

TEXT = "actions:\n- {name: mail, does: send, channel: email}\n"
ENOUGH = Shown(shadowed=SHADOWED, done=DONE, closed=DONE)


async def saved(store: Store, more: str = "") -> Version:
    text = TEXT + more
    return await save(store, "winback", text, playbook_of(text), "why", "ann")


async def stages(store: Store) -> dict[int, str]:
    return {one.version: one.stage for one in await versions(store, "winback")}


async def test_what_is_saved_again_is_the_version_that_it_was(store: Store) -> None:
    assert (await saved(store)).version == (await saved(store)).version == 1
    assert (await saved(store, "holdout: 0.1\n")).version == 2
    assert (await saved(store)).version == 3
    assert (await version_of(store, "winback", 2)).book.holdout == 0.1
    with pytest.raises(UserError, match="no version 4"):
        await version_of(store, "winback", 4)
    with pytest.raises(UnknownName, match="Did you mean 'winback'"):
        await versions(store, "winbuck")


async def test_one_version_stands_in_each_place_and_the_next_one_takes_it(store: Store) -> None:
    first = await saved(store)
    for stage, share in (("ramp", 0.1), ("live", 0.0)):
        first = await put(store, first, stage, "ann", ENOUGH, share)  # type: ignore[arg-type]
    second = await put(store, await saved(store, "holdout: 0.1\n"), "ramp", "bo", ENOUGH, 0.2)
    assert {stage: one.version for stage, one in (await standing_of(store, "winback")).items()} == {
        "live": 1,
        "ramp": 2,
    }
    second = await put(store, second, "live", "bo", ENOUGH)
    assert (second.before, await stages(store)) == (1, {1: "off", 2: "live"})
    await saved(store, "holdout: 0.2\n")
    await saved(store, "holdout: 0.3\n")
    assert await stages(store) == {1: "off", 2: "live", 3: "off", 4: "shadow"}


async def test_it_goes_up_on_evidence_or_on_somebodys_word_which_the_audit_has(store: Store) -> None:
    one = await saved(store)
    with pytest.raises(UserError, match=r"0 decisions were made in shadow.*--anyway"):
        await put(store, one, "ramp", "ann", Shown(), 0.1)
    with pytest.raises(UserError, match="what share"):
        await put(store, one, "ramp", "ann", ENOUGH)
    await put(store, one, "ramp", "ann", Shown(), 0.1, "the board wants it")
    with pytest.raises(UserError, match="meanwhile"):
        await put(store, one, "ramp", "bo", ENOUGH, 0.2)
    last, first = await entries(store, about="winback")
    assert (first.what, last.what, last.who) == ("playbook.saved", "playbook.staged", "ann")
    assert (last.detail["anyway"], last.detail["share"]) == ("the board wants it", 0.1)
    assert "in shadow" in last.detail["against"]


async def test_what_broke_a_guardrail_is_off_and_what_was_live_before_is_so_again(store: Store) -> None:
    first = await put(store, await saved(store), "ramp", "ann", ENOUGH, 0.5)
    await put(store, first, "live", "ann", ENOUGH)
    second = await put(store, await saved(store, "holdout: 0.1\n"), "ramp", "ann", ENOUGH, 0.5)
    second = await put(store, second, "live", "ann", ENOUGH)
    async with store.pool.connection() as connection, connection.transaction():
        await take_back(connection, store.workspace, second, "complaints")
        await take_back(connection, store.workspace, second, "complaints")
    assert await stages(store) == {1: "live", 2: "off"}
    (told,) = await entries(store, what="playbook.taken_back")
    assert (told.who, told.detail) == (
        "remit",
        {"version": 2, "was": "live", "why": "complaints", "again": 1},
    )
