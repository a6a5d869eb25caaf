"""Tools: what an agent can do. `@tool` makes one of a function; the families live in modules of their own."""

from remit.rate import Limit
from remit.tools.decorate import tool
from remit.tools.tool import Effect, Integrity, Settle, Tool, ToolContext

__all__ = ["Effect", "Integrity", "Limit", "Settle", "Tool", "ToolContext", "tool"]
