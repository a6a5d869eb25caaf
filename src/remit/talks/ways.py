"""How a colleague's words go out in a conversation: as the one call of a run, through the gate as any other, and in which words the agent is told
of it afterwards. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remit.agents.spec import Agent, Budget, RemitSpec, Rule
from remit.models.steps import NAME as STEPS
from remit.talks.kept import Takeover, Word

Json = Any


@dataclass(frozen=True, slots=True)
class Way:
    """`answers`: the argument that says what is answered, and `by` the one that says by which connection; both as the run's inputs have it."""

    tool: str
    kind: str  # of the identifier that is reached
    answers: str = "message"
    by: str = ""


WAYS: Mapping[str, Way] = {
    "chat": Way("chat_reply", "device", answers="chat"),
    "email": Way("mail_reply", "email", by="mailbox"),
    "sms": Way("sms_reply", "phone", by="line"),
    "whatsapp": Way("whatsapp_reply", "phone", by="line"),
}


def sender(agent: Agent, channel: str, facts: Mapping[str, Json], text: str) -> Agent:
    """Whose run sends the text: the conversation's agent with nothing but the answer, and its connection."""
    way = WAYS[channel]
    args = {way.answers: facts[way.answers], "text": text} | ({way.by: facts[way.by]} if way.by else {})
    return Agent(
        name=agent.name,
        description="What a colleague writes, who has taken the conversation over.",
        instructions=json.dumps([{"tool": way.tool, "args": args}], ensure_ascii=False),
        model=STEPS,
        tools=(way.tool,),
        connections={name: one for name, one in agent.connections.items() if name == facts.get(way.by)},
        remit=RemitSpec(
            autonomy="act", budget=Budget(steps=3, money=None), destinations=agent.remit.destinations
        ),
        rules=(
            Rule(
                tool=way.tool,
                allow=f'evidence.{way.answers} == "grant"',
                because="a colleague writes it, in the conversation that they have taken over",
            ),
        ),
        plan=False,
        reflect=False,
    )


def telling(one: Takeover, words: Sequence[Word]) -> str:
    """What the agent is told once the conversation is its own again: a colleague's words, and nobody else's."""
    end = one.ended_at or one.until
    back = "hands it back to you" if one.ended_by else "has not handed it back: it is yours again by itself"
    said = [f"{word.at:%H:%M} {one.by}: {word.text}" for word in words]
    lines = [
        f"{one.by}, a colleague, took this conversation over from {one.at:%Y-%m-%d %H:%M} to {end:%H:%M} UTC, and {back}.",
        "They wrote, and that counts as answered:" if said else "They wrote nothing.",
        *said,
    ]
    lines += [f"Their note to you: {one.note}"] if one.note else []
    return "\n".join(lines)
