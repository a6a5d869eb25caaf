"""Why a call was made is told of few events of a run as it is told of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from remit import whence
from remit.amending import answer_changed
from remit.app import App, open_app
from remit.errors import UnknownName
from remit.journal.body import encode
from remit.journal.due import Policy
from remit.journal.events import Acted, Event, Replied
from remit.journal.retain import retain
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.whence import marks_of, may_hold, why_of
from remit.why import Why, sources, why
from tests.agents import world
from tests.agents.test_loop import agent, call, finish

ALONE = [{"tool": ["charge", "refund", "send"], "allow": "true"}]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened


async def begun(app: App, *turns: Any, goal: str = "do it", **spec: Any) -> UUID:
    tools = ["tests.agents.world", "tests.agents.test_waiting:refund"]
    return await app.start(agent(tools=tools, **spec), goal, model=ScriptedModel([*turns], by_turn=True))


async def check(app: App, run: UUID) -> int:
    """Each call, and each event, named as somebody would; how many are about a call."""
    events, found = await app.journal.read(run), 0
    for step in [*map(str, range(len(events) + 2)), "1.1", "2.1", "3.1", "undo:3.1", "9.9", "", "x", "²"]:
        whole = _whole(events, step)
        if isinstance(whole, str):
            with pytest.raises(UnknownName) as raised:
                await why_of(app.store, run, step)
            assert str(raised.value) == whole
        else:
            assert await why_of(app.store, run, step) == whole
            found += 1
    return found


def _whole(events: list[Event], step: str) -> Why | str:
    try:
        return why(events, step)
    except UnknownName as error:
        return str(error)


async def test_it_is_the_same_of_what_was_asked_referred_to_changed_and_taken_back(app: App) -> None:
    run = await begun(
        app,
        call("look_up", order="W1"),
        call("send", to={"$ref": "1.1#/owner"}, text="W1"),
        call("refund", amount=5),
        finish(),
        goal="send W1 to ann, and 5 back",
        rules=ALONE,
    )
    await app.advance(run)
    await app.undo(run, "3.1", "ann")
    assert await check(app, run) > 8
    to = next(one for one in (await why_of(app.store, run, "2.1")).values if one.name == "to")
    assert (to.value, [one.seq for one in to.sources][:1]) == ("ann", [1])
    run = await begun(app, call("charge", amount=5), call("send", to="4", text="hi"), finish(), rules=[*ALONE[1:], {"tool": "charge", "ask": "true"}])  # fmt: skip
    await app.advance(run)
    assert await check(app, run) > 2
    await answer_changed(app, run, "carol", {"amount": 4})
    await app.advance(run)
    assert await check(app, run) > 4
    assert (await retain(app.store, Policy(timedelta(microseconds=1)))).archived >= 1
    assert await check(app, run) > 4


async def test_only_what_may_matter_is_decoded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [call("look_up", order=f"W{n}") for n in range(1, 9)]
    run = await begun(app, *turns, call("send", to="ann@a.example", text="W2"), finish(), rules=ALONE)
    await app.advance(run)
    read: list[int] = []
    fitting = whence.fitting

    async def counted(*args: Any) -> list[Event]:
        found: list[Event] = await fitting(*args)
        read.append(len(found))
        return found

    monkeypatch.setattr(whence, "fitting", counted)
    found = await why_of(app.store, run, "8.1")
    assert [one.value for one in found.values] == ["W8"]
    assert sum(read) < 8 < len(await app.journal.read(run)) / 2


texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "ok",
            "W10",
            "Straße",
            "STRASSE",
            "K",
            "a\nb",
            'say "x"',
            "\u202eabc",
            "é",
            "null",
            "acted",
            "1.5e-7",
        ]
    ),
)
plain = st.one_of(
    texts,
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
values = st.one_of(plain, st.lists(plain, max_size=3), st.dictionaries(texts, plain, max_size=2))


@given(value=values, other=values, same=st.booleans())
@example("W10", {"order": "W10"}, False)
@example("strasse", ["Straße"], False)
@example(1.5e-7, [1.5e-7], False)
@tries(max_examples=80, deadline=None)
def test_no_event_in_which_a_value_stands_is_passed_over(value: Any, other: Any, same: bool) -> None:
    result = [other, value] if same else other
    bodies = [
        Acted(call_id="1.1", tool="look_up", result=result),
        Acted(call_id="1.2", tool="send", status="denied", result={"text": result}, integrity="system"),
        Replied(ask_id="a1", decision="answer", by="ann", text=str(result)),
    ]
    for body in bodies:
        event = Event(UUID(int=1), 1, datetime.now(UTC), body)
        if list(sources(value, [event], 2)):
            marks = marks_of(value)
            assert marks is not None
            assert may_hold(encode(body), [marks])
