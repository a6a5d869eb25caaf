"""What is advertising: when it is, and how its reader gets no more of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from remit.channels.line import Line
from remit.channels.mailbox import Mailbox
from remit.errors import Mend
from remit.tools.tool import ToolContext

STOP = re.compile(r"\bSTOP\b")


def advertises(context: ToolContext) -> bool:
    """Whether the run carries an action out that is marketing, whatever its model says."""
    decision = context.inputs.get("decision")
    return isinstance(decision, Mapping) and decision.get("purpose") == "marketing"


async def ended(context: ToolContext, line: Line, to: str, text: str) -> str:
    """The words of marketing by SMS, with how their reader ends it: the same each time, so that they are found again after a crash.
    Raises Mend."""
    if STOP.search(text) or not line.leave:
        return text
    link = ""
    if "{link}" in line.leave:
        link = await context.leave(to, "sms", "marketing") if context.leave else ""
        if not link:
            raise Mend("the line's words for leaving have a {link}: there is none without REMIT_PUBLIC_URL")
    return f"{text.rstrip()}\n{line.leave.replace('{link}', link)}"


async def leave_of(context: ToolContext, mailbox: Mailbox, readers: Sequence[str]) -> str:
    """Where the reader of marketing says that they want no more of it. Raises Mend."""
    if len(readers) == 1 and mailbox.unsubscribe:
        return mailbox.leave(readers[0])
    made = (
        await context.leave(readers[0], "email", "marketing") if len(readers) == 1 and context.leave else ""
    )
    if not made:
        raise Mend(
            "marketing goes to one reader, and says how to unsubscribe: by the mailbox's connection, or by REMIT_PUBLIC_URL"
        )
    return made
