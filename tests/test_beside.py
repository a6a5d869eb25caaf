"""Two runs side by side, of which only what they do not share is read: the same is told of them as of the whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from remit import beside as module
from remit.app import App
from remit.beside import Beside, hidden_rows, side_by_side
from remit.compared import folded
from remit.gist import Gists
from remit.journal import window
from remit.journal.compare import Row, compare
from remit.journal.due import Policy
from remit.journal.retain import retain
from remit.testing import ScriptedModel
from tests.agents.test_loop import agent, call, finish
from tests.test_whence import app

__all__ = ["app"]
WORKS = [
    [call("charge", amount=1), call("look_up", order="W1")],
    [call("read_web", url="https://x.example")],
    call("send", to="x@y.example", text="hi"),
    call("charge", amount=3),
    call("look_up", order="W2"),
]
RULES = [{"tool": ["charge", "send"], "allow": "true"}]
REMIT = {"autonomy": "act", "budget": {"steps": 60, "money": None}}


async def begun(app: App, *turns: Any) -> UUID:
    """A run that has done these turns, and forks of which do them too."""
    plays(app, *turns)
    run = await app.start(agent(model="scripted:test", rules=RULES, remit=REMIT), "go")
    await app.advance(run)
    return run


def plays(app: App, *turns: Any) -> None:
    app.models["scripted:test"] = ScriptedModel([*turns], by_turn=True, name="scripted:test")


def told(row: Row) -> tuple[Any, ...]:
    seqs = (row.a.seq if row.a else None, row.b.seq if row.b else None)
    return (row.kind, *seqs, row.aside, row.note, row.changes)


async def as_the_whole(app: App, a: UUID, b: UUID, first: int = module.FIRST) -> Beside:
    """What is told of the two, held against what a look at all of both comes to."""
    whole = compare(await app.journal.read(a), await app.journal.read(b))
    some = await side_by_side(app.store, Gists(app.store), a, b, first)
    hidden = [("same", seq, seq, aside, "", ()) for seq, aside in await hidden_rows(app.store, some)]
    rows = [told(row) for row in some.found.rows]
    assert [*rows[: some.after], *hidden, *rows[some.after :]] == [told(row) for row in whole.rows]
    assert (some.found.a, some.found.b, some.found.same) == (whole.a, whole.b, whole.same)
    parted, before = some.found.divergence, whole.divergence
    assert (parted and (parted.a, parted.b)) == (before and (before.a, before.b))
    lines = [[one if isinstance(one, int) else told(one) for one in found] for found in (
        folded(some.found.rows, False, some.after, some.hidden), folded(whole.rows))]  # fmt: skip
    assert lines[0] == lines[1]
    return some


@pytest.mark.parametrize("first", [1, 3, 400])
async def test_of_a_fork_from_any_event_the_same_is_told_as_of_the_whole(app: App, first: int) -> None:
    run = await begun(app, *WORKS, finish())
    hidden = []
    for at in range(1, len(await app.journal.read(run)) + 1):
        fork = await app.fork(run, at)
        hidden.append((await as_the_whole(app, run, fork, first)).hidden)
        await as_the_whole(app, fork, run, first)
    assert max(hidden) > (10 if first < 400 else -1)


async def test_of_forks_that_went_on_otherwise_too(app: App) -> None:
    run = await begun(app, *WORKS, finish())
    for at in (1, 4, 12, 20):
        fork = await app.fork(run, at)
        plays(app, *WORKS[:3], call("look_up", order="W2"), finish("It differs."))
        await app.advance(fork)
        await as_the_whole(app, run, fork)
    await as_the_whole(app, run, run)
    await as_the_whole(app, run, await begun(app, finish()))
    await as_the_whole(app, await begun(app, finish()), run)


async def test_events_that_both_share_are_not_read(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await begun(app, *WORKS * 4, finish())
    fork = await app.fork(run)
    read = 0
    decode = window.decode

    def counted(*row: Any) -> Any:
        nonlocal read
        read += 1
        return decode(*row)

    gists = Gists(app.store)
    for one in (run, fork):
        async with gists.of(one):
            pass
    monkeypatch.setattr(window, "decode", counted)
    found = await side_by_side(app.store, gists, run, fork)
    assert found.hidden > 40
    assert read < 25


async def test_an_archived_run_is_told_of_as_before(app: App) -> None:
    run = await begun(app, *WORKS, finish())
    fork = await app.fork(run, 9)
    before = await as_the_whole(app, run, fork)
    assert (await retain(app.store, Policy(timedelta(microseconds=1)))).archived >= 1
    after = await as_the_whole(app, run, fork)
    assert (after.hidden, after.found.a) == (0, before.found.a)
