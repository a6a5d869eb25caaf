"""The three kinds of effect, each at a system outside that the explorer drives."""

from __future__ import annotations

from typing import Any

from remit.tools import tool
from remit.tools.tool import Settle, ToolContext

FOR_EVER = 1e9  # seconds: how long a call takes is for the explorer to say


async def find(context: ToolContext, args: Any) -> Any:
    return await context.resources["outside"].find(context.key)


async def happen(context: ToolContext, name: str) -> str:
    return await context.resources["outside"].effect(context.run, context.call_id, context.key, name)  # type: ignore[no-any-return]


@tool(effect="destroy", settle="key", timeout=FOR_EVER)
async def by_key(context: ToolContext) -> str:
    """Happens once for each key."""
    return await happen(context, "by_key")


@tool(effect="destroy", settle=Settle("lookup", find), timeout=FOR_EVER)
async def by_lookup(context: ToolContext) -> str:
    """Happens each time, and can be looked up."""
    return await happen(context, "by_lookup")


@tool(effect="destroy", settle="ask", timeout=FOR_EVER)
async def by_ask(context: ToolContext) -> str:
    """Happens each time, and nobody can look it up but a person."""
    return await happen(context, "by_ask")


TOOLS = (by_key, by_lookup, by_ask)
