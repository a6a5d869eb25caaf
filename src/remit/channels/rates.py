"""How fast a mailbox, a number or a Slack may send, where its connection does not say: as providers have it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from remit.channels.line import SERVICE

Json = Any
Sender = tuple[str, tuple[str, ...]]  # what is known of it by name, and its rates
FREELY = ("1000/s",)  # where the connection says none: so that it can rest all the same
# https://support.google.com/a/answer/166852, https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description
BY_HOST = {
    "smtp.gmail.com": ("2000/d",),
    "smtp.office365.com": ("30/m", "10000/d"),
    "smtp-mail.outlook.com": ("30/m", "300/d"),
}
MAIL = ("120/m",)
NUMBER, MANY = ("60/m",), ("600/m",)  # a long code sends one a second; a messaging service has several
WHATSAPP = ("80/s",)
SLACK = ("60/m",)


def senders_of(one: Mapping[str, Json]) -> dict[str, Sender]:
    """Who sends by a connection, as its data says it: `mail`, `slack`, `sms`, `whatsapp`."""
    said: Sequence[str] | None = one.get("rate")
    given = None if said is None else tuple(said) or FREELY
    if box := one.get("mail"):
        address = box["address"].rpartition("<")[2].rstrip("> ").lower()
        host = (urlsplit(box.get("smtp") or "").hostname or "").lower()
        return {"mail": (f"mail {address}", given or BY_HOST.get(host, MAIL))} if host else {}
    if one.get("slack"):
        whose = json.dumps([one["slack"], sorted((one.get("headers") or {}).items())])
        return {"slack": (f"slack {hashlib.sha256(whose.encode()).hexdigest()[:12]}", given or SLACK)}
    line, found = one.get("twilio") or {}, {}
    if number := line.get("number"):
        found["sms"] = (f"sms {number}", given or (MANY if SERVICE.fullmatch(number) else NUMBER))
    if number := line.get("whatsapp"):
        found["whatsapp"] = (f"whatsapp {number}", given or WHATSAPP)
    return found
