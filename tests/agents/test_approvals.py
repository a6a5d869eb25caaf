"""Two people, a delay, a group: approvals with terms on a real database, answered in any order, at once, twice, and cut."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from remit.app import App, open_app
from remit.errors import NotWaiting, UserError
from remit.journal.cut import take_over
from remit.journal.events import Acted, Endorsed, Event, Intended, Replied
from remit.journal.state import State, fold
from remit.replay import Changes, replay
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

SEND = call("send", to="x@y.example", text="hi")
TWO = {"tool": "send", "ask": "true", "because": "two look at it", "persons": 2}
LATE = {"by": "bo", "expires": "2d", "escalate": {"after": "4h", "to": ["carol", "dora"]}}


async def ask(app: App, *script: Any, **rule: Any) -> UUID:
    """A run for Ann that has asked about a call."""
    model = ScriptedModel([*(script or (SEND,)), finish(), finish()], by_turn=True)
    run = await app.start(agent(rules=[{**TWO, **rule}]), "write to them", person=ANN, model=model)
    assert (await app.advance(run)).waits
    return run


async def kinds(app: App, run: UUID) -> list[str]:
    return [
        f"{e.body.type} {e.body.by}"
        for e in await app.journal.read(run)
        if isinstance(e.body, Endorsed | Replied)
    ]


async def test_two_different_people_must_say_yes_and_both_are_named(app: App) -> None:
    run = await ask(app)
    first = await app.answer(run, "approve", "bo", "looked")
    assert isinstance(first, Endorsed)
    state = await app.advance(run)
    assert (state.status, world.done) == ("waiting", [])
    with pytest.raises(NotWaiting, match=r"bo has said yes to a1\.1 already; 1 more person must say yes"):
        await app.answer(run, "approve", "bo")
    with pytest.raises(UserError, match="the run acts for ann"):
        await app.answer(run, "approve", "ann")
    with pytest.raises(UserError, match="wants approve or reject"):
        await app.answer(run, "answer", "carol", "yes")
    assert isinstance(await app.answer(run, "approve", "carol"), Replied)
    state = await app.advance(run)
    assert [what for what, _ in world.done] == ["send x@y.example"]
    assert state.calls["1.1"].approved_by == "bo and carol"
    assert await kinds(app, run) == ["endorsed bo", "replied carol"]
    with pytest.raises(NotWaiting, match="already answered: approve by carol"):
        await app.answer(run, "approve", "dora", ask="a1.1")


async def test_one_no_ends_it_whoever_said_yes_before(app: App) -> None:
    for no in ("carol", "bo", "ann"):  # another, the same, and whom the run acts for
        run = await ask(app)
        await app.answer(run, "approve", "bo")
        await app.answer(run, "reject", no, "not now")
        state = await app.advance(run)
        acted = state.calls["1.1"].acted
        assert acted is not None
        assert (acted.status, acted.result, acted.source) == ("rejected", "not now", no)
        assert await kinds(app, run) == ["endorsed bo", f"replied {no}"]
    assert world.done == []


async def test_yeses_at_the_same_moment_are_all_counted_and_none_twice(app: App, settings: Settings) -> None:
    run = await ask(app, persons=3)
    async with open_app(settings) as other:
        said = await asyncio.gather(
            *(one.answer(run, "approve", by) for one in (app, other) for by in ("bo", "carol", "bo", "dora")),
            return_exceptions=True,
        )
    assert sum(isinstance(body, Endorsed) for body in said) == 2
    assert sum(isinstance(body, Replied) for body in said) == 1
    assert sum(isinstance(body, NotWaiting) for body in said) == 5
    state = await app.advance(run)
    assert len(world.done) == 1
    assert sorted(state.calls["1.1"].approved_by.split(" and ")) == ["bo", "carol", "dora"]
    assert [e.seq for e in await app.journal.read(run)] == list(range(1, state.seq + 1))


async def test_who_is_not_named_may_not_decide_until_the_delay_is_over(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await ask(app, persons=1, **LATE)
    asked = (await app.state(run)).waits["a1.1"]
    begun = await app.now()
    assert asked.expires is not None
    assert asked.escalates is not None
    assert abs(asked.expires - begun - timedelta(days=2)) < timedelta(minutes=5)
    assert abs(asked.escalates - begun - timedelta(hours=4)) < timedelta(minutes=5)
    for decision in ("approve", "reject"):
        with pytest.raises(UserError, match="eve may not decide that; it wants a yes of bo; from"):
            await app.answer(run, decision, "eve")  # type: ignore[arg-type]
        with pytest.raises(UserError, match="carol may decide that from"):
            await app.answer(run, decision, "carol")  # type: ignore[arg-type]

    async def later() -> datetime:
        return begun + timedelta(hours=5)

    monkeypatch.setattr(app, "now", later)
    with pytest.raises(UserError, match="eve may not decide that"):
        await app.answer(run, "approve", "eve")
    await app.answer(run, "approve", "carol")
    state = await app.advance(run)
    assert ([what for what, _ in world.done], state.calls["1.1"].approved_by) == (
        ["send x@y.example"],
        "carol",
    )


async def test_a_yes_that_came_in_time_does_not_outlive_the_question(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await ask(app, expires="1h")
    await app.answer(run, "approve", "bo")
    begun = await app.now()

    async def later() -> datetime:
        return begun + timedelta(hours=2)

    monkeypatch.setattr(app, "now", later)
    with pytest.raises(NotWaiting, match="expired at"):
        await app.answer(run, "approve", "carol")
    monkeypatch.setattr(app.leases, "now", lambda: begun + timedelta(hours=2))
    state = await app.advance(run)
    assert (world.done, state.replies["a1.1"].by) == ([], "expiry")


async def test_a_group_is_who_was_in_it_when_it_was_asked_and_must_be_known(settings: Settings) -> None:
    world.reset()
    finance = settings.model_copy(update={"groups": {"finance": ("bo", "carol")}})
    async with open_app(settings) as app:
        with pytest.raises(
            UserError, match="nobody is in group:finance, who would be asked; the groups are none"
        ):
            await ask(app, by="group:finance")
    async with open_app(finance) as app:
        run = await ask(app, by="group:finance")
        assert (await app.state(run)).waits["a1.1"].by == ["bo", "carol"]
    async with open_app(settings) as app:  # the group is gone; what was asked is asked
        await app.answer(run, "approve", "carol")
        with pytest.raises(UserError, match="dora may not decide that; it wants 2 people of bo, carol"):
            await app.answer(run, "approve", "dora")
        assert isinstance(await app.answer(run, "approve", "bo"), Replied)


async def test_all_calls_at_once_are_those_that_are_theirs_to_decide(app: App) -> None:
    other = {"tool": "cancel", "ask": "true", "by": "eve"}
    model = ScriptedModel([[SEND, call("cancel", order="W1"), SEND], finish(), finish()], by_turn=True)
    run = await app.start(agent(rules=[TWO, other]), "do it", person=ANN, model=model)
    await app.advance(run)
    assert [type(body) for body in await app.answer_all(run, "approve", "bo")] == [Endorsed, Endorsed]
    with pytest.raises(NotWaiting, match=r"bo has said yes to a1\.1 already"):
        await app.answer_all(run, "approve", "bo")
    assert [body.ask_id for body in await app.answer_all(run, "approve", "eve")] == ["a1.1", "a1.2", "a1.3"]
    await app.advance(run)
    assert len(world.done) == 3


async def test_a_yes_that_was_written_down_without_the_second_does_not_count(app: App) -> None:
    run = await ask(app)
    state = await app.state(run)
    await app.journal.append(run, state.seq, [Replied(ask_id="a1.1", decision="approve", by="bo")])
    state = await app.advance(run)
    acted = state.calls["1.1"].acted
    assert acted is not None
    assert (acted.status, acted.result, world.done) == ("rejected", "1 more person must say yes", [])


async def test_cut_after_any_event_no_effect_comes_without_both_and_none_twice(app: App) -> None:
    run = await ask(app)
    await app.answer(run, "approve", "bo")
    await app.answer(run, "approve", "carol")
    await app.advance(run)
    events = await app.journal.read(run)
    for cut in range(1, len(events) + 1):
        world.reset()
        again = await _gone_on(app, events[:cut])
        done = [event.body for event in await app.journal.read(again) if isinstance(event.body, Acted)]
        sent = [body for body in done if body.tool == "send" and body.status == "ok"]
        before = any(isinstance(event.body, Intended) for event in events[:cut])
        assert len(world.done) == (0 if before else 1), (
            cut
        )  # begun before the cut: it is asked what became of it
        assert len(sent) <= 1, cut
        assert (await app.state(again)).calls["1.1"].approved_by == "bo and carol", cut


async def _gone_on(app: App, events: list[Event]) -> UUID:
    """A run with this journal, as another process finds it: advanced, and answered by whoever has not been heard."""
    run = uuid4()
    await app.journal.append(run, 0, [event.body for event in events])
    state = await app.advance(run)
    for by in ("bo", "carol"):
        if "a1.1" in state.waits and by not in [one.by for one in state.calls["1.1"].endorsed]:
            await app.answer(run, "approve", by, ask="a1.1")
            state = await app.advance(run)
            assert world.done == [] or by == "carol"
    return run


async def test_whether_to_do_it_again_after_a_crash_is_for_the_same_people(app: App) -> None:
    run = await ask(app, by=["bo", "carol", "dora"])
    for by in ("bo", "carol"):
        await app.answer(run, "approve", by)
    await app.advance(run)
    events = await app.journal.read(run)
    begun = next(event.seq for event in events if isinstance(event.body, Intended))
    world.reset()
    again = uuid4()
    await app.journal.append(again, 0, [event.body for event in events[:begun]])
    state = await app.advance(again)
    assert [asked.kind for asked in state.waits.values()] == ["doubt"]
    with pytest.raises(UserError, match="eve may not decide that; it wants 2 people of bo, carol, dora"):
        await app.answer(again, "approve", "eve")
    assert isinstance(await app.answer(again, "approve", "dora"), Endorsed)
    assert (await app.advance(again)).status == "waiting"
    assert isinstance(await app.answer(again, "approve", "bo"), Replied)
    state = await app.advance(again)
    assert [what for what, _ in world.done] == ["send x@y.example"]
    assert state.calls["1.1"].approved_by == "dora and bo"


async def test_one_word_in_the_journal_is_no_answer_to_a_doubt_that_two_must_settle(app: App) -> None:
    run = await ask(app, by=["bo", "carol", "dora"])
    for by in ("bo", "carol"):
        await app.answer(run, "approve", by)
    await app.advance(run)
    events = await app.journal.read(run)
    begun = next(event.seq for event in events if isinstance(event.body, Intended))
    world.reset()
    again = uuid4()
    await app.journal.append(again, 0, [event.body for event in events[:begun]])
    state = await app.advance(again)
    (doubt,) = state.waits
    await app.journal.append(again, state.seq, [Replied(ask_id=doubt, decision="approve", by="dora")])
    state = await app.advance(again)
    acted = state.calls["1.1"].acted
    assert acted is not None
    assert (acted.status, acted.result, world.done) == ("rejected", "1 more person must say yes", [])


async def test_a_fork_takes_no_half_of_an_approval_along(app: App) -> None:
    run = await ask(app, **{**LATE, "by": ["bo", "eve"]})
    await app.answer(run, "approve", "bo")
    events = await app.journal.read(run)
    asked = fold(events).waits["a1.1"]
    later = events[-1].at + timedelta(days=1)
    kept = [body for body in take_over(events, len(events), later) if body.type in ("asked", "endorsed")]
    assert [body.type for body in kept] == ["asked"]
    assert asked.escalates is not None
    moved: Any = kept[0]
    assert moved.escalates - asked.escalates == moved.expires - asked.expires >= timedelta(days=1)
    other = await app.fork(run)
    assert isinstance(await app.answer(other, "approve", "bo"), Endorsed)


async def test_a_replay_takes_the_recorded_yes_of_several_at_its_word(app: App) -> None:
    run = await ask(app)
    for by in ("bo", "carol"):
        await app.answer(run, "approve", by)
    await app.advance(run)
    model = ScriptedModel([SEND, finish(), finish()], by_turn=True)
    again: State = await app.state(await replay(app, run, Changes(model=model)))
    acted = again.calls["1.1"].acted
    assert acted is not None
    assert (acted.status, len(world.done)) == ("simulated", 1)
