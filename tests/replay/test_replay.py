"""A replay shows what would have come of another model, prompt or policy, and does nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from remit.agents.spec import Agent, Rule
from remit.app import App
from remit.errors import UserError
from remit.journal.compare import Comparison, compare
from remit.journal.events import Acted, Answered, Asked, Intended, Started
from remit.journal.index import list_asks, list_runs
from remit.journal.state import State
from remit.models.model import Answer, Request
from remit.replay import Changes, Terms, replay
from remit.testing import ScriptedModel
from remit.tools import tool
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

SEND = call("send", to="x@y.example", text="hi")
LOOK, CANCEL = call("look_up", order="W1"), call("cancel", order="W1")
RECORDED = Terms(recorded=True)
RULES = [
    {"tool": "cancel", "allow": "!run.untrusted"},
    {"tool": "charge", "allow": "args.amount <= 50"},
    {"tool": "send", "ask": "true"},
]


async def original(app: App, script: list[Any], **spec: Any) -> UUID:
    """A run that has cancelled, or whatever its script says, in earnest."""
    model = ScriptedModel([*script], by_turn=True)
    run_id = await app.start(agent(**{"rules": RULES, **spec}), "cancel W1", person=ANN, model=model)
    await app.advance(run_id)
    return run_id


async def again(app: App, run_id: UUID, *args: Any, **more: Any) -> tuple[State, Comparison]:
    """The replay's state, and how it compares with the run."""
    before = list(world.done)
    new = await replay(app, run_id, *args, **more)
    assert world.done == before, "a replay did something"
    events = await app.journal.read(new)
    assert not any(isinstance(e.body, Intended) and str(new) in e.body.key for e in events)
    return await app.state(new), compare(await app.journal.read(run_id), events)


def other(*script: Any) -> ScriptedModel:
    return ScriptedModel([*script], name="scripted:other", by_turn=True)


async def test_a_replay_of_the_same_answers_is_the_same_and_does_nothing(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, finish("W1 was cancelled.")])
    assert len(world.done) == 1
    state, found = await again(app, run_id, terms=RECORDED)
    assert found.divergence is None
    assert (found.a.effects, found.b.effects, found.b.simulated) == (1, 0, 1)
    assert state.calls["2.1"].acted is not None
    assert (state.calls["2.1"].acted.status, state.calls["2.1"].acted.result) == (
        "simulated",
        "W1 is cancelled",
    )
    assert state.status == "cannot verify"
    assert state.started is not None
    assert (state.started.fork_of, state.started.spec["remit"]["autonomy"]) == (run_id, "shadow")


async def test_a_read_answers_as_it_did_then_though_the_world_has_changed(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, finish()])
    assert world.ORDERS["W1"]["status"] == "cancelled"
    state, _ = await again(app, run_id, Changes(model=other(LOOK, finish("nothing to do", "cannot"))))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.result == {"owner": "ann", "status": "pending"}


async def test_another_model_goes_its_own_way_and_its_effects_are_only_simulated(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, finish()])
    script = [LOOK, call("charge", amount=5), finish("charged 5 dollars for W1")]
    state, found = await again(app, run_id, Changes(model=other(*script)), Terms(live_reads=True))
    assert [c.acted.status for c in state.calls.values() if c.acted] == ["ok", "simulated", "ok"]
    assert found.divergence is not None
    assert {row.kind for row in found.rows if row.a and isinstance(row.a.body, Answered)} == {
        "same",
        "differs",
    }
    assert state.started is not None
    assert state.started.spec["model"] == "scripted:other"


async def test_what_was_not_read_before_is_not_read_now_unless_asked_for(app: App) -> None:
    run_id = await original(app, [LOOK, finish()])
    script = [call("look_up", order="W2"), finish()]
    state, _ = await again(app, run_id, Changes(model=other(*script)))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.status == "mend"
    assert "not recorded" in state.calls["1.1"].acted.result
    state, _ = await again(app, run_id, Changes(model=other(*script)), Terms(live_reads=True))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.result == {"owner": "bob", "status": "pending"}


