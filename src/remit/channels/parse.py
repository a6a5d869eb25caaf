"""A message of mail as it came (RFC 5322, MIME): who says it, what is their own, what they quote, what hangs on it, and whether a
machine wrote it. Whatever it holds, it is read: what is broken is left out, and never raised. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.errors import HeaderParseError, MessageError
from email.message import EmailMessage, Message
from email.utils import getaddresses, parsedate_to_datetime

from remit.channels.port import Automatic, Failure, File, Incoming, Sender
from remit.channels.quoted import split, text_of_html
from remit.channels.verified import verified

MOST_FILES = 50
LONGEST = 200_000  # characters of the words of one message
_ID = re.compile(r"<[^<>\s]{1,250}>")
_ANSWERED_BY_NOBODY = ("bulk", "junk", "list", "auto_reply")


def parse(raw: bytes, trusted: str = "") -> Incoming:
    """`trusted`: the mail host whose word on the sender counts (its name in Authentication-Results)."""
    message = message_from_bytes(raw, policy=policy.default)
    sender = _sender(message, trusted)
    own, quoted = split(_text(message))
    failures, complains = tuple(_failures(message)), _complains(message)
    return Incoming(
        id=next(iter(_ids(message, "Message-ID")), ""),
        sender=sender,
        text=own[:LONGEST],
        quoted=quoted[:LONGEST],
        subject=_header(message, "Subject")[:1000],
        to=_addresses(message, "To"),
        copied=_addresses(message, "Cc"),
        at=_date(message),
        answers=_answers(message, bool(failures) or complains),
        files=tuple(_files(message)),
        automatic="bounce" if failures else _automatic(message) or ("auto" if complains else ""),
        failures=failures,
        complains=complains,
    )


def _sender(message: EmailMessage, trusted: str) -> Sender:
    """Nobody, where the message does not say exactly one."""
    found = getaddresses([_clean(value) for value in _all(message, "From")])
    if len(found) != 1 or "@" not in found[0][1]:
        return Sender("")
    name, address = found[0]
    return Sender(address.lower(), name[:200], verified(message, address, trusted))


def _automatic(message: EmailMessage) -> Automatic:
    """Whether a machine wrote it, to which nobody answers (RFC 3834)."""
    says = _header(message, "Auto-Submitted").lower().partition(";")[0].strip()
    if says not in ("", "no") or _header(message, "Return-Path").strip() == "<>":
        return "auto"
    if any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")):
        return "auto"
    if message.get("List-Id") or _header(message, "Precedence").lower() in _ANSWERED_BY_NOBODY:
        return "bulk"
    return ""


def _failures(message: EmailMessage) -> Iterator[Failure]:
    """Whom something did not reach, as a server reports it (RFC 3464)."""
    if message.get_content_type() != "multipart/report":
        return
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status" or not isinstance(part.get_payload(), list):
            continue
        for block in part.get_payload():
            if isinstance(block, Message) and _header(block, "Action").lower() in ("failed", "delayed"):
                who = _header(block, "Final-Recipient") or _header(block, "Original-Recipient")
                said = _header(block, "Diagnostic-Code").partition(";")[2].strip()
                yield Failure(who.rpartition(";")[2].strip().lower(), _header(block, "Status"), said[:500])


def _complains(message: EmailMessage) -> bool:
    """Whether a provider reports that its user complains (RFC 5965)."""
    says = str(message.get_param("report-type", "")).lower()
    if message.get_content_type() != "multipart/report" or says != "feedback-report":
        return False
    parts = [part for part in message.walk() if part.get_content_type() == "message/feedback-report"]
    return any(re.search(r"^feedback-type:\s*abuse\b", _payload(part), re.I | re.M) for part in parts)


def _payload(part: Message) -> str:
    """What stands in a part: the parser takes one of type message/* for a message, with what it says as headers."""
    held = part.get_payload()
    if isinstance(held, list):
        return "\n".join(
            f"{name}: {value}" for one in held if isinstance(one, Message) for name, value in one.items()
        )
    return str(held)


def _answers(message: EmailMessage, bounced: bool) -> tuple[str, ...]:
    """What it answers, the nearest first; of a bounce, what was sent."""
    found = [*_ids(message, "In-Reply-To"), *reversed(_ids(message, "References"))]
    if bounced:
        for part in message.walk():
            inner = part.get_payload()
            if part.get_content_type() == "message/rfc822" and (whole := _inner(part)) is not None:
                found += _ids(whole, "Message-ID")
            elif part.get_content_type() == "text/rfc822-headers" and isinstance(inner, str):
                headers = re.search(r"^message-id:\s*(<[^<>\s]+>)", inner, re.I | re.M)
                found += [headers[1]] if headers else []
    return tuple(dict.fromkeys(found))[:100]


def _text(message: EmailMessage) -> str:
    try:
        part = message.get_body(("plain", "html"))
    except (MessageError, KeyError, AttributeError):  # parts that are not what they say
        part = None
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError, MessageError):  # an unknown or a false charset
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    text = text_of_html(text) if part.get_content_type() == "text/html" else text
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _files(message: EmailMessage) -> Iterator[File]:
    if message.get_content_type() == "multipart/report":
        return
    for part in list(_attached(message))[:MOST_FILES]:
        payload = part.get_payload(decode=True)
        if part.get_content_type() == "message/rfc822" and (whole := _inner(part)) is not None:
            payload = whole.as_bytes()
        if isinstance(payload, bytes):
            name = _clean(part.get_filename() or "")
            yield File(name or _unnamed(part), part.get_content_type(), payload)


def _inner(part: Message) -> Message | None:
    """The message that a part holds."""
    held = part.get_payload()
    return held[0] if isinstance(held, list) and held and isinstance(held[0], Message) else None


def _attached(message: EmailMessage) -> Iterator[EmailMessage]:
    try:
        yield from message.iter_attachments()
    except (MessageError, KeyError, AttributeError):
        return


def _unnamed(part: Message) -> str:
    kind = re.sub(r"[^a-z0-9]", "", part.get_content_subtype().lower())[:10]
    return "message.eml" if part.get_content_type() == "message/rfc822" else f"file.{kind or 'bin'}"


def _addresses(message: EmailMessage, name: str) -> tuple[str, ...]:
    found = getaddresses([_clean(value) for value in _all(message, name)])
    return tuple(address.lower() for _, address in found if "@" in address)[:100]


def _date(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _ids(message: Message, name: str) -> list[str]:
    return [one for value in _all(message, name) for one in _ID.findall(_clean(value))]


def _header(message: Message, name: str) -> str:
    return _clean(next(iter(_all(message, name)), ""))


def _all(message: Message, name: str) -> Iterable[object]:
    try:
        return message.get_all(name, [])
    except (HeaderParseError, ValueError, IndexError, AttributeError):  # the parser of headers fails on some
        return []


def _clean(value: object) -> str:
    text = str(value).encode("utf-8", "replace").decode()
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
