"""Work that takes a while, and work that people are asked about: what the agents of the conformance suite do."""

from __future__ import annotations

import asyncio

from remit.tools import tool
from remit.tools.tool import Settle, ToolContext

deleted: list[str] = []


@tool(effect="self", timeout=120.0)
async def work(seconds: float) -> str:
    """Work so many seconds."""
    await asyncio.sleep(seconds)
    return f"worked {seconds:g} s"


@tool(effect="destroy", settle=Settle("repeat"))
async def delete(context: ToolContext, filename: str) -> str:
    """Delete a file."""
    deleted.append(filename)
    return f"{filename} is deleted"


TOOLS = (work, delete)