async def test_another_policy_shows_what_it_would_have_denied(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, call("charge", amount=5), finish()])
    rules = (
        Rule(tool="cancel", deny="true", because="no cancelling"),
        Rule(tool="charge", allow="args.amount < 10"),
    )
    state, found = await again(app, run_id, Changes(rules=rules), RECORDED)
    assert state.calls["2.1"].acted is not None
    assert state.calls["2.1"].acted.status == "denied"
    assert found.divergence is not None
    assert {c.where for c in found.divergence.row.changes} == {"decision", "rule"}
    assert (found.b.denied, found.b.simulated) == (1, 1)


async def test_a_replay_from_the_middle_reads_as_the_run_had_read(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, finish()])
    behind = agent(rules=RULES, reading="airlock")
    with pytest.raises(UserError, match=r"read one way from its beginning.*without --at"):
        await replay(app, run_id, Changes(agent=behind), RECORDED, at=4)
    assert await replay(app, run_id, Changes(agent=behind), RECORDED, at=1)


async def test_another_policy_shows_what_it_would_have_asked_and_ends_there_or_goes_on(app: App) -> None:
    run_id = await original(app, [call("charge", amount=5), finish()])
    asking = Changes(rules=(Rule(tool="charge", ask="true", because="charges are asked about"),))
    state, _ = await again(app, run_id, asking, RECORDED)
    assert state.status == "cannot verify"
    assert state.finished is not None
    assert "a person is needed: a1.1: charge: charges are asked about" in state.finished.why
    state, found = await again(app, run_id, asking, Terms(recorded=True, assume="approve"))
    assert (found.b.asked, found.b.simulated, state.calls["1.1"].acted.result) == (1, 1, "charged")  # type: ignore[union-attr]
    state, found = await again(app, run_id, asking, Terms(recorded=True, assume="reject"))
    assert (found.b.asked, found.b.simulated) == (1, 0)


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_an_approval_is_answered_as_it_was(app: App, decision: Any) -> None:
    run_id = await original(app, [SEND, finish("sent or not", "cannot")])
    await app.answer(run_id, decision, "olga", "because")
    await app.advance(run_id)
    state, found = await again(app, run_id, terms=RECORDED)
    assert state.replies["a1.1"].by == "olga"
    assert found.divergence is None
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.status == ("simulated" if decision == "approve" else "rejected")


async def test_an_agent_that_asks_before_each_effect_is_judged_as_such_and_not_as_a_shadow(app: App) -> None:
    run_id = await original(app, [CANCEL, finish()], rules=[], remit={"autonomy": "ask"})
    await app.answer(run_id, "approve", "olga")
    await app.advance(run_id)
    assert len(world.done) == 1
    state, found = await again(app, run_id, terms=RECORDED)
    assert found.divergence is None
    assert state.run is not None
    twice, found = await again(app, state.run, terms=RECORDED)  # a replay of the replay
    assert found.divergence is None
    assert twice.asked.keys() == {"a1.1"}


async def test_a_question_gets_the_answer_that_it_got(app: App) -> None:
    question = call("ask_person", question="which?")
    run_id = await original(app, [question, finish()])
    await app.answer(run_id, "answer", "ann", "the first")
    await app.advance(run_id)
    state, _ = await again(app, run_id, Changes(model=other(LOOK, question, finish())))
    assert state.calls["2.1"].acted is not None
    assert state.calls["2.1"].acted.result == "the first"


async def test_a_replay_of_a_waiting_run_ends_where_it_waits(app: App) -> None:
    run_id = await original(app, [SEND, finish()])
    state, _ = await again(app, run_id, terms=RECORDED)
    assert state.status == "cannot verify"
    assert not state.waits
    assert [ask.run for ask in await list_asks(app.store)] == [run_id]  # it puts nothing into an inbox
    assert (await app.state(run_id)).status == "waiting"


