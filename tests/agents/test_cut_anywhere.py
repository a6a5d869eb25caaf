"""A crash between any two appends: whoever goes on from there asks the model nothing twice and ends the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from remit.agents.spec import Agent
from remit.app import App
from remit.journal.events import Answered, AnyBody, Event, Started
from remit.testing import ScriptedModel
from tests.agents.test_loop import ANN, agent, call, finish

OUTPUT = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
NO = [{"name": "never", "python": "False"}]
YES = [{"name": "always", "python": "True"}]
LOOK = call("look_up", order="W1")
SEND_VOUCHED = [{"tool": "invite", "allow": 'evidence.to == "directory"'}]

ENDS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "done, and not checked": ([LOOK, finish()], {}),
    "met": ([call("cancel", order="W1"), finish()], {"checks": YES}),
    "in words": ([LOOK, "W1 is pending."], {}),
    "not met, until a person is asked": ([finish(f"attempt {n}") for n in range(4)], {"checks": NO}),
    "looked back first": ([LOOK, finish(), finish()], {"reflect": True}),
    "cannot": ([call("cancel", order="W2"), finish("not allowed", "cannot")], {}),
    "output mended": ([finish(output={"total": "x"}), finish(output={"total": 1})], {"output": OUTPUT}),
    "a sibling failed": ([[call("look_up", order="W9"), finish()], finish()], {}),
    "nothing new, until a person is asked": ([LOOK] * 12, {}),
    "nothing said": (["", "", ""], {}),
    "a value taken by reference": (
        [call("letter"), call("invite", to=[{"$ref": "1.1#/from"}]), finish()],
        {"tools": ["tests.agents.test_refs"], "rules": SEND_VOUCHED},
    ),
    "a plan": ([call("plan", steps=["look", "end"]), LOOK, finish()], {}),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_cut_after_any_append_changes_nothing(
    app: App, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, changes = ENDS[end]
    model, spec = ScriptedModel(script, by_turn=True), agent(**changes)
    appends = _noted(app, monkeypatch)
    run = await app.start(spec, "cancel W1", person=ANN, model=model)
    whole = await app.advance(run)
    events = await app.journal.read(run)
    asked = sum(isinstance(event.body, Answered) for event in events)
    assert whole.status != "running"
    for cut in [1, *appends[1:]]:  # every length that the journal ever had
        again = await _go_on(app, spec, events[:cut], model)
        assert again.status == whole.status, cut
        assert (again.steps, len(again.asked), len(again.nudges)) == (
            asked,
            len(whole.asked),
            len(whole.nudges),
        ), f"cut after {events[cut - 1].body.type}"


def _noted(app: App, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the journal after each append, as the loop makes them."""
    lengths: list[int] = []
    submit = app.journal.submit

    def note(run: Any, seq: int, bodies: Sequence[AnyBody], behind: Any = None) -> Any:
        lengths.append(seq + len(bodies))
        return submit(run, seq, bodies, behind)

    monkeypatch.setattr(app.journal, "submit", note)
    return lengths


async def _go_on(app: App, spec: Agent, events: Sequence[Event], model: ScriptedModel) -> Any:
    run = uuid4()
    assert isinstance(events[0].body, Started)
    await app.journal.append(run, 0, [event.body for event in events])
    return await app.advance(run)
