"""Ask the model for the next step, inside the budget and inside its window."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Literal

from remit.agents.guards import allowed_now
from remit.agents.live import AHEAD, Live
from remit.errors import StaleWriter
from remit.journal.events import Answered, Asked, Call, Finished, Json, Reserved
from remit.models.model import Answer, Model, Price, Request, ToolSpec

ANSWER_TOKENS = 4096  # most that one answer may be long, and what is reserved for it
SMALL_TOKENS = 256  # of a small model, which when it goes on for longer goes in circles
SMALL_REPORT = 600  # characters, so that a small model's report is ended rather than cut
PLAN = ToolSpec(
    "plan",
    "Write or update your plan: the steps, and the numbers (from 0) of those that are done.",
    {
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"type": "string"}},
            "done": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["steps"],
        "additionalProperties": False,
    },
)
ASK = ToolSpec(
    "ask_person",
    "Ask a person for something only they can know or decide. Use it rarely: the run waits for the answer.",
    {
        "type": "object",
        "properties": {"question": {"type": "string"}},
        "required": ["question"],
        "additionalProperties": False,
    },
)
OWN = {"plan", "ask_person", "finish"}


def finish_tool(output: dict[str, Json] | None, longest: int = 0) -> ToolSpec:
    """The tool that ends a run; with an output schema it takes the output too. `longest`: characters of the report,
    0 for any."""
    report: dict[str, Json] = {
        "type": "string",
        "description": "what was done and what was not, for the person who asked",
    }
    properties: dict[str, Json] = {
        "report": report | ({"maxLength": longest} if longest else {}),
        "outcome": {"enum": ["done", "cannot"], "description": "cannot: refused, impossible or not allowed"},
    }
    required = ["report", "outcome"]
    if output is not None:
        properties["output"] = output
        required.append("output")
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return ToolSpec("finish", "End: everything asked for is done, or cannot be.", schema)


async def think(live: Live) -> None:
    """One model call, journaled: reserved before where it costs money, settled by the answer."""
    if live.transcript.size / 3 > live.model.window * 0.7 and (
        cut := live.transcript.compaction(live.state.plan)
    ):
        live.write(cut)
    await live.settled(AHEAD)
    await reserve(live, live.model.price, size(live))
    request = Request(
        instructions=live.prefix,
        messages=live.transcript.messages,
        tools=live.offered,
        max_tokens=SMALL_TOKENS if live.model.small else ANSWER_TOKENS,
        allowed=await allowed_now(live),
    )
    began = time.monotonic()
    answer = await consult(live, live.model, request)
    live.write(answered(live, answer, time.monotonic() - began))


def answered(live: Live, answer: Answer, seconds: float) -> Answered:
    """The event; call ids are ours (step.index), since models repeat theirs."""
    step, usage = live.state.steps + 1, answer.usage
    return Answered(
        model=answer.model or live.model.name,
        text=answer.text,
        calls=[Call(id=f"{step}.{i}", tool=c.name, args=dict(c.args)) for i, c in enumerate(answer.calls, 1)],
        finish=answer.finish,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost=usage.cost,
        seconds=round(seconds, 3),
    )


def aside(model: Model, answer: Answer, purpose: Literal["check", "guard", "grant", "screen"]) -> Answered:
    """The event of an answer beside the steps: what it says as data, and what it took."""
    usage = answer.usage
    return Answered(
        model=answer.model or model.name,
        data=answer.data,
        purpose=purpose,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost=usage.cost,
    )


async def consult(live: Live, model: Model, request: Request) -> Answer:
    """A model's answer. Raises StaleWriter where the run is cancelled meanwhile, ModelError."""
    try:
        return await live.attempt(model.request(request, live.stream if model is live.model else None))
    except asyncio.CancelledError:
        if not live.interrupted:
            raise
        raise StaleWriter(f"run {live.run} was cancelled") from None


async def reserve(live: Live, price: Price | None, characters: int) -> None:
    """Set aside the most that a model call can cost, where it costs; durable before the call."""
    if price is not None and not price.free and live.spec.remit.budget.money is not None:
        live.write(Reserved(amount=estimate(price, characters)))
        await live.settled()


def affordable(live: Live, price: Price | None, characters: int) -> bool:
    """Whether the budget has room for a model call beside the steps."""
    budget, state = live.spec.remit.budget.money, live.state
    if price is None or price.free or budget is None:
        return True
    return state.spent + estimate(price, characters) <= budget * (1 + state.extensions)


def size(live: Live) -> int:
    """Characters of the prompt of the next step."""
    return live.transcript.size + len(live.prefix) + 400 * len(live.offered)


def estimate(price: Price, characters: int) -> Decimal:
    """The most that a call can cost: the prompt at 3 characters a token, and a full answer."""
    return price.of(characters // 3, ANSWER_TOKENS)


def over_limit(live: Live) -> Asked | Finished | None:
    """None while the remit allows another step; else what to write instead of thinking. Never overspends: the
    whole of the next call must fit."""
    budget, state = live.spec.remit.budget, live.state
    deadline = live.spec.remit.deadline
    if deadline is not None and live.leases.now() >= deadline:
        return Finished(status="not met", why=f"the deadline {deadline.isoformat()} has passed")
    times = 1 + state.extensions
    why = ""
    if state.steps >= budget.steps * times:
        why = f"{state.steps} steps were taken; the budget is {budget.steps * times}"
    elif budget.tokens is not None and state.tokens >= budget.tokens * times:
        why = f"{state.tokens} tokens were used; the budget is {budget.tokens * times}"
    elif state.seconds >= budget.wall.total_seconds() * times:
        why = f"{state.seconds:.0f} s were worked; the budget is {budget.wall.total_seconds() * times:.0f} s"
    elif budget.money is not None and live.model.price is not None and not live.model.price.free:
        next_cost = estimate(live.model.price, size(live))
        if state.spent + next_cost > budget.money * times:
            why = f"${state.spent:.4f} were spent and the next step may cost ${next_cost:.4f}; "
            why += f"the budget is ${budget.money * times}"
    if not why:
        return None
    return Asked(
        ask_id=f"budget{times}",
        kind="budget",
        text=f"{why}. Approve to grant the same again, or reject to end.",
    )