async def test_other_instructions_reach_the_model(app: App) -> None:
    run_id = await original(app, [finish()])
    model = other(finish())
    await again(app, run_id, Changes(model=model, instructions="Be brief."))
    assert model.last is not None
    assert model.last.instructions.startswith("Be brief.")


async def test_another_agent_takes_the_same_goal(app: App) -> None:
    run_id = await original(app, [CANCEL, finish()])
    fixed = Agent(name="clerk", tools=("tests.agents.world:look_up",), model="scripted:other", reflect=False)
    app.models["scripted:other"] = other(CANCEL, finish("I cannot", "cannot"))
    state, _ = await again(app, run_id, Changes(agent=fixed))
    assert state.calls["1.1"].acted is not None
    assert "unknown tool" in state.calls["1.1"].acted.result


async def test_a_replay_from_an_event_on_keeps_what_came_before(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, call("charge", amount=5), finish()])
    cancelled = [e.seq for e in await app.journal.read(run_id) if isinstance(e.body, Acted)][1]
    model = other(LOOK, CANCEL, finish())
    state, found = await again(app, run_id, Changes(model=model), at=cancelled)
    assert model.count == 1
    assert found.divergence is not None
    assert found.divergence.a > cancelled
    assert state.started is not None
    assert state.started.fork_seq == cancelled


async def test_the_same_read_twice_answers_first_as_before_and_then_as_after(app: App) -> None:
    run_id = await original(app, [LOOK, CANCEL, LOOK, finish()])
    state, _ = await again(app, run_id, Changes(model=other(LOOK, LOOK, finish())))
    results = [c.acted.result for c in state.calls.values() if c.acted and c.call.tool == "look_up"]
    assert [r["status"] for r in results] == ["pending", "cancelled"]


async def test_the_answers_end_where_the_run_goes_on_for_longer_than_it_did(app: App) -> None:
    check = {"name": "cancelled", "code": "tests.agents.test_loop:is_cancelled"}
    run_id = await original(app, [CANCEL, finish("W1 was cancelled.")], checks=[check])
    assert (await app.state(run_id)).status == "met"
    state, found = await again(app, run_id, terms=RECORDED)
    assert (state.status, found.divergence) == ("met", None)
    denying = Changes(rules=(Rule(tool="cancel", deny="true"),))
    state, _ = await again(app, run_id, denying, RECORDED)
    assert [c.verdict for c in state.checks] == [
        "cannot verify"
    ]  # W1 is cancelled, but this one did not do it
    reflecting = Changes(agent=agent(rules=RULES, reflect=True))
    state, _ = await again(app, run_id, reflecting, RECORDED)
    assert state.finished is not None
    assert "used up" in state.finished.why


async def test_records_that_a_rule_needs_are_not_looked_at_anew_unless_asked_for(app: App) -> None:
    run_id = await original(app, [finish()])
    rules = (Rule(tool="cancel", allow='order.status == "pending"'),)
    changes = Changes(model=other(CANCEL, finish()), rules=rules)
    state, _ = await again(app, run_id, changes)
    assert state.calls["1.1"].acted is not None
    assert "the gate would have to look at order" in state.calls["1.1"].acted.result
    state, _ = await again(app, run_id, changes, Terms(live_reads=True))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.status == "simulated"


async def test_a_record_is_for_the_gate_what_it_was_though_it_has_changed_since(app: App) -> None:
    pending = [{"tool": "cancel", "allow": 'order.status == "pending" && order.owner == person.id'}]
    run_id = await original(app, [LOOK, CANCEL, finish()], rules=pending)
    assert world.ORDERS["W1"]["status"] == "cancelled"
    state, found = await again(app, run_id, terms=RECORDED)
    assert (found.divergence, found.b.simulated) == (None, 1)
    bobs = Changes(rules=(Rule(tool="cancel", allow='order.owner == "bob"'),))
    state, _ = await again(app, run_id, bobs, RECORDED)
    assert state.calls["2.1"].acted is not None
    assert state.calls["2.1"].acted.status == "denied"
    state, found = await again(app, run_id, Changes(model=other(LOOK, CANCEL, finish())))
    assert found.divergence is None


