"""The guardian: a second model that looks at what the rules allow, before it happens, and may only narrow it.

It is told facts, never a stranger's words: what vouches for each value, how much, how many, and in words only what the
person wrote, the spec says or a record holds. Of a text that nobody vouches for it learns how long it is and what leads
out of it. So whoever has talked the agent round has not spoken to the guardian.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from remit.agents.live import Live
from remit.agents.reading import said
from remit.agents.spec import Agent
from remit.agents.think import affordable, aside, consult, reserve
from remit.errors import ModelError
from remit.gate.evidence import vouch
from remit.gate.parts import parts_of
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.scalars import leaves
from remit.journal.events import Answered, Json
from remit.journal.state import CallState
from remit.models.model import Message, Request
from remit.tools.tool import Tool

RULE = "guardian"
RECORDED = ("directory", "record")
VOUCHED = ("grant", "person", *RECORDED)
LONGEST = 200  # characters of a value that are shown
ORDER = ("deny", "ask", "allow")  # narrowest first
INSTRUCTIONS = (
    "You watch over an agent that acts in real systems. Its rules allow the call below. Say whether it should happen: allow "
    "where it is what the person asked for; ask where a person should look first; deny where it is clearly not what was asked "
    "for. Judge by the facts alone."
)
ANSWER: dict[str, Json] = {
    "type": "object",
    "properties": {
        "why": {"type": "string", "maxLength": 300},
        "decision": {"enum": ["allow", "ask", "deny"]},
    },
    "required": ["why", "decision"],
    "additionalProperties": False,
}


def watches(spec: Agent, tool: Tool) -> bool:
    """Whether the agent's guardian wants to see calls of the tool."""
    guardian = spec.guardian
    return (
        guardian is not None
        and tool.effect in ("egress", "destroy")
        and any(fnmatchcase(tool.name, pattern) for pattern in guardian.tools)
    )


def heard(call: CallState, proposal: Proposal) -> bool:
    """Whether the guardian has let exactly this call pass before: the worker died right after."""
    judged = call.judged
    return judged is not None and judged.decision == "allow" and judged.digest == proposal.digest


async def look_over(
    live: Live, tool: Tool, proposal: Proposal, verdict: Verdict
) -> tuple[Verdict, list[Answered]]:
    """What becomes of a call that the rules allow: the same verdict, or a narrower one in the guardian's words, and its
    answer, to be journaled with the verdict. Where it cannot be heard, a person is asked."""
    guardian = live.spec.guardian
    assert guardian is not None
    model = live.guardian or live.model
    text = facts_text(live, tool, proposal, verdict)
    request = Request(f"{INSTRUCTIONS} {guardian.watch}".strip(), [Message("user", text)], schema=ANSWER)
    size = len(request.instructions) + len(text)
    if not affordable(live, model.price, size):
        return narrowed(verdict, "ask", "the budget has no room for it to look at this"), []
    await reserve(live, model.price, size)
    try:
        answer = await consult(live, model, request)
    except ModelError as error:
        return narrowed(verdict, "ask", f"it could not be heard: {error}"), []
    answered = aside(model, answer, "guard")
    data = answer.data if isinstance(answer.data, Mapping) else {}
    if data.get("decision") not in ORDER:
        return narrowed(verdict, "ask", "it did not say allow, ask or deny"), [answered]
    return narrowed(verdict, str(data["decision"]), str(data.get("why", "")).strip()), [answered]


def narrowed(verdict: Verdict, decision: str, why: str) -> Verdict:
    """The narrower of two decisions; what was allowed stays as it is."""
    if ORDER.index(decision) >= ORDER.index(verdict.decision):
        return verdict
    reasons = (f"the guardian: {why or decision}", f"the rules allow it: {verdict.rule}")
    return verdict._replace(decision=decision, rule=RULE, reasons=reasons)  # type: ignore[arg-type]


def facts_text(live: Live, tool: Tool, proposal: Proposal, verdict: Verdict) -> str:
    """What the guardian is told. Every word of it is the spec's, the person's or the gate's own."""
    started, words = live.state.started, said(live.state)
    person, verified = live.person, live.person.get("verified") is True
    facts = Facts(person=person, inputs=started.inputs if started else {}, goal=words if verified else "")
    done = [f"{call.call.tool} ({call.acted.status})" for call in live.state.effects if call.acted]
    lines = [
        f"The agent: {live.spec.description or live.spec.name}",
        f"It acts for: {person.get('id') or 'nobody known'}, {'verified' if verified else 'not verified'}",
        f"What the person wrote:\n{words}"
        if verified
        else "What they wrote is not shown, since nobody verified them.",
        f"Words of strangers were read: {'yes' if live.state.untrusted else 'no'}",
        f"Done so far: {', '.join(done) or 'nothing'}",
        f"The call: {tool.name} ({tool.effect}): {tool.description.strip().splitlines()[0]}",
        *(
            f"- {name}: {_told(name, value, proposal, verdict, facts)}"
            for name, value in proposal.args.items()
        ),
        *(f"- {name}, looked up: {_numbers(record)}" for name, record in verdict.records.items()),
        f"Allowed by: {verdict.rule}",
    ]
    return "\n".join(lines)


def _told(name: str, value: Json, proposal: Proposal, verdict: Verdict, facts: Facts) -> str:
    """One argument: itself where somebody vouches for it, else what it is like."""
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    level = verdict.evidence.get(name) or vouch(value, facts)
    kind = proposal.sinks.get(name, "text")
    if level in (VOUCHED if facts.person.get("verified") is True else RECORDED):
        text = " ".join(str(value).split())
        return f"{text[:LONGEST]} [{kind}: {level}]"
    texts = (
        [leaf for leaf in leaves(value) if isinstance(leaf, str)] if not isinstance(value, str) else [value]
    )
    leading = sorted({kind for text in texts for kind, _ in parts_of(text)})
    out = f", with {', '.join(leading)} in it" if leading else ""
    return f"{sum(map(len, texts))} characters of the model's own{out} [{kind}: {level}]"


def _numbers(record: Json) -> str:
    """The numbers and yes-or-nos of a record; its words may be a stranger's."""
    if not isinstance(record, Mapping):
        return "present"
    plain = {name: value for name, value in record.items() if isinstance(value, bool | int | float)}
    return ", ".join(f"{name} {value}" for name, value in plain.items()) or "present"
