"""An engine that thinks nothing: it makes the calls that its agent names, one after the other, and reports how that went. For what is the same
each time, as a message by a template: it is a run like any other, and each call passes the gate.

The agent's instructions are the calls, as JSON in one line: `[{"tool": …, "args": {…}}, …]`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from remit.errors import ModelError
from remit.models.model import Answer, Message, Price, Request, ToolCall
from remit.models.prices import FREE

NAME = "steps"
UNDONE = "It was not done: "  # how its report begins where a step was refused or went wrong
STOPPED = ("error: ", "refused", "outcome unknown: ")  # how a result begins after which nothing more is done


@dataclass(frozen=True, slots=True)
class Steps:
    name: str = NAME
    window: int = 1_000_000
    price: Price | None = FREE
    small: bool = False

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        try:
            steps = json.loads(request.instructions.partition("\n")[0])
            calls = [ToolCall(str(place), one["tool"], dict(one["args"])) for place, one in enumerate(steps)]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"an agent of the model `{NAME}` has its calls as instructions, in one line of JSON"
            ) from error
        done = [message for message in request.messages if message.role == "tool"]
        if done and done[-1].text.startswith(STOPPED):
            return _end(f"{UNDONE}{done[-1].text[:500]}", "cannot")
        if len(done) >= len(calls):
            return _end(_told(done), "done")
        return Answer(calls=(calls[len(done)],), finish="calls", model=NAME)


def _end(report: str, outcome: str) -> Answer:
    call = ToolCall("end", "finish", {"report": report, "outcome": outcome})
    return Answer(calls=(call,), finish="calls", model=NAME)


def _told(done: list[Message]) -> str:
    return "; ".join(f"{one.tool}: {one.text[:500]}" for one in done) or "There was nothing to do."
