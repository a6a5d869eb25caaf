"""An e-mail to the shop: who really wrote it, and which of its words are the writer's own.

Only what the writer wrote is a goal. What is quoted or forwarded was written by somebody else: it is handed on as
data, and its presence makes the run careful.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from remit.channels.parse import parse as read
from remit.errors import UserError

SERVER = "mx.shop.example"  # the shop's own mail server; only what it says of a sender's identity counts
LARGEST = 2_000_000  # bytes of a message


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
    came = read(raw, server)
    if not came.sender.address:
        raise UserError("the e-mail must have exactly one sender (a From header with one address)")
    quoted, subject = came.quoted, came.subject
    if re.match(r"\s*(re|fwd?|aw|wg)\s*:", subject, re.I):  # the words of whoever began it
        quoted, subject = f"Subject: {subject}\n{quoted}".strip(), ""
    one = came.sender
    return Mail(one.address, one.name, subject, came.text, quoted, one.verified, came.id)