async def test_a_replay_is_in_the_store_only_when_it_has_ended(app: App) -> None:
    run_id = await original(app, [LOOK, finish()])
    seen: list[int] = []

    async def asked(request: Request, stream: object = None) -> Answer:
        seen.append(len(await list_runs(app.store)))
        return Answer(calls=(finish(),))

    model = other(finish())
    model.request = asked  # type: ignore[method-assign]
    await again(app, run_id, Changes(model=model))
    assert seen == [1]
    assert len(await list_runs(app.store, status=["running", "waiting"])) == 0


async def test_a_replay_that_is_broken_off_is_written_as_cancelled(app: App) -> None:
    run_id = await original(app, [LOOK, finish()])
    asked = asyncio.Event()

    async def never(request: Request, stream: object = None) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    model = other(finish())
    model.request = never  # type: ignore[method-assign]
    task = asyncio.create_task(replay(app, run_id, Changes(model=model)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    cancelled = await list_runs(app.store, status=["cancelled"])
    assert len(cancelled) == 1


async def test_a_run_that_is_still_going_is_not_replayed(app: App) -> None:
    run_id = await app.start(agent(), "do it", person=ANN, model=ScriptedModel([finish()]))
    with pytest.raises(UserError, match="still going"):
        await replay(app, run_id)


async def test_the_recorded_answers_are_not_another_models(app: App) -> None:
    run_id = await original(app, [finish()])
    with pytest.raises(UserError, match="leave out"):
        await replay(app, run_id, Changes(model=other()), RECORDED)


begun: list[str] = []


@tool(effect="read")
async def count(what: str) -> str:
    """Count, and remember that it was done."""
    begun.append(what)
    return f"{len(begun)} {what}"


TOOLS = (count,)


async def test_the_work_of_another_agent_is_taken_as_recorded_and_none_is_begun(app: App) -> None:
    begun.clear()
    member = agent(
        name="counter", tools=["tests.replay.test_replay"], rules=[], model="scripted:counter"
    ).model_dump()
    hand = call("delegate", agent="counter", task="count the sheep")
    app.models["scripted:counter"] = ScriptedModel(
        [call("count", what="sheep"), finish("one sheep")], name="scripted:counter", by_turn=True
    )
    run_id = await original(app, [hand, finish()], rules=[], team=[member])
    waiting = await app.state(run_id)
    child = next(iter(waiting.children.values())).child
    await app.advance(child)
    await app.advance(run_id)
    assert begun == ["sheep"]
    state, found = await again(app, run_id, terms=RECORDED)
    assert found.divergence is None
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.result["report"] == "one sheep"
    strange = call("delegate", agent="counter", task="count the goats")
    state, _ = await again(app, run_id, Changes(model=other(strange, finish())))
    assert state.calls["1.1"].acted is not None
    assert "begins no other agent" in state.calls["1.1"].acted.result["report"]
    assert begun == ["sheep"]
    started = [e.body for e in await app.journal.read(child) if isinstance(e.body, Started)]
    assert len(started) == 1
    assert len([r for r in await list_runs(app.store) if r.agent == "counter"]) == 1


async def test_a_wait_is_not_waited_for_again(app: App) -> None:
    wait = call("wait", minutes=60)
    model = ScriptedModel([wait, finish()], by_turn=True)
    run_id = await app.start(agent(tools=["time.*", "tests.agents.world"]), "wait", person=ANN, model=model)
    assert (await app.advance(run_id)).timers
    state, _ = await again(app, run_id, terms=Terms(live_reads=True))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.result.startswith("it is ")
    assert not any(isinstance(e.body, Asked) for e in await app.journal.read(state.run or run_id))
