"""What a run can wait for: people, times and children, side by side; and what ends or takes back what was begun."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from remit import crew
from remit.agents.delegate import child_of
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.crew import Crew
from remit.errors import Later, NotWaiting, UnknownName, UserError
from remit.journal.events import Answered, Call, Delegated, Event, Finished, Intended, Judged, Slept
from remit.journal.index import forgotten
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools import tool
from remit.tools.tool import Settle, ToolContext
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

signs: dict[str, asyncio.Event] = {}
due: list[datetime] = []
held: set[str] = set()


async def was_shipped(context: ToolContext, args: Any) -> Any:
    return "shipped" if f"ship {args['order']}" in held else None


@tool(effect="destroy", settle=Settle("lookup", was_shipped, after=0.0))
async def ship(order: str) -> str:
    """Ship an order: it happens, and the answer never comes."""
    held.add(f"ship {order}")
    signs["begun"].set()
    await asyncio.Event().wait()
    return "shipped"


@tool(effect="destroy", settle="ask")
async def post(context: ToolContext, text: str) -> str:
    """Post a text; nobody can tell afterwards."""
    world.happened(f"post {text}", context.key)
    if text == "slow":
        signs["begun"].set()
        await asyncio.Event().wait()
    return "posted"


@tool(effect="read")
async def poll(context: ToolContext) -> str:
    """Look until it is there."""
    if not context.woken:
        raise Later(due[0], "not there yet")
    return "there"


async def refund_back(context: ToolContext, args: Any, result: Any) -> Any:
    world.happened(f"took back {args['amount']} of {result}", context.key)
    return "taken back"


@tool(effect="destroy", settle="key", undo=refund_back)
async def refund(context: ToolContext, amount: int) -> str:
    """Refund an amount."""
    world.happened(f"refund {amount}", context.key)
    return f"refund number 7 of {amount}"


@tool(effect="destroy", settle="key")
async def flaky(context: ToolContext) -> str:
    """Do it, and lose the answer twice."""
    world.happened("flaky", context.key)
    if len(world.done) < 3:
        raise ConnectionResetError("the answer was lost")
    return "done"


@tool(effect="destroy", settle="key")
async def away(context: ToolContext) -> str:
    """Do it, lose the answer, and be away from then on."""
    world.happened("away", context.key)
    if len(world.done) == 1:
        raise ConnectionResetError("the answer was lost")
    world.done.pop()  # nothing has reached it
    raise ConnectionRefusedError("nobody is there")


@tool(effect="destroy", settle="ask")
async def silent() -> str:
    """Do it, perhaps, and lose the answer."""
    raise TimeoutError("no answer in 10 s")


TOOLS = (ship, post, poll, refund, flaky, away, silent)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    signs["begun"] = asyncio.Event()
    due[:] = [datetime.now(UTC) + timedelta(hours=1)]
    held.clear()


def shop(**changes: Any) -> Agent:
    tools = ["tests.agents.world", "tests.agents.test_waiting"]
    return agent(
        **{
            "tools": tools,
            "rules": [{"tool": "send", "ask": "true"}, {"tool": "*", "allow": "true"}],
            **changes,
        }
    )


async def start(app: App, *script: Any, **spec: Any) -> UUID:
    return await app.start(
        shop(**spec), "go", person=ANN, model=ScriptedModel([*script, finish()], by_turn=True)
    )


async def test_two_approvals_of_one_turn_are_answered_in_any_order_each_once(app: App) -> None:
    run = await start(app, [call("send", to="a@x.org", text="1"), call("send", to="b@x.org", text="2")])
    state = await app.advance(run)
    assert list(state.waits) == ["a1.1", "a1.2"]
    await app.answer(run, "approve", "olivia", ask="a1.2")
    state = await app.advance(run)
    assert [what for what, _ in world.done] == ["send b@x.org"]
    assert (state.status, list(state.waits)) == ("waiting", ["a1.1"])
    with pytest.raises(NotWaiting, match="already answered: approve by olivia"):
        await app.answer(run, "reject", "oscar", ask="a1.2")
    await app.answer(run, "reject", "oscar", ask="a1.1")
    state = await app.advance(run)
    assert state.finished is not None
    assert [what for what, _ in world.done] == ["send b@x.org"]


async def test_a_word_that_comes_after_the_cancel_says_so(app: App) -> None:
    run = await start(app, call("send", to="a@x.org", text="1"))
    await app.advance(run)
    await app.cancel(run, "olivia", "changed my mind")
    with pytest.raises(NotWaiting, match="has already ended: cancelled"):
        await app.answer(run, "approve", "oscar", ask="a1.1")
    await app.advance(run)
    assert world.done == []


async def test_an_approval_is_used_up_by_its_intent_so_a_crash_asks_anew(app: App) -> None:
    run = await start(app, call("post", text="slow"), rules=[{"tool": "*", "ask": "true"}])
    await app.advance(run)
    await app.answer(run, "approve", "olivia")
    advancing = asyncio.create_task(app.advance(run))
    await signs["begun"].wait()
    advancing.cancel()  # as a process that is killed in the middle
    await asyncio.gather(advancing, return_exceptions=True)
    state = await app.advance(run)
    assert [asked.kind for asked in state.waits.values()] == ["doubt"]
    await app.answer(run, "answer", "olivia", "it was posted, I looked")
    state = await app.advance(run)
    assert [what for what, _ in world.done] == ["post slow"]
    assert state.calls["1.1"].approved is not None
    assert state.calls["1.1"].approved.by == "olivia"


async def test_a_person_a_time_and_a_child_are_waited_for_side_by_side(app: App) -> None:
    child = ScriptedModel([finish("the child is done")], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    member = {"name": "checker", "description": "checks", "model": child.name, "reflect": False}
    turn = [
        call("send", to="a@x.org", text="1"),
        call("poll"),
        call("delegate", agent="checker", task="check it"),
    ]
    run = await start(app, turn, team=[member])
    state = await Crew(app).see_through(run)
    assert (list(state.waits), list(state.timers), list(state.children)) == (["a1.1"], ["1.2"], [])
    assert state.calls["1.3"].acted.result["report"] == "the child is done"  # type: ignore[union-attr]
    due[0] = datetime.now(UTC) - timedelta(seconds=1)
    async with app.store.pool.connection() as connection:
        timers = await (
            await connection.execute("select count(*) from remit_timers where run = %s", (run,))
        ).fetchone()
    assert timers is not None
    assert timers[0] >= 1  # a worker will wake it
    await app.answer(run, "approve", "olivia")
    state = await app.advance(run)
    assert (state.status, [what for what, _ in world.done]) == ("waiting", ["send a@x.org"])


async def test_a_timer_that_is_due_goes_on_with_its_call_in_another_process(
    settings: Settings, app: App
) -> None:
    due[0] = datetime.now(UTC) + timedelta(milliseconds=400)
    run = await start(app, call("poll"))
    script = app.models["scripted:test"]
    state = await app.advance(run)
    assert state.status == "waiting"
    async with open_app(settings) as other:
        other.models["scripted:test"] = script
        while (state := await other.advance(run)).finished is None:  # noqa: ASYNC110 - it is a time that is waited for
            await asyncio.sleep(0.01)
    assert state.calls["1.1"].acted.result == "there"  # type: ignore[union-attr]


async def test_the_verdict_on_a_look_that_is_to_come_later_is_written_before_the_wait(app: App) -> None:
    run = await start(app, call("poll"))
    state = await app.advance(run)
    last = [event.body for event in await app.journal.read(run)][-2:]
    assert [type(body) for body in last] == [Judged, Slept]
    assert state.calls["1.1"].judged == last[0]
    assert state.calls["1.1"].judged.rule == "allow * if true"


async def test_children_stay_inside_what_is_left_of_the_parents_remit(app: App) -> None:
    child = ScriptedModel([call("cancel", order="W1"), finish()], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    member = {
        "name": "worker",
        "model": child.name,
        "reflect": False,
        "tools": ["tests.agents.world"],
        "rules": [{"tool": "*", "allow": "true"}],
        "remit": {
            "autonomy": "act",
            "destinations": ["erp.example"],
            "budget": {"money": "5", "steps": 100, "wall": "10h"},
        },
    }
    turn = [call("delegate", agent="worker", task="a"), call("delegate", agent="worker", task="b")]
    remit = {"autonomy": "ask", "budget": {"money": "1.00", "steps": 12}}
    run = await start(app, turn, team=[member], remit=remit)
    state = await app.advance(run)
    assert len(state.children) == 2
    for delegated in state.children.values():
        started = (await app.state(delegated.child)).started
        assert started is not None
        inside = Agent.model_validate(started.spec).remit
        assert (inside.autonomy, inside.destinations) == ("ask", ())
        assert inside.budget.steps == 12
        assert inside.budget.wall == timedelta(minutes=30)
        assert inside.budget.money is not None
        assert inside.budget.money <= 1
    assert state.spent == Decimal("1.00")  # the first child may spend it all; the second got nothing
    end = await Crew(app).see_through(run)
    assert world.done == []  # the children ask before each effect, as their parent must
    assert end.status == "waiting"


@pytest.mark.parametrize(
    "args",
    [
        {"agent": "worker"},
        {"agent": "nobody", "task": "a"},
        {"task": "a"},
        {"agent": "worker", "task": 3},
        {"agent": [], "task": "a"},
    ],
)
async def test_a_call_for_the_team_that_lacks_what_it_takes_is_the_models_to_mend(
    app: App, args: Any
) -> None:
    worker = agent(name="worker", model="scripted:test", rules=[]).model_dump(mode="json", by_alias=True)
    model = ScriptedModel([call("delegate", **args), finish()], by_turn=True)
    run = await app.start(agent(team=[worker]), "share it out", person=ANN, model=model)
    state = await app.advance(run)
    acted = state.calls["1.1"].acted
    assert acted is not None
    assert (acted.status, state.finished is not None) == ("mend", True)
    assert "delegate: " in acted.result


async def test_what_the_parent_asks_about_holds_for_its_children_also_where_they_cannot_decide_it(
    app: App,
) -> None:
    child = ScriptedModel([call("post", text="x"), finish()], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    allow = {"tool": "*", "allow": "true"}
    tools = ["tests.agents.test_waiting:post"]
    member = shop(name="worker", model=child.name, tools=tools, rules=[allow]).model_dump(
        mode="json", by_alias=True
    )
    rules = [
        {"tool": "cancel", "deny": "order.owner != person.id"},  # no tool of the child's
        {
            "tool": "p*",
            "ask": "order.owner != person.id",
            "because": "whose is it",
        },  # no record of the child's
        allow,
    ]
    run = await start(app, call("delegate", agent="worker", task="post it"), team=[member], rules=rules)
    state = await Crew(app).see_through(run)
    (delegated,) = state.children.values()
    assert "whose is it" in next(iter((await app.state(delegated.child)).waits.values())).text
    assert world.done == []


async def test_a_child_that_a_paused_parent_has_not_begun_bothers_nobody(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between what it had announced and the child's first event, and a person paused the parent."""
    run = await announced_only(app)
    await app.pause(run, "olivia")
    bothered: list[UUID] = []

    async def put_before_person(self: App, run: UUID, why: str) -> None:
        bothered.append(run)

    monkeypatch.setattr(App, "put_before_person", put_before_person)
    assert (await Crew(app).see_through(run)).status == "paused"
    assert (await app.journal.read(child_of(run, "1.1")), bothered) == ([], [])
    await app.resume(run, "olivia")
    acted = (await Crew(app).see_through(run)).calls["1.1"].acted
    assert acted is not None
    assert acted.result["report"] == "it is done"


