"""What was done, read from the journal; and the model's report held against it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic_core import to_json

from remit.agents.spec import Agent
from remit.journal.events import Json
from remit.journal.refs import given
from remit.journal.state import CallState, State

# Verbs that claim a change of the world, as stems; a tool's own name adds its verb.
CLAIMS = [
    "cancel",
    "refund",
    "return",
    "exchang",
    "chang",
    "updat",
    "modif",
    "sent",
    "send",
    "delet",
    "remov",
    "creat",
    "book",
    "paid",
    "transfer",
    "order",
    "replac",
    "issu",
    "writ",
    "sav",
]
MARK = " [not borne out by the journal]"


def effects(state: State) -> list[dict[str, Json]]:
    """Every effect that happened, in order: tool, args, result, who approved it, whether it was undone."""
    return [
        {
            "tool": call.call.tool,
            "args": given(state, call),
            "result": call.acted.result if call.acted else None,
            "approved_by": call.approved_by or None,
            **({"undone": True} if call.undone else {}),
        }
        for call in state.effects
    ]


def mark_claims(report: str, state: State) -> str:
    """Mark each sentence that claims a change which no effect in the journal bears out.

    A sentence claims when it has a done form of a claim verb ("was cancelled", "I have updated") and no
    negation. It is borne out by an effect that shares an identifier with it, or, where it names none, by any.
    """
    done = [text_of(call, given(state, call)) for call in state.effects]
    sentences = re.split(r"(?<=[.!?\n])(\s+)", report)
    return "".join(s if i % 2 or borne_out(s, done) else s.rstrip() + MARK for i, s in enumerate(sentences))


def borne_out(sentence: str, done: Sequence[str]) -> bool:
    if not claims(sentence):
        return True
    ids = re.findall(r"#?\b(?=\w*\d)[\w-]{5,}\b", sentence)
    if not ids:
        return bool(done)
    return any(any(i.lstrip("#").casefold() in text for text in done) for i in ids)


def claims(sentence: str) -> bool:
    low = sentence.casefold()
    if re.search(
        r"\b(not|n't|never|no|cannot|could|unable|can|will|would|should|if|please|want|request)\b|n't\b", low
    ):
        return False
    stems = "|".join(CLAIMS)
    return (
        re.search(
            rf"\b(?:have|has|been|was|were|is|are|i|we|successfully)\s+(?:\w+\s+)?(?:{stems})\w*(?:ed|t|d)\b",
            low,
        )
        is not None
    )


def text_of(call: CallState, args: Mapping[str, Json]) -> str:
    return to_json([call.call.tool, args, call.acted.result if call.acted else None]).decode().casefold()


def effects_text(spec: Agent, state: State) -> str:
    """What was done, as a model may read it: behind an airlock, a reference to what strangers wrote stays one."""
    done = [
        (call.call.tool, call.call.args if spec.reading == "airlock" else given(state, call))
        for call in state.effects
    ]
    return "\n".join(f"- {tool} {to_json(args).decode()}" for tool, args in done) or "- nothing was changed"
