"""A till: money goes out of it, and is counted by itself, so that a limit is held or not whatever Remit says."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.errors import Mend
from remit.tools import tool
from remit.tools.tool import Settle, ToolContext

paid: dict[str, float] = {}  # by the key of the effect
begun: asyncio.Event | None = None  # set when a payment is under way
go_on: asyncio.Event | None = None  # what it waits for then


def reset() -> None:
    global begun, go_on
    paid.clear()
    begun = go_on = None


async def _under_way() -> None:
    if begun is not None and go_on is not None:
        begun.set()
        await go_on.wait()


async def take_back(context: ToolContext, args: Any, result: Any) -> Any:
    paid.pop(context.key.replace("undo:", ""), None)
    return "taken back"


@tool(effect="destroy", settle=Settle("key"), undo=take_back)
async def refund(context: ToolContext, amount: float, order: str = "W1") -> str:
    """Pay money back."""
    await _under_way()
    if order == "closed":
        raise Mend("the order is closed")
    if order == "broken":
        raise OSError("the till is broken")
    paid[context.key] = amount
    return "paid"


@tool(effect="destroy", settle=Settle("key"), sinks={"amount": "amount"})
async def pay(context: ToolContext, amount: str) -> str:
    """Pay an amount with its currency, as 40 EUR."""
    paid[context.key] = float(amount.split()[0])
    return "paid"


@tool(effect="egress", settle=Settle("key"))
async def send_mail(context: ToolContext, to: str) -> str:
    """Send a mail."""
    paid[context.key] = 1
    return "sent"


@tool(effect="read", integrity="system")
async def look() -> str:
    """Look around."""
    return "nothing"


TOOLS = (refund, pay, send_mail, look)
