"""What the run of a decision begins with: which agent, what it is told, for whom. Pure.

A template needs no model: the run's one call is the message, and the gate judges it as any other. What is to be done by people is one question to
their team.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remit.agents.spec import Agent, Budget, Connection, RemitSpec, Rule
from remit.decisions.action import Action, Playbook
from remit.decisions.log import Kept
from remit.errors import UserError
from remit.graph.consent import MARKETING, Consent
from remit.graph.people import Person, Profile
from remit.journal.events import Person as Whom
from remit.models.steps import NAME as STEPS

Json = Any
PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})(?:\|([^{}]*))?\}")
LONGEST = 200  # characters of what stands in a place
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


def given(book: Playbook, action: Action, one: Kept, person: Person, consent: Consent) -> Given:
    """Raises UserError where the action cannot be done for them."""
    whom = whom_of(person, consent)
    told: dict[str, Json] = {
        "id": one.id, "playbook": one.playbook, "version": one.version, "action": action.name, "purpose": action.purpose, "why": one.reason,
    }  # fmt: skip
    inputs: dict[str, Json] = {"decision": told, "person": {"id": str(person.id), "called": person.called}}
    inputs |= {"follows": one.after} if one.after is not None else {}
    if action.what in book.templates:
        return Given(
            _sending(book, action, person, whom),
            f"Send {action.what} to {person.called}.",
            whom,
            inputs,
        )
    if action.does in BY_PEOPLE:
        return Given(_asking(action, one, person, consent), _task(action, person, consent), whom, inputs)
    if not action.what:
        raise UserError(
            f"the action {action.name} names no template and no agent in `what`: nothing can be done of it"
        )
    return Given(None, action.tell or f"{action.name}: see to it for {person.called}.", whom, inputs)


def whom_of(person: Person, consent: Consent) -> Whom:
    """For whom the run acts: with the address at which they are best reached, if there is one."""
    at = reached(person, consent, "email")
    return Whom(
        id=str(person.id),
        email=at.value if at else "",
        name=person.name,
        verified=at is not None and at.verified,
    )


def reached(person: Person, consent: Consent, kind: str) -> Profile | None:
    """Their own identifier of a kind at which nothing has bounced: one that a source has checked, where there is one."""
    dead = {word.profile for word in consent.dead}
    own = [one for one in person.profiles if one.kind == kind and not one.shared and one.id not in dead]
    return min(own, key=lambda one: (not one.verified, one.id), default=None)


def filled(text: str, known: Mapping[str, str], whose: str) -> str:
    """A template with what is known of somebody. Raises UserError for what is not, and has nothing in its place."""

    def put(found: re.Match[str]) -> str:
        value = " ".join(known.get(found[1], "").split())[:LONGEST]
        if not value and found[2] is None:
            raise UserError(
                f"nothing is known of {whose} by the name {found[1]!r}, and the template says nothing instead"
            )
        return value or found[2]

    return PLACE.sub(put, text)


def known_of(person: Person) -> dict[str, str]:
    """What may stand in a template."""
    said = {
        key: str(value[0]) for key, value in person.about.items() if isinstance(value[0], str | int | float)
    }
    first = person.name.split()[0] if person.name.split() else ""
    return {"first_name": first, **said, "name": person.name}


def _sending(book: Playbook, action: Action, person: Person, whom: Whom) -> Agent:
    template, known = book.templates[action.what], known_of(person)
    if action.channel != "email":
        raise UserError(
            f"{action.name}: templates go by e-mail; have an agent send by {action.channel}, named in `what`"
        )
    if not whom.email:
        raise UserError(f"{person.called} has no address that is their own and has not bounced")
    args = {
        "to": [whom.email],
        "subject": filled(template.subject, known, person.called) or action.name,
        "text": filled(template.text, known, person.called),
        "marketing": action.purpose == MARKETING,
    }
    return _steps(
        action,
        [{"tool": "mail_send", "args": args}],
        tools=("mail_send",),
        connections={"mail": Connection(use=book.through[action.channel])},
        rules=(
            Rule(
                tool="mail_send",
                allow='evidence.to in ["person", "grant"]',
                because="it goes to whom it is for, and to nobody else",
            ),
        ),
    )


def _asking(action: Action, one: Kept, person: Person, consent: Consent) -> Agent:
    question = (
        f"{_task(action, person, consent)} Why: {one.reason}. Answer with what came of it, or reject it."
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
