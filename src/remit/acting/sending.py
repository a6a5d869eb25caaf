"""A template as the one call of a run: by which tool a channel sends it, to which of a person's own addresses, in which words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remit.decisions.action import Action
from remit.decisions.aim import Template
from remit.decisions.worded import PLACE
from remit.errors import UserError
from remit.graph.consent import MARKETING, Consent
from remit.graph.people import Person, Profile

Json = Any
LONGEST = 200  # characters of what stands in a place
SLACK = "slack:"  # how a handle of Slack's begins


@dataclass(frozen=True, slots=True)
class Way:
    """`connection`: as the run's agent has it; `kind`: of the identifier that is reached; `to`: the argument that says whom."""

    connection: str
    tool: str
    kind: str
    to: str = "to"
    lacks: str = ""  # what a person has none of


WAYS: Mapping[str, Way] = {
    "email": Way("mail", "mail_send", "email", lacks="address"),
    "sms": Way("line", "sms_send", "phone", lacks="number"),
    "whatsapp": Way("line", "whatsapp_send", "phone", lacks="number"),
    "slack": Way("chat", "slack_post", "handle", "channel", "account at Slack"),
}


@dataclass(frozen=True, slots=True)
class Sending:
    """The call, and whom it is for, which the run's trusted inputs say too."""

    way: Way
    to: str
    args: dict[str, Json]

    @property
    def rule(self) -> str:
        """What lets it happen: it goes to whom it is for, and to nobody else."""
        return f'evidence.{self.way.to} in ["person", "grant"]'


def sending(action: Action, template: Template, person: Person, consent: Consent) -> Sending:
    """Raises UserError where they cannot be sent it."""
    way, whose = WAYS[action.channel], person.called
    at = reached(person, consent, way.kind, SLACK if action.channel == "slack" else "")
    if at is None:
        raise UserError(f"{whose} has no {way.lacks} that is their own and has not bounced")
    known = known_of(person)
    text = filled(template.text, known, whose)
    marketing = action.purpose == MARKETING
    if action.channel == "email":
        subject = filled(template.subject, known, whose) or action.name
        return Sending(
            way, at.value, {"to": [at.value], "subject": subject, "text": text, "marketing": marketing}
        )
    if action.channel == "slack":
        to = at.value.removeprefix(
            SLACK
        ).upper()  # identifiers are kept in small letters, Slack's are capital
        return Sending(way, to, {"channel": to, "text": text})
    args: dict[str, Json] = {"to": at.value, "text": text, "marketing": marketing}
    if action.channel == "whatsapp" and template.approved:
        values = {key: filled(value, known, whose) for key, value in template.variables.items()}
        args |= {"template": template.approved, "variables": values}
    return Sending(way, at.value, args)


def reached(person: Person, consent: Consent, kind: str, begins: str = "") -> Profile | None:
    """Their own identifier of a kind at which nothing has bounced: one that a source has checked, where there is one."""
    dead = {word.profile for word in consent.dead}
    own = [one for one in person.profiles if one.kind == kind and not one.shared and one.id not in dead]
    own = [one for one in own if one.value.startswith(begins)]
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
