"""What a page says of a run without reading it whole is what its whole journal says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from pydantic_core import from_json

from remit import gist as module
from remit.agents.report import effects
from remit.amending import answer_changed
from remit.api.schemas import ask_of
from remit.app import App, open_app
from remit.gist import COUNTED, FOLDED, Gist, Gists, around, standing, waiting
from remit.journal.body import encode
from remit.journal.due import Policy
from remit.journal.events import Acted, Answered, Event
from remit.journal.refs import given as told
from remit.journal.retain import retain
from remit.journal.state import State, fold
from remit.journal.window import between
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import agent, call, finish
from tests.journal.test_state import bodies

FACTS = (
    "status", "started", "finished", "paused", "timers", "children", "waits", "asked", "replies", "steps", "tokens", "money",
    "spent", "checks", "grant",
)  # fmt: skip
ALONE = [{"tool": ["charge", "refund"], "allow": "true"}]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened


def same(shown: State, whole: State) -> None:
    for name in FACTS:
        assert getattr(shown, name) == getattr(whole, name), name
    assert shown.seconds == pytest.approx(whole.seconds)


async def check(app: App, gists: Gists, run: UUID) -> Gist:
    """By one that was there before, and by one that begins now."""
    events = await app.journal.read(run)
    for one in (gists, Gists(app.store)):
        async with one.of(run) as gist:
            state = await standing(app.store, gist)
            same(state, fold(events))
            assert effects(state) == effects(fold(events))
            asking = await waiting(app.store, gist)
            same(asking, fold(events))
            for asked in asking.waits.values():
                assert ask_of(asking, asked) == ask_of(fold(events), asked)
            assert (gist.state.seq, gist.begun_at, gist.last_at) == (len(events), events[0].at, events[-1].at)
    return gist


@given(st.lists(bodies, max_size=40))
@tries(max_examples=60)
def test_it_says_of_any_events_what_their_fold_says(found: list[Any]) -> None:
    run, now = uuid4(), datetime.now(UTC)
    events = [Event(run, seq, now, body) for seq, body in enumerate(found, 1)]
    gist = Gist(run)
    for event in events:
        if event.body.type in FOLDED:
            gist.take(event)
        elif event.body.type in COUNTED:
            gist.count(event.seq, event.body.type, from_json(encode(event.body)))
    same(gist.state, fold(events))
    spent = [one.body for one in events if isinstance(one.body, Answered)]
    assert sum(step.tokens for step in gist.steps.groups) == sum(
        b.input_tokens + b.output_tokens for b in spent
    )
    assert len(gist.steps.groups) <= module.BARS


async def begun(app: App, *turns: Any, **spec: Any) -> UUID:
    tools = ["tests.agents.world", "tests.agents.test_waiting:refund"]
    model = ScriptedModel([*turns], by_turn=True)
    return await app.start(agent(tools=tools, **spec), "do it", model=model)


async def test_it_keeps_up_with_a_run_that_asks_acts_is_paused_and_taken_back(app: App) -> None:
    run, gists = await begun(app, call("charge", amount=5), call("send", to="a@b.example", text="hi"),
                             call("refund", amount=5), finish(), rules=[*ALONE, {"tool": "send", "ask": "true"}]), Gists(app.store)  # fmt: skip
    await check(app, gists, run)
    assert (await app.advance(run)).status == "waiting"
    await check(app, gists, run)
    await app.pause(run, "ann")
    assert (await check(app, gists, run)).state.status == "paused"
    await app.resume(run, "ann")
    await app.answer(run, "approve", "carol")
    await app.advance(run)
    await check(app, gists, run)
    await app.undo(run, "3.1", "ann")
    gist = await check(app, gists, run)
    state = await standing(app.store, gist)
    assert [(one["tool"], one["approved_by"], one.get("undone")) for one in effects(state)] == [
        ("charge", None, None), ("send", "carol", None), ("refund", None, True),
    ]  # fmt: skip
    run = await begun(app, call("charge", amount=5), finish(), rules=[{"tool": "charge", "ask": "true"}])
    await app.advance(run)
    await answer_changed(app, run, "carol", {"amount": 4})
    await check(app, gists, run)
    await app.advance(run)
    ((one, _),) = (await check(app, gists, run)).effects
    assert one == "1.1"
    policy = Policy(timedelta(microseconds=1))
    assert (await retain(app.store, policy)).archived == 2
    await check(app, Gists(app.store), run)


async def test_of_many_changes_the_last_are_shown_and_the_others_counted(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHOWN", 2)
    monkeypatch.setattr(module, "TOGETHER", 3)
    run = await begun(app, *(call("charge", amount=n) for n in range(1, 6)), finish(), rules=ALONE)
    whole = await app.advance(run)
    async with Gists(app.store).of(run) as gist:
        state = await standing(app.store, gist)
    assert len(gist.effects) == 5
    assert effects(state) == effects(whole)[-2:]


async def test_a_call_is_told_with_what_it_refers_to_however_far_back_that_stands(app: App) -> None:
    reference = {"$ref": "1.1#/owner"}
    run = await begun(
        app,
        call("look_up", order="W1"),
        call("look_up", order="W2"),
        call("look_up", order=reference),
        finish(),
    )
    whole = await app.advance(run)
    events = await app.journal.read(run)
    async with Gists(app.store).of(run) as gist:
        for event in events:
            state = await around(app.store, gist, await between(app.store, run, event.seq - 1, event.seq))
            body = event.body
            calls = [one.id for one in body.calls] if isinstance(body, Answered) else []
            calls += [body.call_id] if isinstance(body, Acted) else []
            for one in calls:
                assert told(state, state.calls[one]) == told(whole, whole.calls[one])
    assert told(whole, whole.calls["3.1"]) == {"order": "ann"}
