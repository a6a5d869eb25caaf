"""Done is a check: code decides whether a goal is met, the model does not."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema

from remit.agents.report import effects, effects_text
from remit.agents.spec import Agent, Check
from remit.agents.think import aside
from remit.errors import Mend, ModelError, SpecError
from remit.journal.events import Answered, Checked, Json
from remit.journal.state import State
from remit.models.model import Message, Model, Request
from remit.tools.call import call
from remit.tools.registry import installed
from remit.tools.tool import ToolContext

VERDICT = {
    "type": "object",
    "properties": {
        "why": {"type": "string"},
        "verdict": {"enum": ["met", "not met", "cannot verify"]},
    },
    "required": ["why", "verdict"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run says of itself when it wants to end, beside what the journal says."""

    goal: str
    report: str
    output: Json
    effects: list[dict[str, Json]]
    state: State
    tool_context: ToolContext
    resources: Mapping[str, Any]
    told: str = ""  # the effects as a model may read them


async def run_check(check: Check, claim: Claim, model: Model) -> tuple[Checked, Answered | None]:
    """The verdict, and the model's answer where one was asked. Never raises for what the check finds: a check
    that cannot be carried out is `cannot verify`, with the reason."""
    answered = None
    try:
        if check.rubric is not None:
            verdict, detail, answered = await _rubric(check.rubric, claim, model)
        elif check.schema_ is not None:
            jsonschema.validate(claim.output, check.schema_)
            verdict, detail = "met", ""
        elif check.sql is not None:
            verdict, detail = await _sql(check, claim)
        elif check.python is not None:
            verdict, detail = await _python(check.python, claim)
        elif check.code is not None:
            verdict, detail = await load(check.code)(claim)
        else:
            verdict, detail = "cannot verify", "the check says nothing to verify"
    except jsonschema.ValidationError as error:
        verdict, detail = "not met", f"{error.json_path}: {error.message}"
    except (Mend, ModelError, OSError) as error:
        verdict, detail = "cannot verify", str(error)
    if claim.tool_context.secrets is not None:
        detail = claim.tool_context.secrets.hide(detail)
    return Checked(check=check.name, verdict=verdict, detail=detail), answered


def load(path: str) -> Any:
    """The function at `package.module:name`. Raises SpecError where there is none."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"check code {path!r}: {error}; write package.module:function") from error


async def _rubric(rubric: str, claim: Claim, model: Model) -> tuple[Any, str, Answered]:
    text = (
        f"Goal:\n{claim.goal}\n\nWhat was done, from the journal:\n{claim.told}\n\n"
        f"Report:\n{claim.report}\n\nRubric:\n{rubric}\n\nIs the rubric met? Judge only by what is above."
    )
    answer = await model.request(
        Request("You verify work against a rubric.", [Message("user", text)], schema=VERDICT)
    )
    answered = aside(model, answer, "check")
    data = answer.data if isinstance(answer.data, dict) else {}
    if data.get("verdict") not in ("met", "not met", "cannot verify"):
        return "cannot verify", "the judging model gave no verdict", answered
    return data["verdict"], str(data.get("why", "")), answered


async def _sql(check: Check, claim: Claim) -> tuple[Any, str]:
    args = {"query": check.sql, **({"database": check.resource} if check.resource else {})}
    found = await _use("sql_query", claim, args)
    rows = found["rows"]
    value = rows[0][0] if rows and rows[0] else None
    return ("met", "") if value else ("not met", f"{check.sql} gave {value!r}")


async def _python(expression: str, claim: Claim) -> tuple[Any, str]:
    inputs = {"output": claim.output, "report": claim.report, "effects": claim.effects}
    value = (await _use("python_run", claim, {"code": expression, "inputs": inputs}))["value"]
    return ("met", "") if value else ("not met", f"{expression} is {value!r}")


async def _use(name: str, claim: Claim, args: Mapping[str, Json]) -> Json:
    """A check looks through the same tools as an agent. Raises Mend with what went wrong."""
    outcome = await call(installed()[name], claim.tool_context, args)
    if outcome.status != "ok":
        raise Mend(str(outcome.result))
    return outcome.result


def claim_of(spec: Agent, state: State, report: str, output: Json, context: ToolContext) -> Claim:
    goal = state.started.goal if state.started else ""
    told = effects_text(spec, state)
    return Claim(goal, report, output, effects(state), state, context, context.resources, told)
