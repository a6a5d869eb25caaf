"""What is to be known of a playbook's templates before anybody gets them: what does not fit, and what it will cost. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remit.channels.line import LONGEST, Line
from remit.channels.segments import parts_of
from remit.decisions.action import Action, Playbook
from remit.decisions.aim import Template
from remit.graph.consent import MARKETING

PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})(?:\|([^{}]*))?\}")
TYPICAL = "Alexandra"  # stands for what is known of a person, as long as most of it is
LEAVE = str(Line.model_fields["leave"].default)


def warnings_of(book: Playbook) -> list[str]:
    """In words, each with the template and the action that it is about."""
    found = [
        one
        for action in book.actions
        if (template := book.templates.get(action.what)) is not None
        for one in _warned(action, template)
    ]
    unused = set(book.templates) - {action.what for action in book.actions}
    return [*dict.fromkeys(found), *(f"template {name}: no action sends it" for name in sorted(unused))]


def _warned(action: Action, template: Template) -> Iterator[str]:
    where = f"template {action.what}, {action.channel} of {action.name}"
    if action.channel == "email" and not template.subject:
        yield f"{where}: it has no subject; the action's name stands there"
    if action.channel == "whatsapp" and not template.approved:
        yield f"{where}: it reaches only who has written within 24 hours: say an approved template too, as approved: HX…"
    if action.channel != "whatsapp" and not template.text:
        yield f"{where}: it has no text, and nothing is sent"
    if action.channel == "sms" and template.text:
        yield from _sms(where, action, template)


def _sms(where: str, action: Action, template: Template) -> Iterator[str]:
    text = PLACE.sub(lambda found: max(TYPICAL, found[2] or "", key=len), template.text)
    advertises = action.purpose == MARKETING and "STOP" not in text
    text = f"{text.rstrip()}\n{LEAVE}" if advertises else text
    more = f", with “{LEAVE}” below" if advertises else ""
    parts = parts_of(text)
    if len(text) > LONGEST:
        yield f"{where}: about {len(text):,} characters{more}; an SMS has {LONGEST:,} at most, and it is not sent"
    elif parts.count > 1:
        odd = f", as {parts.odd!r} is not in the alphabet of SMS" if parts.odd else ""
        yield f"{where}: about {len(text):,} characters{more}, charged as {parts.count} messages{odd}"
