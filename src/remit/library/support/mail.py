"""An e-mail to the shop: who really wrote it, and which of its words are the writer's own.

Only what the writer wrote is a goal. What is quoted or forwarded was written by somebody else: it is handed on as
data, and its presence makes the run careful. In doubt a line counts as somebody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from html.parser import HTMLParser

from remit.errors import UserError

SERVER = "mx.shop.example"  # the shop's own mail server; only what it says of a sender's identity counts
LARGEST = 2_000_000  # bytes of a message
_FORWARD = re.compile(
    r"^\s*(-{2,}\s*(original message|forwarded message|weitergeleitete nachricht|ursprüngliche nachricht)\s*-*"
    r"|begin forwarded message:?|_{10,})\s*$",
    re.I,
)
_HEADERS = re.compile(r"^\s*\*?(from|von|de)\s*:\*?\s+\S", re.I)
_HEADER_NEXT = re.compile(r"^\s*\*?(sent|date|to|subject|gesendet|datum|an|betreff|cc)\s*:", re.I)
_WROTE = re.compile(r"\b(wrote|schrieb|a écrit|escribió)\b[^:]{0,80}:\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message. `own`: the writer's words; `quoted`: everybody else's; `verified`: the sender's domain vouches."""

    sender: str
    name: str
    subject: str
    own: str
    quoted: str
    verified: bool
    id: str = ""


def parse(raw: bytes, server: str = SERVER) -> Mail:
    """Raises UserError for what is no e-mail, or too large a one."""
    if len(raw) > LARGEST:
        raise UserError(f"the e-mail has {len(raw):,} bytes; at most {LARGEST:,} are read")
    message = message_from_bytes(raw, policy=policy.default)
    addresses = getaddresses([str(value) for value in message.get_all("From", [])])
    if len(addresses) != 1 or "@" not in addresses[0][1]:
        raise UserError("the e-mail must have exactly one sender (a From header with one address)")
    name, sender = addresses[0]
    own, quoted = split(_text(message))
    subject = " ".join(str(message.get("Subject", "")).split())
    if re.match(r"\s*(re|fwd?|aw|wg)\s*:", subject, re.I):  # the words of whoever began it
        quoted, subject = f"Subject: {subject}\n{quoted}".strip(), ""
    return Mail(
        sender.lower(),
        name,
        subject,
        own,
        quoted,
        _verified(message, sender, server),
        str(message.get("Message-ID", "")),
    )


def _verified(message: EmailMessage, sender: str, server: str) -> bool:
    """Whether our own server found the sender's domain to vouch for the message (DMARC, or an aligned DKIM signature).

    Our server puts its verdict on top, so only the first header counts: any other may be the sender's invention.
    """
    results = message.get_all("Authentication-Results", [])
    if not results:
        return False
    parts = [part.strip() for part in " ".join(str(results[0]).split()).lower().split(";")]
    if not parts or parts[0].split(" ")[0] != server.lower():
        return False
    domain = re.escape(sender.lower().rpartition("@")[2])
    passed = [part for part in parts[1:] if re.match(r"(dkim|dmarc)=pass\b", part)]
    return any(re.search(rf"\bheader\.(d|from|i)=@?{domain}(?![\w.-])", part) for part in passed)


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError):  # an unknown or a false charset
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return _plain(text) if part.get_content_type() == "text/html" else text


def split(text: str) -> tuple[str, str]:
    """(the writer's own lines, the others), each in order; every line that is not blank is in exactly one.

    After a mark of forwarding everything is somebody else's, to the end. After `… wrote:` lines without `>` are
    so too, unless the quote itself is marked with `>`: then a line of the writer's own stands apart from it by a
    blank line (a wrapped remainder of a quoted line does not).
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    own: list[str] = []
    quoted: list[str] = []
    theirs, index = False, 0
    while index < len(lines):
        line = lines[index]
        if _forwards(lines, index):
            quoted += lines[index:]
            break
        if (length := _introduces(lines, index)) > 0:
            if not _marked_next(lines, index + length):
                quoted += lines[index:]
                break
            quoted += lines[index : index + length]
            theirs, index = True, index + length
            continue
        if line.lstrip().startswith((">", "|>")):
            theirs = True
        elif not line.strip():
            theirs = False
        (quoted if theirs else own).append(line)
        index += 1
    return _tidy(own), _tidy(quoted)


def _forwards(lines: list[str], index: int) -> bool:
    """A line that says `forwarded`, or the copied headers of another message."""
    if _FORWARD.match(lines[index]):
        return True
    following = [line for line in lines[index + 1 : index + 4] if line.strip()]
    return bool(_HEADERS.match(lines[index]) and following and _HEADER_NEXT.match(following[0]))


def _introduces(lines: list[str], index: int) -> int:
    """How many lines `On … wrote:` takes at `index` (mail programs break it): 0 to 3."""
    if not re.match(r"\s*(on|am|le|el)\b", lines[index], re.I):
        return 0
    for length in (1, 2, 3):
        if index + length <= len(lines) and _WROTE.search(" ".join(lines[index : index + length])):
            return length
    return 0


def _marked_next(lines: list[str], index: int) -> bool:
    following = [line for line in lines[index:] if line.strip()]
    return bool(following) and following[0].lstrip().startswith(">")


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()


class _Plain(HTMLParser):
    """HTML to lines, with `>` before what stands in a blockquote."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [""]
        self.depth = self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "head", "title"):
            self.hidden += 1
        if tag in ("br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3", "hr"):
            self.lines.append("")
        if tag == "blockquote":
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "head", "title"):
            self.hidden = max(0, self.hidden - 1)
        if tag in ("p", "div", "blockquote"):
            self.lines.append("")
        if tag == "blockquote":
            self.depth = max(0, self.depth - 1)

    def handle_data(self, data: str) -> None:
        if not self.hidden and (text := " ".join(data.split())):
            if not self.lines[-1] and self.depth:
                self.lines[-1] = "> "
            self.lines[-1] += ("" if not self.lines[-1] or self.lines[-1].endswith(" ") else " ") + text


def _plain(html: str) -> str:
    parser = _Plain()
    parser.feed(html)
    parser.close()
    return "\n".join(parser.lines)