async def test_a_paused_parent_rests_though_its_child_has_ended(app: App) -> None:
    run = await announced_only(app)
    await app.advance(run)  # which begins the child
    await app.advance(child_of(run, "1.1"))
    await app.pause(run, "olivia")
    async with asyncio.timeout(20):
        assert (await Crew(app).see_through(run)).status == "paused"
    await app.resume(run, "olivia")
    assert (await Crew(app).see_through(run)).calls["1.1"].acted is not None


async def announced_only(app: App) -> UUID:
    """A run that has announced its child, and whose worker died before the child's first event, leaving nothing else."""
    child = ScriptedModel([finish("it is done")], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    member = shop(name="worker", model=child.name).model_dump(mode="json", by_alias=True)
    whole = await start(app, call("delegate", agent="worker", task="see to it"), team=[member])
    await app.advance(whole)
    events = await app.journal.read(whole)
    at = next(event.seq for event in events if isinstance(event.body, Delegated))
    told = events[at - 1].body.model_copy(update={"child": child_of(run := uuid4(), "1.1")})
    await app.journal.append(run, 0, [*(event.body for event in events[: at - 1]), told])
    await app.cancel(whole, "olivia")
    return run


async def test_a_run_that_waits_for_nothing_is_found_and_goes_on(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await announced_only(app)
    assert await forgotten(app.store, -1) == [run]
    monkeypatch.setattr(crew, "FORGOTTEN", -1.0)
    stop = asyncio.Event()

    def watch(event: Event) -> None:
        if event.run == run and isinstance(event.body, Finished):
            stop.set()

    sweeper = Crew(app, watch=watch)
    async with asyncio.timeout(20):
        await sweeper.sweep(stop)
    await sweeper.drain()
    assert (await app.state(run)).calls["1.1"].acted is not None


async def test_what_waits_for_a_person_a_time_or_a_child_is_not_forgotten(app: App) -> None:
    waits = [call("ask_person", question="which?"), call("wait", minutes=5)]
    runs = [
        await start(app, wait, tools=["tests.agents.world", "tests.agents.test_waiting", "time"])
        for wait in waits
    ]
    for run in runs:
        assert (await app.advance(run)).status == "waiting"
    asking = ScriptedModel([call("ask_person", question="how?")], name="scripted:child", by_turn=True)
    app.models[asking.name] = asking
    member = shop(name="worker", model=asking.name).model_dump(mode="json", by_alias=True)
    parent = await start(app, call("delegate", agent="worker", task="see to it"), team=[member])
    assert (await Crew(app).see_through(parent)).status == "waiting"
    assert await forgotten(app.store, -1) == []


async def test_a_cancel_reaches_children_and_breaks_off_what_a_tool_is_doing(settings: Settings) -> None:
    async with open_app(settings.model_copy(update={"lease_ttl": 0.6})) as app, open_app(settings) as outside:
        child = ScriptedModel([call("ship", order="W1"), finish()], name="scripted:child", by_turn=True)
        app.models[child.name] = child
        allow = [{"tool": "*", "allow": "true"}]
        member = shop(name="worker", model=child.name, rules=allow).model_dump(mode="json", by_alias=True)
        run = await start(app, call("delegate", agent="worker", task="ship it"), team=[member], rules=allow)
        working = asyncio.create_task(Crew(app).see_through(run))
        await signs["begun"].wait()
        state = await outside.state(run)
        await outside.cancel(run, "olivia")
        assert (await working).status == "cancelled"
        delegated = state.calls["1.1"].delegated
        assert delegated is not None
        ended = await outside.state(delegated.child)
        assert ended.status == "cancelled"
        assert ended.calls["1.1"].acted.result == "shipped"  # type: ignore[union-attr] # found by looking
        assert len(ended.effects) == 1


async def test_what_nobody_can_find_out_after_a_cancel_is_recorded_as_unknown(app: App) -> None:
    run = await start(app, call("post", text="slow"))
    advancing = asyncio.create_task(app.advance(run))
    await signs["begun"].wait()
    await app.cancel(run, "olivia")
    state = await advancing
    assert state.status == "cancelled"
    assert state.calls["1.1"].acted.status == "unknown"  # type: ignore[union-attr]
    assert [what for what, _ in world.done] == ["post slow"]


async def test_an_effect_is_undone_once_as_its_tool_declares(app: App) -> None:
    run = await start(app, call("refund", amount=5))
    await app.advance(run)
    state = await app.undo(run, "1.1", "olivia")
    assert [what for what, _ in world.done] == ["refund 5", "took back 5 of refund number 7 of 5"]
    assert state.calls["1.1"].undone
    assert state.status == "cannot verify"  # as it ended
    keys = {key for _, key in world.done}
    assert len(keys) == 2
    with pytest.raises(UserError, match="undone already"):
        await app.undo(run, "1.1", "olivia")
    with pytest.raises(UnknownName):
        await app.undo(run, "9.9", "olivia")
    bodies = [e.body for e in await app.journal.read(run)]
    assert any(isinstance(b, Judged) and b.call_id == "undo:1.1" and b.decision == "allow" for b in bodies)
    assert sum(isinstance(b, Intended) and b.call_id == "undo:1.1" for b in bodies) == 1


async def test_what_does_not_say_how_it_is_undone_is_refused(app: App) -> None:
    run = await start(app, call("post", text="x"))
    await app.advance(run)
    with pytest.raises(UserError, match="does not say how it is undone"):
        await app.undo(run, "1.1", "olivia")


async def test_a_run_that_kills_its_workers_is_put_before_a_person(app: App) -> None:
    run = await start(app, call("look_up", order="W1"))
    async with app.store.pool.connection() as connection:
        await connection.execute(
            "insert into leases (run, worker, deaths) values (%s, gen_random_uuid(), 9)", (run,)
        )
    state = await app.advance(run)
    assert "10 workers died" in state.waits["deaths1"].text
    await app.answer(run, "approve", "olivia")
    assert (await app.advance(run)).finished is not None


async def test_an_effect_that_kills_its_worker_again_and_again_is_put_before_a_person(app: App) -> None:
    run = await start(app, call("refund", amount=5))
    answered = Answered(model="m", calls=[Call(id="1.1", tool="refund", args={"amount": 5})])
    judged = Judged(call_id="1.1", tool="refund", effect="destroy", decision="allow", rule="r")
    intents = [Intended(call_id="1.1", key="k", attempt=attempt) for attempt in range(1, 6)]
    await app.journal.append(run, 1, [answered, judged, *intents])
    state = await app.advance(run)
    assert [asked.kind for asked in state.waits.values()] == ["doubt"]
    assert world.done == []


async def test_a_run_whose_tool_is_gone_waits_for_a_person_instead_of_being_tried_for_ever(app: App) -> None:
    run = await start(app, call("look_up", order="W1"))
    spec = shop(tools=["tests.agents.gone:tool"], model="scripted:test").model_dump(
        mode="json", by_alias=True
    )
    broken = uuid4()
    first = (await app.journal.read(run))[0].body
    await app.journal.append(broken, 0, [first.model_copy(update={"spec": spec})])
    with pytest.raises(UserError):
        await Crew(app).see_through(broken)
    with pytest.raises(UserError):
        await Crew(app).advance(broken)
    state = await app.state(broken)
    assert "tests.agents.gone" in state.waits["broken1"].text
    assert state.status == "waiting"


async def test_an_effect_whose_answer_is_lost_is_settled_by_its_key(app: App) -> None:
    run = await start(app, call("flaky"))
    state = await app.advance(run)
    assert state.calls["1.1"].acted.result == "done"  # type: ignore[union-attr]
    assert len({key for _, key in world.done}) == 1
    assert state.calls["1.1"].intended.attempt == 3  # type: ignore[union-attr]


async def test_a_repeat_that_reaches_nobody_says_nothing_of_the_first_time(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remit.agents.settle.PAUSE", 0.0)
    state = await app.advance(await start(app, call("away")))
    (asked,) = state.waits.values()
    assert asked.kind == "doubt"
    assert "nobody is there" in asked.text
    assert [what for what, _ in world.done] == ["away"]


async def test_an_effect_whose_answer_is_lost_and_that_nobody_can_look_up_is_put_before_a_person(
    app: App,
) -> None:
    state = await app.advance(await start(app, call("silent")))
    (asked,) = state.waits.values()
    assert asked.kind == "doubt"
    assert "no answer in 10 s" in asked.text
