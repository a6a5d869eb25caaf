"""Twilio: who signed what it tells, what somebody wrote, and what became of a message. Pure.

https://www.twilio.com/docs/usage/security has the signature, https://www.twilio.com/docs/messaging/guides/webhook-request what comes
in, and https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks what is said of what went out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from remit.channels.line import NUMBER

Json = Any
Channel = Literal["sms", "whatsapp"]
SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
PREFIX = "whatsapp:"
# What carriers and Twilio hear as a wish, where it is all that somebody writes
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START = frozenset({"START", "UNSTOP"})  # YES is one to Twilio; it may as well answer a question
# Status -> what happened, as the graph has it
HAPPENED = {
    "queued": "queued",
    "sent": "sent",
    "delivered": "delivered",
    "read": "open",
    "undelivered": "bounced",
    "failed": "bounced",
}
GONE = frozenset({"30005", "30006", "21211", "21614", "63003"})  # there is nobody at that number, or no SMS


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote. `wish`: they want nothing more (`stop`), or something again (`start`)."""

    id: str
    channel: Channel
    sender: str
    to: str
    text: str
    name: str = ""
    files: tuple[str, ...] = ()  # their types
    wish: Literal["", "stop", "start", "help"] = ""

    @property
    def verified(self) -> bool:
        return checked(self.channel)


def checked(channel: str) -> bool:
    """Whether somebody has made sure that a sender's number is theirs. Twilio signs what it was told: WhatsApp has had the number confirmed, and whose
    an SMS says it is from, the network from which it came has said."""
    return channel == "whatsapp"


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a message that went out."""

    id: str
    channel: Channel
    to: str
    status: str
    error: str = ""

    @property
    def hard(self) -> bool:
        """Whether nobody is reached there."""
        return self.error in GONE


def signature(url: str, fields: Sequence[tuple[str, str]], token: str) -> str:
    """By the whole address and the fields sorted by name; of equal ones each value once."""
    told = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()


def signed(url: str, fields: Sequence[tuple[str, str]], said: str, token: str) -> str:
    """Why it is not to be believed; empty: Twilio has signed it."""
    if not said:
        return "there is no X-Twilio-Signature"
    if not hmac.compare_digest(signature(url, fields, token).encode(), said.encode()):
        return f"the signature is by another token, or for another address than {url}"
    return ""


def written_of(form: Mapping[str, str]) -> Written | None:
    """None for what is no message from somebody."""
    id, sender, to = form.get("MessageSid", ""), form.get("From", ""), form.get("To", "")
    if not SID.fullmatch(id) or form.get("SmsStatus", "received") != "received" or "MessageStatus" in form:
        return None
    channel: Channel = "whatsapp" if sender.startswith(PREFIX) else "sms"
    if not NUMBER.fullmatch(bare(sender)):
        return None
    text = _text(form.get("Body", ""))
    count = form.get("NumMedia", "0")
    media = range(min(int(count), 10)) if count.isascii() and count.isdigit() else range(0)
    files = tuple(_text(form.get(f"MediaContentType{number}", "file"))[:100] for number in media)
    name = " ".join(_text(form.get("ProfileName", "")).split())[:200]
    return Written(id, channel, bare(sender), bare(to), text, name, files, _wish(text, form))


def became_of(form: Mapping[str, str]) -> Became | None:
    """None for what says nothing of a message that went out."""
    id, status, to = form.get("MessageSid", ""), form.get("MessageStatus", ""), form.get("To", "")
    if not SID.fullmatch(id) or status not in HAPPENED or not NUMBER.fullmatch(bare(to)):
        return None
    error = form.get("ErrorCode", "")
    channel: Channel = "whatsapp" if to.startswith(PREFIX) else "sms"
    return Became(id, channel, bare(to), status, error if error.isascii() and error.isdigit() else "")


def as_event(came: Written, line: str, at: datetime) -> dict[str, Json]:
    """A message as what begins a run."""
    return {
        "who": came.sender,
        "from": came.sender,
        "name": came.name,
        "verified": came.verified,
        "to": came.to,
        "channel": came.channel,
        "subject": "",
        "text": came.text,
        "quoted": "",
        "at": at.isoformat(timespec="seconds"),
        "answers": [],
        "files": list(came.files),
        "facts": {"message": came.id, "line": line, "channel": came.channel},
    }


def heard(came: Written, at: datetime, answers: bool = False) -> list[dict[str, Json]]:
    """What a message means to the graph: that it was written, or `answers` what was sent, and what its writer wishes."""
    of = {"at": at.isoformat(), "channel": came.channel, "phone": came.sender, "verified": came.verified}
    of |= {"name": came.name} if came.name else {}
    told = {"to": came.to} | ({"files": list(came.files)} if came.files else {})
    rows: list[dict[str, Json]] = [
        of
        | {"id": came.id, "kind": "reply" if answers else "message", "text": came.text, "properties": told}
        | {"conversation": f"{came.channel}:{came.to}:{came.sender}"}
    ]
    if came.wish in ("stop", "start"):
        kind = "consent_withdrawn" if came.wish == "stop" else "consent_given"
        rows.append(
            of | {"id": f"{came.id}:{came.wish}", "kind": kind, "properties": {"word": came.text[:40]}}
        )
    return rows


def happened(became: Became, at: datetime) -> dict[str, Json]:
    """What became of a message, as a signal."""
    told: dict[str, Json] = {"message": became.id, "status": became.status}
    told |= {"error": became.error} if became.error else {}
    kind = HAPPENED[became.status]
    told |= {"hard": became.hard} if kind == "bounced" else {}
    return {
        "id": f"{became.id}:{became.status}",
        "at": at.isoformat(),
        "kind": kind,
        "channel": became.channel,
        "direction": "in" if kind == "open" else "out",
        "phone": became.to,
        "properties": told,
    }


def bare(address: str) -> str:
    return address.removeprefix(PREFIX)


def _wish(text: str, form: Mapping[str, str]) -> Literal["", "stop", "start", "help"]:
    """As Twilio says it, where the account lets it manage that; else by the words that are agreed on."""
    said = form.get("OptOutType", "").upper()
    word = said or text.strip().strip(".!").upper()
    if said == "STOP" or word in STOP:
        return "stop"
    if said == "START" or word in START:
        return "start"
    return "help" if said == "HELP" else ""


def _text(text: str) -> str:
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
