"""An agent whose runs meet all there is, and the scripts that its model follows.

A script is made of parts, each one or two turns. What its model answers depends on the turn alone, so that a run goes on
in any process as it would have in the first.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from remit.agents.spec import Agent
from remit.tools import tool
from remit.tools.tool import Settle, ToolContext
from tests.chaos import effects
from tests.chaos.boundary import here

Json = Any
# What is done -> the kind of service that does it
KINDS = {"pay": "key", "unpay": "key", "refund": "key", "ship": "lookup", "mail": "ask", "erase": "ask"}
MOMENT = 0.002  # minutes


async def outside(context: ToolContext, name: str, what: str) -> Json:
    """The effect, between two boundaries."""
    here.cross(f"before {name}")
    body = {"what": what, "pid": os.getpid(), "hold": context.inputs.get("hold")}
    result = await effects.act(context.resources["effects"], KINDS[name], context.key, body)
    here.cross(f"after {name}")
    return result


@tool(effect="read", integrity="system")
async def look(what: str) -> dict[str, str]:
    """Look something up."""
    here.cross("in look")
    return {"what": what, "is": f"all there is to know of {what}"}


async def paid_back(context: ToolContext, args: Json, result: Json) -> Json:
    """Take a payment back."""
    return await outside(context, "unpay", f"{args['order']} {result['receipt']}")


@tool(effect="destroy", settle="key", integrity="system", undo=paid_back)
async def pay(context: ToolContext, order: str, amount: Annotated[int, Field(gt=0)]) -> Json:
    """Pay for an order."""
    return await outside(context, "pay", f"{order} {amount}")


@tool(effect="destroy", settle="key", integrity="system")
async def refund(context: ToolContext, order: str, amount: Annotated[int, Field(gt=0)]) -> Json:
    """Give money back; a person has to approve."""
    return await outside(context, "refund", f"{order} {amount}")


async def shipped(context: ToolContext, args: Json) -> Json | None:
    """The receipt, if the order was shipped under this key."""
    here.cross("before looking for ship")
    found = await effects.find(context.resources["effects"], context.key)
    here.cross("after looking for ship")
    return found[0] if found else None


@tool(effect="destroy", settle=Settle("lookup", shipped, after=0.05), integrity="system")
async def ship(context: ToolContext, order: str) -> Json:
    """Ship an order."""
    return await outside(context, "ship", order)


@tool(effect="egress", settle="ask", integrity="system")
async def mail(context: ToolContext, to: str, text: str) -> Json:
    """Write to somebody."""
    return await outside(context, "mail", f"{to} {text}")


@tool(effect="destroy", integrity="system")
async def erase(context: ToolContext, what: str) -> Json:
    """Erase something; no rule allows it."""
    return await outside(context, "erase", what)


TOOLS = (look, pay, refund, ship, mail, erase)
RULES = (
    {"tool": ("pay", "ship", "mail"), "allow": "true"},
    {"tool": "refund", "ask": "true", "because": "a person decides on money that goes back"},
    {"tool": "erase", "deny": "true", "because": "nothing is erased here"},
)


def call(name: str, **args: Json) -> Json:
    return {"tool": name, "args": args}


def turn(*calls: Json) -> Json:
    return {"calls": list(calls)}


# What a part of a script is, given a number that no other part of it has.
PARTS: dict[str, Callable[[int], list[Json]]] = {
    "reads": lambda n: [turn(call("look", what=f"stock {n}"), call("look", what=f"price {n}"))],
    "key": lambda n: [turn(call("pay", order=f"K{n}", amount=n))],
    "lookup": lambda n: [turn(call("ship", order=f"L{n}"))],
    "ask": lambda n: [turn(call("mail", to=f"ann{n}@example.com", text="it is on its way"))],
    "three": lambda n: [
        turn(
            call("mail", to=f"bob{n}@example.com", text="three at once"),
            call("ship", order=f"T{n}"),
            call("pay", order=f"T{n}", amount=n),
            call("look", what=f"three {n}"),
        )
    ],
    "approval": lambda n: [turn(call("refund", order=f"A{n}", amount=n))],
    "waits": lambda n: [
        turn(
            call("refund", order=f"W{n}", amount=n),
            call("ask_person", question=f"Which colour, {n}?"),
            call("refund", order=f"V{n}", amount=n),
            call("ship", order=f"W{n}"),
            call("wait", minutes=MOMENT),
        )
    ],
    "timer": lambda n: [turn(call("wait", minutes=MOMENT), call("pay", order=f"B{n}", amount=n))],
    "children": lambda n: [
        turn(
            call("delegate", agent="mate", task=f"the first half of {n}"),
            call("mail", to=f"mate{n}@example.com", text="please"),
            call("delegate", agent="mate", task=f"the other half of {n}"),
        )
    ],
    "question": lambda n: [turn(call("ask_person", question=f"Where to, {n}?"))],
    "denied": lambda n: [turn(call("erase", what=f"the books of {n}"))],
    "mended": lambda n: [
        turn(call("pay", order=f"M{n}", amount=-n)),
        turn(call("pay", order=f"M{n}", amount=n)),
    ],
}
VARIED = ("three", "waits", "denied", "mended", "children")
MATE = ("reads", "lookup", "approval")  # of the children


def script(parts: Sequence[str]) -> Json:
    """What the model answers, turn by turn."""
    turns = [entry for n, part in enumerate(parts, 1) for entry in PARTS[part](n)]
    return {"answers": [*turns, turn(call("finish", report="done", outcome="done"))], "by": "turn"}


def write_scripts(
    folder: Path, number: int = 1, *, first: Sequence[str] = VARIED, length: int = 0, seed: int = 1
) -> list[Path]:
    """Scripts as files, which is how a model's name reaches every process. After the first, each is `length` parts at
    random."""
    chance = random.Random(seed)
    chosen = [first, *(chance.choices(list(PARTS), k=length) for _ in range(number - 1))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mate.json").write_text(json.dumps(script(MATE)))
    paths = [folder / f"script-{n}.json" for n in range(number)]
    for path, parts in zip(paths, chosen, strict=True):
        path.write_text(json.dumps(script(parts)))
    return paths


def agent(url: str, path: Path, **changes: Json) -> Agent:
    """The agent over the services at `url`, its model following the script at `path`."""
    spec = {
        "name": "varied",
        "model": f"scripted:{path}",
        "tools": ["tests.chaos.scene", "time"],
        "rules": RULES,
        "resources": {"effects": url},
        "remit": {"autonomy": "act", "budget": {"money": None, "steps": 400, "tokens": None}},
        "reflect": False,
    }
    mate = spec | {"name": "mate", "model": f"scripted:{path.parent / 'mate.json'}"}
    return Agent.model_validate(spec | {"team": [mate]} | changes)
