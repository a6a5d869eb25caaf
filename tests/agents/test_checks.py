"""Done checks on the real database, the real sandbox and a judging model."""

from __future__ import annotations

from typing import Any

import pytest

from remit.app import App
from remit.journal.events import Answered
from remit.models.model import Answer, Request, Usage
from remit.testing import ScriptedModel
from tests.agents.test_loop import ANN, agent, call, finish

OUTPUT = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


async def ended(app: App, check: dict[str, Any], *script: Any, **spec: Any) -> Any:
    model = ScriptedModel([*script, finish("I report a total.", output={"total": 3})] * 5, by_turn=True)
    checks = [{"name": "right", **check}]
    run = await app.start(agent(checks=checks, output=OUTPUT, **spec), "go", person=ANN, model=model)
    return await app.advance(run)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"python": "output['total'] == 3 and 'total' in report and effects == []"}, "met"),
        ({"python": "output['total'] == 4"}, "not met"),
        ({"python": "output['nothing']"}, "cannot verify"),
        ({"schema": OUTPUT}, "met"),
        ({"schema": {"type": "array"}}, "not met"),
        ({"sql": "select true", "resource": "db"}, "met"),
        ({"sql": "select count(*) > 10 from runs", "resource": "db"}, "not met"),
        ({"sql": "select * from nowhere", "resource": "db"}, "cannot verify"),
        ({"sql": "delete from runs returning true", "resource": "db"}, "cannot verify"),
    ],
)
async def test_a_check_says_met_not_met_or_cannot_verify(
    app: App, check: dict[str, Any], verdict: str
) -> None:
    state = await ended(app, check, resources={"db": app.settings.database_url})
    assert state.checks[0].verdict == verdict
    assert (state.status == verdict) or (verdict == "not met" and state.status == "waiting")


async def test_a_rubric_is_judged_by_the_model_and_its_cost_counts(app: App) -> None:
    def answer(request: Request) -> Answer:
        if request.schema is not None:
            assert "What was done, from the journal:\n- cancel" in request.messages[0].text
            return Answer(data={"why": "it says so", "verdict": "met"}, usage=Usage(7, 1))
        acted = any(m.role == "tool" for m in request.messages)
        return Answer(calls=(finish("W1 was cancelled."),) if acted else (call("cancel", order="W1"),))

    checks = [{"name": "polite", "rubric": "The report is polite."}]
    run = await app.start(agent(checks=checks), "go", person=ANN, model=ScriptedModel(answer))
    state = await app.advance(run)
    assert (state.status, state.tokens, state.steps) == ("met", 8, 2)
    events = await app.journal.read(run)
    assert sum(isinstance(e.body, Answered) and e.body.purpose == "check" for e in events) == 1


async def test_an_output_that_does_not_fit_its_schema_goes_back_to_the_model(app: App) -> None:
    model = ScriptedModel(
        [finish("x", output={"total": "three"}), finish("x", output={"total": 3})], by_turn=True
    )
    run = await app.start(agent(output=OUTPUT), "go", person=ANN, model=model)
    state = await app.advance(run)
    assert "total" in state.calls["1.1"].acted.result
    assert state.finished is not None
    assert state.finished.output == {"total": 3}
