"""A small model's guards: what it may call next, in a run with a double that scores as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from remit.app import App
from remit.models.model import Message, Request
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish


class Small(ScriptedModel):
    """A scripted small model with fixed scores; remembers which tools each request allowed."""

    def __init__(self, script: list[Any], yes: float = 0.9, likely: str = "cancel") -> None:
        super().__init__(script, small=True, by_turn=True)
        self.yes, self.likely = yes, likely
        self.allowed: list[frozenset[str] | None] = []

    async def request(self, request: Request, stream: Any = None) -> Any:
        self.allowed.append(request.allowed)
        return await super().request(request, stream)

    async def sure(self, messages: Sequence[Message], request: Request | None = None) -> float:
        return self.yes

    async def choose_many(
        self, prompts: Sequence[str], labels: Sequence[str], task: str = ""
    ) -> list[Mapping[str, float]]:
        return [{label: 0.95 if label == self.likely else 0.01 for label in labels} for _ in prompts]


ALLOW = [{"tool": "*", "allow": "true"}]


async def run(app: App, model: Small, goal: str = "please cancel W1") -> Any:
    run_id = await app.start(agent(rules=ALLOW), goal, person=ANN, model=model)
    return await app.advance(run_id)


async def test_it_looks_first_then_may_only_try_what_the_goal_calls_for_and_then_finish(app: App) -> None:
    model = Small([call("look_up", order="W1"), call("cancel", order="W1"), finish()])
    await run(app, model)
    look, act, end = model.allowed
    assert look == {"look_up", "read_web"}
    assert act is not None
    assert {"cancel"} == act & {"cancel", "send", "charge", "finish"}
    assert end is not None
    assert {"finish", "send", "charge"} <= end
    assert [w for w, _ in world.done] == ["cancel W1"]


async def test_a_goal_that_asks_for_no_change_is_offered_none(app: App) -> None:
    model = Small([call("look_up", order="W1"), finish()], yes=0.1)
    await run(app, model, "what is W1?")
    last = model.allowed[-1]
    assert last is not None
    assert not last & {"cancel", "send", "charge"}
    assert "finish" in last


async def test_a_write_about_another_record_than_the_person_named_is_sent_back_once(app: App) -> None:
    script = [call("look_up", order="W1"), call("cancel", order="W2"), call("cancel", order="W1"), finish()]
    state = await run(app, Small(script))
    assert "the person named W1, not W2" in state.calls["2.1"].acted.result
    assert [w for w, _ in world.done] == ["cancel W1"]


@pytest.mark.parametrize("args", [{"order": "W1"}])
async def test_a_repeated_look_is_not_carried_out_and_not_offered_next(
    app: App, args: dict[str, Any]
) -> None:
    look = call("look_up", **args)
    model = Small([look, look, call("cancel", order="W1"), finish()])
    state = await run(app, model)
    assert "already called" in state.calls["2.1"].acted.result
    assert model.allowed[2] is not None
    assert "look_up" not in model.allowed[2]


async def test_it_gives_up_looking_after_a_few_failed_looks(app: App) -> None:
    script = [call("look_up", order=f"none{i}") for i in range(3)] + [finish("not found", "cannot")]
    state = await run(app, Small(script))
    assert state.finished is not None
    assert world.done == []


async def test_once_a_rule_has_said_no_twice_no_change_is_offered_any_more(app: App) -> None:
    model = Small(
        [
            call("look_up", order="W1"),
            call("cancel", order="W1"),
            call("send", to="ann@example.com", text="x"),
            finish(),
        ]
    )
    rules = [{"tool": ["cancel", "send", "charge"], "deny": "true", "because": "refuse it"}, *ALLOW]
    run_id = await app.start(agent(rules=rules), "please cancel W1", person=ANN, model=model)
    await app.advance(run_id)
    last = model.allowed[-1]
    assert last is not None
    assert not last & {"cancel", "send", "charge"}
    assert "finish" in last
    assert world.done == []
