"""The grant: which effects a goal asks for, frozen before anything is read; what is outside is denied and nobody is asked."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.agents import grant
from remit.agents.spec import Agent
from remit.app import App
from remit.crew import Crew
from remit.errors import ModelError, UnknownName, UserError
from remit.journal.events import Acted, Answered, Call, Granted, Started
from remit.journal.state import CallState, State
from remit.models.model import Answer, Request, Usage
from remit.past import judge_again
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

RULES = [{"tool": "*", "allow": "true"}]


def frozen(**changes: Any) -> Agent:
    return agent(**{"rules": RULES, "grant": "goal", **changes})


def model(*script: Any, **times: int) -> ScriptedModel:
    """A model that says `times` when it reads the goal, and then follows the script."""
    inner = ScriptedModel([*script, finish()], by_turn=True)
    actions = [{"tool": tool, "times": n} for tool, n in times.items()]

    def answer(request: Request) -> Answer:
        if request.schema is not None:
            return Answer(data={"actions": actions}, usage=Usage(50, 5))
        index = sum(message.role == "assistant" for message in request.messages)
        return inner._items[index]  # type: ignore[return-value]

    return ScriptedModel(answer)


async def start(app: App, made: ScriptedModel, **changes: Any) -> UUID:
    return await app.start(frozen(**changes), "cancel W1, please", person=ANN, model=made)


CANCEL, CHARGE = call("cancel", order="W1"), call("charge", amount=5)


async def test_what_the_goal_asks_for_happens_and_no_more_of_it(app: App) -> None:
    again = call("cancel", order="W2")
    state = await app.advance(await start(app, model(CANCEL, again, CHARGE, cancel=1)))
    assert [what for what, _ in world.done] == ["cancel W1"]
    refused = [state.calls[number].judged for number in ("2.1", "3.1")]
    assert [one and (one.decision, one.rule) for one in refused] == [("deny", "the grant")] * 2
    assert not state.asked


async def test_of_calls_side_by_side_no_more_happen_than_are_granted(app: App) -> None:
    await app.advance(await start(app, model([CANCEL, call("cancel", order="W2")], cancel=1)))
    assert [what for what, _ in world.done] == ["cancel W1"]


async def test_it_is_frozen_before_the_first_step_and_once(app: App) -> None:
    made = model(call("read_web", url="https://x.example"), CANCEL, cancel=1)
    state = await app.advance(run := await start(app, made))
    bodies = [event.body for event in await app.journal.read(run)]
    assert [type(body) for body in bodies[:3]] == [Started, Answered, Granted]
    assert sum(isinstance(body, Granted) for body in bodies) == 1
    assert state.grant == {"cancel": 1}
    assert state.tokens == 55


async def test_what_reads_the_goal_sees_the_persons_words_and_nothing_else(app: App) -> None:
    seen: list[Request] = []
    made = model(CANCEL, cancel=1)
    answer = made._function
    assert answer is not None

    def noted(request: Request) -> Answer:
        if request.schema is not None:
            seen.append(request)
        return answer(request)

    made._function = noted
    spec = frozen(instructions="INSTRUCTIONS")
    await app.advance(
        await app.start(spec, "cancel W1", person=ANN, quoted="LURE", inputs={"a": "LURE"}, model=made)
    )
    (request,) = seen
    told = f"{request.instructions} {request.messages}"
    assert "cancel W1" in told
    assert "LURE" not in told
    assert {tool for tool in ("look_up", "read_web") if tool in told} == set()  # looking needs no leave


async def test_what_came_to_nothing_is_not_counted(app: App) -> None:
    made = model(call("cancel", order="W9"), CANCEL, cancel=1)  # there is no W9
    await app.advance(await start(app, made))
    assert [what for what, _ in world.done] == ["cancel W1"]


async def test_a_person_makes_it_wider_and_nobody_else_does(app: App) -> None:
    asking = call("ask_person", question="More?")
    run = await start(app, model(CHARGE, asking, CHARGE, cancel=1))
    await app.advance(run)
    with pytest.raises(UnknownName, match="charge"):
        await app.widen(run, "charg", 1, "olivia")
    with pytest.raises(UnknownName):
        await app.widen(run, "look_up", 1, "olivia")
    assert (await app.widen(run, "charge", 1, "olivia")).grant == {"cancel": 1, "charge": 1}
    await app.answer(run, "answer", "olivia", "yes")
    state = await app.advance(run)
    assert [what for what, _ in world.done] == ["charge"]
    with pytest.raises(UserError, match="ended"):
        await app.widen(run, "charge", 1, "olivia")
    assert state.run is not None


async def test_other_rules_do_not_change_what_was_beyond_the_grant(app: App) -> None:
    await app.advance(await start(app, model(CANCEL, CHARGE, cancel=1)))
    found = await judge_again(app, frozen(), 10)
    assert (found.changed, found.table[("deny", "deny")]) == ((), 1)


async def test_a_run_without_a_grant_has_nothing_to_widen(app: App) -> None:
    run = await start(app, model(call("ask_person", question="More?")), grant="tools")
    await app.advance(run)
    with pytest.raises(UserError, match="no grant"):
        await app.widen(run, "charge", 1, "olivia")


async def test_a_trigger_that_knows_says_it_and_no_model_is_asked(app: App) -> None:
    made = model(CANCEL, CHARGE, charge=9)
    run = await app.start(frozen(), "cancel W1", person=ANN, grant={"cancel": 1}, model=made)
    await app.advance(run)
    assert [what for what, _ in world.done] == ["cancel W1"]
    with pytest.raises(UnknownName, match="cancel"):
        await app.start(frozen(), "cancel W1", person=ANN, grant={"cancl": 1}, model=made)


async def test_children_share_what_is_left_and_what_they_were_given_is_gone(app: App) -> None:
    child = ScriptedModel([CANCEL, CHARGE, finish()], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    member = agent(name="mate", model=child.name, rules=RULES).model_dump(mode="json", by_alias=True)
    task = call("delegate", agent="mate", task="see to it")
    run = await start(app, model([task, task], call("cancel", order="W2"), cancel=1), team=[member])
    state = await Crew(app).see_through(run)
    assert state.finished
    assert [what for what, _ in world.done] == ["cancel W1"]


async def test_a_crash_after_it_was_frozen_does_not_ask_again(app: App) -> None:
    made = model(CANCEL, cancel=1)
    run = await start(app, made)
    await app.advance(run)
    events, count = await app.journal.read(run), made.count
    world.reset()
    again = uuid4()
    await app.journal.append(again, 0, [event.body for event in events[:3]])
    await app.advance(again)
    assert made.count == 2 * count - 1
    assert [what for what, _ in world.done] == ["cancel W1"]


@pytest.mark.parametrize("data", [None, [], {}, {"actions": "cancel"}])
def test_an_answer_of_another_shape_is_no_grant(data: Any) -> None:
    with pytest.raises(ModelError, match="actions"):
        grant.granted(data, {"cancel": None})


actions = st.lists(
    st.fixed_dictionaries(
        {"tool": st.sampled_from(["a", "b", "c"]), "times": st.one_of(st.integers(-5, 500), st.text())}
    )
    | st.integers()
)


@given(actions)
def test_no_more_is_granted_than_the_agent_has_and_never_without_end(said: list[Any]) -> None:
    found = grant.granted({"actions": said}, {"a": None, "b": None})
    assert set(found) <= {"a", "b"}
    assert all(0 < times <= grant.MOST for times in found.values())


@given(st.integers(0, 3), st.lists(st.sampled_from(["ok", "denied", "failed", "unknown", None]), max_size=6))
def test_what_is_left_is_what_was_granted_less_what_may_have_happened(
    times: int, outcomes: list[Any]
) -> None:
    state = State(grant={"a": times})
    for n, outcome in enumerate(outcomes):
        made = CallState(Call(id=str(n), tool="a", args={}), n)
        if outcome is not None:
            made.acted = Acted(call_id=str(n), tool="a", status=outcome)
        state.calls[str(n)] = made
    last = CallState(Call(id="x", tool="a", args={}), 9)
    counted = sum(outcome in ("ok", "unknown", None) for outcome in outcomes)
    counted += max(0, outcomes.count("failed") - times)  # what fails is tried again as often as was granted
    assert grant.left(state, last) == {"a": max(0, times - counted)}
