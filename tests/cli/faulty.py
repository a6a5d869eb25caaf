"""A tool with a mistake of its developer's."""

from __future__ import annotations

from remit.errors import ToolFault
from remit.tools import tool


@tool(effect="read")
async def charge(amount: int) -> str:
    """Fail loudly."""
    raise ToolFault(f"charge: its developer forgot what {amount} is")


TOOLS = (charge,)
