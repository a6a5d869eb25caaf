"""Tools that look as if they reach people whom nobody has said how to tell: the rules of contact would not see them. Pure.

A call that carries an address in a sink reaches whoever has it. One that notifies by a number of a customer, or that is said to change something
only, reaches somebody too, and its declaration alone can say whom (docs/contact.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from remit.tools.tool import Tool

_VERBS = """send sends notify notifies notification notifications message messages mail mails email emails sms whatsapp push remind reminder reminders
    invite invitation broadcast announce newsletter campaign alert contact dm reply ping text call"""
_WHOM = """to recipient recipients customer customers user users person people contact contacts member members subscriber subscribers guest guests
    patient patients client clients employee employees participant participants attendee attendees audience segment addressee phone mobile email
    mail handle lead leads follower followers"""
_ALL = frozenset(["broadcast", "newsletter", "campaign"])  # which say whom by themselves
_VERBS_OF, _WHOM_OF = frozenset(_VERBS.split()), frozenset(_WHOM.split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def silent(tool: Tool) -> list[str] | None:
    """The arguments that look as if they said whom a tool reaches that says nothing of it; None where it does not look as if it reached
    people, or where it says."""
    if tool.effect not in ("egress", "destroy") or tool.reaches is not None or tool.reaching:
        return None
    reaching = _words(tool.name) & _VERBS_OF
    whom = [name for name in tool.schema.get("properties", {}) if _words(name) & _WHOM_OF]
    return whom if reaching and (whom or _ALL & reaching) else None


def unsaid(tools: Iterable[Tool]) -> Iterator[str]:
    """A line for each that changes or sends something, looks as if it reached people and says neither whom nor that it does not."""
    for tool in tools:
        if (whom := silent(tool)) is not None:
            by = f" ({', '.join(whom)})" if whom else ""
            yield (
                f"{tool.name} looks as if it reached people{by}, and says nothing of it: nobody's consent, caps and quiet hours are asked for. "
                f"Declare `reaches: {{whom: {whom[0] if whom else 'ARGUMENT'}, channel: …}}` for it, or `reaches: nobody`"
            )


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(name))
