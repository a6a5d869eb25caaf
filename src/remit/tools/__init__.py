"""Tools: what an agent can do. `@tool` makes one of a function; the families live in modules of their own."""

from remit.rate import Limit
from remit.tools.decorate import tool
from remit.tools.tool import NOBODY, Effect, Integrity, Reach, Reaches, Settle, Tool, ToolContext

__all__ = [
    "NOBODY",
    "Effect",
    "Integrity",
    "Limit",
    "Reach",
    "Reaches",
    "Settle",
    "Tool",
    "ToolContext",
    "tool",
]
