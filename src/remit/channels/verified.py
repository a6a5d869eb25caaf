"""Whether a sender is who they say they are, as the mail host that took the message has found (RFC 8601). Pure.

Only what the trusted host says counts, and of that only its topmost word: a host puts its finding on top, and any header below
it may be the sender's invention. A host must take away those that came in under its own name, as RFC 8601 has it.
"""

from __future__ import annotations

import re
from email.message import EmailMessage

PASSED = re.compile(r"\b(dkim|dmarc)\s*=\s*pass\b")


def verified(message: EmailMessage, sender: str, trusted: str) -> bool:
    """Whether `trusted` found that the domain of `sender` vouches for the message: DMARC has passed, or a signature (DKIM) of
    that very domain holds."""
    results = message.get_all("Authentication-Results", [])
    if not results or not trusted or "@" not in sender:
        return False
    who, *findings = [part.strip() for part in _bare(str(results[0]).lower()).split(";")]
    if who.split(" ")[0] != trusted.lower():
        return False
    domain = re.escape(sender.lower().rpartition("@")[2])
    aligned = re.compile(rf"\bheader\.(?:d|from|i)\s*=\s*@?{domain}(?![\w.@-])")
    return any(PASSED.match(one) and aligned.search(one) for one in findings)


def _bare(header: str) -> str:
    """Without quoted strings and comments, in which a sender's words may stand: `(domain of "x; dmarc=pass")`."""
    kept, depth, quoted, escaped = [], 0, False, False
    for mark in " ".join(header.split()):
        if escaped:
            escaped = False
        elif mark == "\\":
            escaped = True
        elif quoted:
            quoted = mark != '"'
        elif mark == '"':
            quoted = True
        elif mark in "()":
            depth = max(0, depth + (1 if mark == "(" else -1))
        elif not depth:
            kept.append(mark)
    return "".join(kept)
