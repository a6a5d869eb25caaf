"""What a rule may ask about the past: a rolling sum or count of effects, and which effects count. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from remit.journal.state import CallState

Scope = Literal["person", "agent", "workspace"]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # of a window, in seconds


@dataclass(frozen=True, slots=True)
class Sum:
    """`sum("refund.amount", "24h")` or `count("send_mail", "7d", "agent")`, as it stands in a rule."""

    what: Literal["sum", "count"]
    of: str  # a tool, and for a sum its argument
    window: str
    scope: Scope = "person"  # whose effects: of all runs for the person, of all of the agent, of all
    tool: str = field(default="", compare=False)
    argument: str = field(default="", compare=False)  # "" for a count
    whole: bool = field(default=False, compare=False)  # the argument is declared to be a whole number

    @property
    def name(self) -> str:
        """What it is called on record, and by people."""
        scope = "" if self.scope == "person" else f', "{self.scope}"'
        return f'{self.what}("{self.of}", "{self.window}"{scope})'

    @property
    def seconds(self) -> int:
        return int(self.window[:-1]) * UNITS[self.window[-1]]


def is_sum(name: str) -> bool:
    """Whether what is on record under that name is a sum: a record's name is a plain word."""
    return name.endswith(")")


def counts(call: CallState | None, tool: str) -> bool | None:
    """Whether the effect of a call happened, or may have; None: it is under way, or not begun and not given up."""
    if call is None or call.call.tool != tool:  # an answer that never came into the journal
        return False
    if call.acted is not None:
        return call.acted.status in ("ok", "unknown") and not call.undone
    return None
