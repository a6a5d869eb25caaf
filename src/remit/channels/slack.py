"""Slack: who signed what it tells, and what an event says. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remit.channels.port import Incoming, Sender

Json = Any
API = "https://slack.com/api"
LATE = 300  # seconds that an event may be old, or ahead
_MARKS = re.compile(r"<([@#!])([^>|]+)(?:\|([^>]*))?>")
_LINKS = re.compile(r"<(https?://[^>|\s]+|mailto:[^>|\s]+)(?:\|([^>]*))?>")


def signature(body: bytes, at: str, secret: str) -> str:
    mark = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
    return f"v0={mark.hexdigest()}"


def signed(body: bytes, headers: Mapping[str, str], secret: str, now: float) -> str:
    """Why an event is not to be believed; empty: Slack has signed it, lately."""
    at = headers.get("x-slack-request-timestamp", "")
    said = headers.get("x-slack-signature", "")
    if not (at.isascii() and at.isdigit() and said):
        return "there is no X-Slack-Signature with its time"
    if abs(now - int(at[:12])) > LATE:
        return f"it was sent more than {LATE} s ago, or a clock is wrong"
    if not hmac.compare_digest(signature(body, at, secret).encode(), said.encode()):
        return "the signature is by another secret"
    return ""


def event_of(said: Json) -> tuple[Incoming, dict[str, str]] | None:
    """A message that a person wrote, and where: `team`, `channel`, `thread`, `kind`. None for all else that Slack tells, as what a
    program wrote, or what was changed."""
    event = said.get("event") if isinstance(said, Mapping) else None
    if not isinstance(event, Mapping) or said.get("type") != "event_callback":
        return None
    if event.get("type") not in ("message", "app_mention") or event.get("bot_id"):
        return None
    if event.get("subtype") not in (None, "file_share", "thread_broadcast"):
        return None
    names = ("user", "channel", "ts")
    user, channel, ts = (_plain(event.get(name)) for name in names)
    number = _plain(said.get("event_id"))
    if not (user and channel and ts and number):
        return None
    thread = _plain(event.get("thread_ts"))
    sender = Sender(user, "", True)  # Slack has signed who it was
    came = Incoming(
        id=number,
        sender=sender,
        text=words(str(event.get("text") or ""))[:40_000],
        to=(channel,),
        at=_time(ts),
        answers=(thread,) if thread and thread != ts else (),
    )
    kind = "mention" if event.get("type") == "app_mention" else _plain(event.get("channel_type")) or "channel"
    team = _plain(said.get("team_id"))
    return came, {"team": team, "channel": channel, "message": ts, "thread": thread or ts, "kind": kind}


def handle(user: str) -> str:
    """How the graph knows somebody of Slack."""
    return f"slack:{user}"


def heard(came: Incoming, where: Mapping[str, str], at: datetime, answers: bool) -> dict[str, Json]:
    """What a message means to the graph. `answers`: what was sent to its writer."""
    return _of(came.sender.address, at) | {
        "id": came.id,
        "kind": "reply" if answers else "message",
        "text": came.text[:20_000],
        "conversation": f"slack:{where['channel']}:{where['thread']}",
        "properties": {"message": where["message"], "to": where["channel"]},
    }


def reaction_of(said: Json, at: datetime) -> dict[str, Json] | None:
    """What somebody's emoji on a message means to the graph; None for all else."""
    event = said.get("event") if isinstance(said, Mapping) and said.get("type") == "event_callback" else None
    if not isinstance(event, Mapping) or event.get("type") != "reaction_added":
        return None
    item = event.get("item")
    item = item if isinstance(item, Mapping) else {}
    user, number, name = (
        _plain(event.get("user")),
        _plain(said.get("event_id")),
        str(event.get("reaction") or ""),
    )
    channel, ts = _plain(item.get("channel")), _plain(item.get("ts"))
    if not (user and number and channel and ts and re.fullmatch(r"[\w+:'-]{1,100}", name)):
        return None
    told = {"reaction": name, "message": ts, "to": channel}
    return _of(user, at) | {
        "id": number,
        "kind": "reaction",
        "conversation": f"slack:{channel}:{ts}",
        "properties": told,
    }


def _of(user: str, at: datetime) -> dict[str, Json]:
    return {"at": at.isoformat(), "channel": "slack", "handle": handle(user), "verified": ["handle"]}


def as_event(came: Incoming, where: Mapping[str, str]) -> dict[str, Json]:
    """A message as what begins a run."""
    return {
        "who": f"slack:{where['team']}:{came.sender.address}",
        "from": came.sender.address,
        "name": came.sender.name,
        "verified": came.sender.verified,
        "to": where["channel"],
        "kind": where["kind"],
        "subject": "",
        "text": came.text,
        "quoted": "",
        "at": came.at,
        "answers": list(came.answers),
        "files": [],
        "facts": {"channel": where["channel"], "message": where["thread"]},
    }


def words(text: str) -> str:
    """Slack's marks as people read them."""
    text = _LINKS.sub(lambda found: f"{found[2]} ({found[1]})" if found[2] else found[1], text)
    text = _MARKS.sub(lambda found: ("#" if found[1] == "#" else "@") + (found[3] or found[2]), text)
    for mark, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(mark, plain)
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _plain(value: Json) -> str:
    """An id of Slack's; empty for what is none."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,60}", value) else ""


def _time(ts: str) -> str:
    try:
        return datetime.fromtimestamp(float(ts), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""
