"""A message of mail as it goes out: plain and HTML from the same words, in its thread, under an id that follows from the call that
sends it, so that it can be looked for after a crash. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from uuid import UUID

from remit.channels.mailbox import Mailbox
from remit.channels.port import File

OURS = re.compile(r"<remit\.([0-9a-f]{32})\.([A-Za-z0-9._-]{1,80})@[^<>\s]+>")
NO_MORE = "To get no more of these:"
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]']")


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent. `answers`: the ids of the thread, the earliest first; empty: it begins one."""

    to: tuple[str, ...]
    subject: str
    text: str
    copied: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()  # bcc: told to the server alone
    answers: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    leave: str = ""  # of marketing: where its reader says that they want no more of it
    leads: Callable[[str], str] = (
        str  # where a link in the HTML leads, by the address that it shows; the leave link as it stands
    )
    picture: str = ""  # by which it is heard that it was opened


def id_of(run: UUID, call: str, domain: str) -> str:
    """The Message-ID of what a call sends: the same, however often the call is made."""
    return f"<remit.{run.hex}.{re.sub(r'[^A-Za-z0-9._-]', '_', call)}@{domain}>"


def sent_by(ids: Sequence[str]) -> tuple[UUID, str, str] | None:
    """Of the messages that one answers, the nearest that a run has sent: the run, its call, the id. Whether it really did, only
    its journal knows: anybody can write such an id."""
    for one in ids:
        if found := OURS.fullmatch(one):
            return UUID(found[1]), found[2], one
    return None


def compose(mailbox: Mailbox, letter: Letter, id: str, now: datetime) -> EmailMessage:
    """Raises ValueError for what cannot stand in a header."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = formataddr((mailbox.name, mailbox.bare))
    message["To"] = ", ".join(letter.to)
    if letter.copied:
        message["Cc"] = ", ".join(letter.copied)
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(now)
    message["Message-ID"] = id
    # RFC 3834: what a machine wrote says so, and another machine does not answer it
    message["Auto-Submitted"] = "auto-replied" if letter.answers else "auto-generated"
    if letter.answers:
        message["In-Reply-To"] = letter.answers[-1]
        message["References"] = " ".join(letter.answers[-20:])
    text = letter.text
    if letter.leave:
        message["List-Unsubscribe"] = f"<{letter.leave}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        text = f"{text.rstrip()}\n\n{NO_MORE}\n{letter.leave}"
    message.set_content(text)
    shown = in_html(text, lambda link: link if link == letter.leave else letter.leads(link), letter.picture)
    message.add_alternative(shown, subtype="html")
    for file in letter.files:
        main, _, sub = file.type.partition("/")
        message.add_attachment(file.data, maintype=main, subtype=sub or "octet-stream", filename=file.name)
    return message


def in_html(text: str, leads: Callable[[str], str] = str, picture: str = "") -> str:
    """The same words in HTML, a paragraph each, what leads somewhere as a link: no other thing than was judged is sent."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    body = "\n".join(f"<p>{_linked(one, leads).replace(chr(10), '<br>')}</p>" for one in paragraphs)
    body += f'\n<img src="{html.escape(picture)}" width="1" height="1" alt="">' if picture else ""
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>\n{body}\n</body></html>\n'


def _linked(text: str, leads: Callable[[str], str]) -> str:
    made, at = [], 0
    for found in _LINK.finditer(text):
        link = html.escape(found[0])
        to = html.escape(leads(found[0]))
        made += [html.escape(text[at : found.start()]), f'<a href="{to}">{link}</a>']
        at = found.end()
    return "".join([*made, html.escape(text[at:])])
