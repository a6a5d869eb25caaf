"""What the run of a decision begins with: which agent, what it is told, for whom. Pure.

A template needs no model: the run's one call is the message, and the gate judges it as any other. What is to be done by people is one question to
their team.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from remit.acting.sending import Sending, reached, sending
from remit.agents.spec import Agent, Budget, Connection, RemitSpec, Rule
from remit.decisions.action import Action, Playbook
from remit.decisions.log import Kept
from remit.errors import UserError
from remit.graph.consent import Consent
from remit.graph.people import Person
from remit.journal.events import Person as Whom
from remit.models.steps import NAME as STEPS

Json = Any
BY_PEOPLE = ("call", "route", "escalate")
NAMED = {
    "email": "email",
    "sms": "phone",
    "whatsapp": "phone",
    "phone": "phone",
}  # channel -> kind of identifier


@dataclass(frozen=True, slots=True)
class Given:
    """`agent`: None where it is found by the action's `what`."""

    agent: Agent | None
    goal: str
    person: Whom
    inputs: dict[str, Json]
    quoted: str = ""


def given(
    book: Playbook, action: Action, one: Kept, person: Person, consent: Consent, summary: str = ""
) -> Given:
    """`summary`: of the person, for colleagues. Raises UserError where the action cannot be done for them."""
    whom = whom_of(person, consent)
    told: dict[str, Json] = {
        "id": one.id, "playbook": one.playbook, "version": one.version, "action": action.name, "purpose": action.purpose, "why": one.reason,
    }  # fmt: skip
    inputs: dict[str, Json] = {"decision": told, "person": {"id": str(person.id)}}
    inputs |= {"follows": one.after} if one.after is not None else {}
    if action.what in book.templates:
        sends = sending(action, book.templates[action.what], person, consent)
        if sends.way.kind != "email":  # which the run knows its person by
            inputs["person"][sends.way.kind] = sends.to
        return Given(
            _sending(book, action, sends),
            f"Send {action.what}.",
            whom,
            inputs,
        )
    if action.does in BY_PEOPLE:
        return Given(
            _asking(action, one, person, consent, summary), _task(action, person, consent), whom, inputs
        )
    if not action.what:
        raise UserError(
            f"the action {action.name} names no template and no agent in `what`: nothing can be done of it"
        )
    # What somebody is called is what somebody said: in the goal, or among what comes with it, it would vouch for what it says
    called = (
        f"What the person of this run is called, as it was said of them: {person.name}" if person.name else ""
    )
    return Given(
        None, action.tell or f"{action.name}: see to it for the person of this run.", whom, inputs, called
    )


def named(book: Playbook, name: str) -> Action:
    return next(action for action in book.actions if action.name == name)


def whom_of(person: Person, consent: Consent) -> Whom:
    """For whom the run acts: with the address at which they are best reached, if there is one."""
    at = reached(person, consent, "email")
    return Whom(
        id=str(person.id),
        email=at.value if at else "",
        name=person.name,
        verified=at is not None and at.verified,
    )


def _sending(book: Playbook, action: Action, sends: Sending) -> Agent:
    way = sends.way
    return _steps(
        action,
        [{"tool": way.tool, "args": sends.args}],
        tools=(way.tool,),
        connections={way.connection: Connection(use=book.through[action.channel])},
        rules=(
            Rule(tool=way.tool, allow=sends.rule, because="it goes to whom it is for, and to nobody else"),
        ),
    )


def _asking(action: Action, one: Kept, person: Person, consent: Consent, summary: str) -> Agent:
    question = (
        f"{_task(action, person, consent)} Why: {one.reason}. Answer with what came of it, or reject it."
        + (f"\n\n{summary}" if summary else "")
    )
    args = {"question": question} | ({"to": action.what} if action.what else {})
    return _steps(action, [{"tool": "ask_person", "args": args}])


def _task(action: Action, person: Person, consent: Consent) -> str:
    at = reached(person, consent, NAMED.get(action.channel, "email"))
    by = f" at {at.value}" if at else ""
    what = {"call": f"Call {person.called}{by}.", "route": f"Take {person.called} over{by}."}
    team = f" For {action.what}:" if action.what else ""
    return f"{action.name}:{team} {action.tell or what.get(action.does, f'See to {person.called}{by}.')}"


def _steps(action: Action, steps: list[Json], **more: Any) -> Agent:
    budget = Budget(steps=len(steps) + 2, money=None)
    return Agent(
        name=f"playbook-{action.name}",
        description="What a decision does by itself, without a model.",
        instructions=json.dumps(steps, ensure_ascii=False),
        model=STEPS,
        remit=RemitSpec(autonomy="act", budget=budget),
        plan=False,
        reflect=False,
        **more,
    )
