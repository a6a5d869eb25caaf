"""A draft from a sentence: a model says what an agent should be, out of the tools that are offered. What it says is put into the
form as if somebody had typed it; nothing else of the agent is the model's to set, and a person takes it over or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.agents.yaml import plain
from remit.catalogue.offer import Offer
from remit.catalogue.plain import limited
from remit.catalogue.sentences import EFFECTS
from remit.catalogue.text import document, written
from remit.catalogue.typed import apply
from remit.errors import ModelError, UserError
from remit.models.generate import File, generate
from remit.models.model import Model

Json = Any
LONGEST = 4_000  # characters of a description
ASK = """\
Design an agent for this wish: {words}

Answer with what it is for (one sentence), its instructions (numbered steps, in the second person, plain words), the few tools that
it needs, and how it is checked that it is done. Name only tools of the list. For each tool say what may be done: "alone" for what
only looks, "ask" where a person should be asked before, "never", or "upto" with an argument and a number, for what may be done alone up
to a limit and is asked above. What sends, changes or removes something is "ask" unless the wish says otherwise."""


def schema_of(offer: Offer) -> dict[str, Json]:
    """What the model is held to: a tool that is not offered cannot be named."""
    tool = {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "enum": list(offer.tools)},
            "may": {"type": "string", "enum": ["alone", "ask", "never", "upto"]},
            "argument": {"type": ["string", "null"]},
            "limit": {"type": ["number", "null"]},
        },
        "required": ["tool", "may", "argument", "limit"],
        "additionalProperties": False,
    }
    parts: dict[str, Json] = {
        "description": {"type": "string"},
        "instructions": {"type": "string"},
        "tools": {"type": "array", "items": tool, "maxItems": 20},
        "done_when": {"type": ["string", "null"]},
    }
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


async def described(model: Model, words: str, text: str, offer: Offer) -> str:
    """The text of an agent with what a model made of a description. Raises UserError where nothing is described, ModelError for
    what the model could not do, or named though it is not there."""
    words = words.strip()
    if not words:
        raise UserError("say in a sentence what the agent should do")
    if len(words) > LONGEST:
        raise UserError(f"the description has {len(words):,} characters; {LONGEST:,} are the most")
    tools = "\n".join(
        f"{name} ({EFFECTS[tool.effect]}): {tool.description.splitlines()[0]}"
        for name, tool in offer.tools.items()
    )
    files = [File("tools", tools), File("the agent so far", text)]
    answer = await generate(model, ASK.format(words=words), task="json", files=files, schema=schema_of(offer))
    data = document(text)
    apply(data, _typed(answer.data, offer, plain(data)), offer)
    return written(data)


def _typed(said: Mapping[str, Json], offer: Offer, now: Mapping[str, Json]) -> dict[str, list[str]]:
    """What the model said, as a form would send it. Raises ModelError."""
    sent = {
        "has": ["tools"],
        "description": [str(said["description"])],
        "instructions": [str(said["instructions"])],
        "tools": [one["tool"] for one in said["tools"]],
    }
    for one in said["tools"]:
        name = one["tool"]
        if name not in offer.tools:
            raise ModelError(
                f"the model named the tool {name!r}, which is not there: try again, or in other words"
            )
        acts = offer.tools[name].effect in ("egress", "destroy")
        may = one["may"]
        if may == "upto" and (one["argument"] not in limited(offer.tools[name]) or one["limit"] is None):
            may = "ask"  # a limit on what cannot be limited: rather a person
        sent[f"may:{name}"] = ["" if may == "alone" and not acts else may]
        if may == "upto":
            sent |= {
                f"by:{name}": [one["argument"]],
                f"most:{name}": [f"{one['limit']:g}"],
                f"above:{name}": ["ask"],
            }
    checks = now.get("checks") or ()
    if said["done_when"] and not checks:
        sent["check:new:text"] = [str(said["done_when"])]
    return sent
