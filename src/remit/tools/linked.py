"""By which of an agent's connections a call goes: the one that it names, or the only one of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from remit.errors import Mend, UserError
from remit.tools.mend import unknown

Linked = Mapping[str, Any]  # a connection, as the spec has it


@dataclass(frozen=True, slots=True)
class Way:
    """A kind of connection to people. `argument`: of a call, that names one; `sends`, `looks`: its tools, by whether something leaves."""

    argument: str
    lacks: str  # what is said where there is none
    sends: frozenset[str]
    looks: frozenset[str]

    @property
    def tools(self) -> frozenset[str]:
        return self.sends | self.looks


WAYS: Mapping[str, Way] = {  # by the field of a connection
    "mail": Way(
        "mailbox",
        "this agent has no mailbox: connect it to one, as connections: {desk: {use: desk}}",
        frozenset({"mail_send", "mail_reply"}),
        frozenset({"mail_search", "mail_read", "mail_wait"}),
    ),
    "slack": Way(
        "team",
        "this agent is connected to no Slack: connections: {chat: {use: chat}}",
        frozenset({"slack_post", "slack_reply"}),
        frozenset({"slack_read"}),
    ),
    "twilio": Way(
        "line",
        "this agent has no number: connect it to one, as connections: {line: {use: line}}",
        frozenset({"sms_send", "sms_reply", "whatsapp_send", "whatsapp_reply"}),
        frozenset({"sms_read", "sms_wait"}),
    ),
}


def seconds_of(said: str | None, default: float) -> float:
    """What `Retry-After` says: seconds, or a date (RFC 9110)."""
    try:
        if said and said.isascii() and said.isdigit():
            return float(said[:6])
        at = parsedate_to_datetime(said) if said else None
    except ValueError:
        return default
    return (at - datetime.now(UTC)).total_seconds() if at is not None and at.tzinfo else default


def only(connections: Mapping[str, Linked], kind: str, name: str = "") -> tuple[str, Linked]:
    """The connection of a kind with that name; the only one where none is named. Raises Mend, UserError."""
    way, known = WAYS[kind], {key: one for key, one in connections.items() if one.get(kind)}
    if not known:
        raise UserError(way.lacks)
    if name and name not in known:
        raise unknown(way.argument, name, known)
    if not name and len(known) > 1:
        raise Mend(f"{way.argument}: say which one: {', '.join(known)}")
    chosen = name or next(iter(known))
    return chosen, known[chosen]
