"""When is a customer's e-mail dealt with? By code, from the journal and the shop's database; the model has no say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from remit.agents.report import borne_out, claims
from remit.errors import StoreError
from remit.library.support import shop

if TYPE_CHECKING:
    from remit.agents.check import Claim

Verdict = Literal["met", "not met", "cannot verify"]
# What a customer asks for -> the tools that do it; a report that says the word has dealt with it too
_ASKED = {
    r"\bcancel": ("cancel", ("cancel_pending_order",)),
    r"\breturn\b|\bsend (it|them) back\b": (
        "return",
        ("return_delivered_order_items", "cancel_pending_order"),
    ),
    r"\b(exchange|swap)\b": ("exchang", ("exchange_delivered_order_items", "modify_pending_order_items")),
    r"\baddress\b": ("address", ("modify_pending_order_address", "modify_user_address")),
}
_CHANGED = re.compile(r"\b(cancel|return|exchang|chang|modif|updat)\w*", re.I)
_REFUSES = re.compile(
    r"\b(not|no|cannot|unable|nothing|only|already|unfortunately|sorry|refuse\w*)\b|n't\b", re.I
)


async def settled(claim: Claim) -> tuple[Verdict, str]:
    """Met: each order and each kind of request that the e-mail names is in an effect or in the report, no change
    is claimed that did not happen, and the shop's database has the effects that the journal lists."""
    if problem := shortcoming(claim.goal, claim.report, claim.effects):
        return "not met", problem
    url = claim.resources.get("shop")
    if not isinstance(url, str):
        return "cannot verify", "the shop's database is not among the resources"
    try:
        written = await _written(url, claim.tool_context.run)
    except StoreError as error:
        return "cannot verify", str(error)
    listed = sum(1 for e in claim.effects if e["tool"] in _WRITES)
    if written < listed:
        return "not met", f"the journal lists {listed} effects, the shop's database has {written}"
    return (
        "met",
        f"{listed} written, all in the shop's database" if listed else "no change was needed or possible",
    )


async def _written(url: str, run: UUID) -> int:
    async with shop.connect(url) as connection:
        rows = await connection.execute("select count(*) as n from shop.effects where run = %s", (run,))
        row = await rows.fetchone()
        return int(row["n"]) if row else 0


_WRITES = {tool for _, tools in _ASKED.values() for tool in tools} | {
    "modify_pending_order_payment",
    "transfer_to_human",
}


def shortcoming(goal: str, report: str, effects: Sequence[Mapping[str, Any]]) -> str:
    """What is not dealt with, in words for the model; empty: nothing. Pure."""
    if not report.strip():
        return "finish with an answer to the customer: what was done, and what was not and why"
    done = " ".join(f"{e['tool']} {e['args']} {e['result']}".lower() for e in effects)
    named = set(re.findall(r"#?W(\d{5,})", goal, re.I))
    missing = sorted(n for n in named if n not in done and n not in report)
    if missing and len(named) > 1:  # with one order it is clear what the answer is about
        return f"nothing was done or said about order #W{missing[0]}: deal with it, or say why it is left as it is"
    tools = {str(e["tool"]) for e in effects}
    if "transfer_to_human" not in tools:
        for pattern, (stem, doing) in _ASKED.items():
            if re.search(pattern, goal, re.I) and not tools & set(doing) and stem not in report.lower():
                return f"the customer's words have {stem!r}, but nothing was done or said about it"
    for sentence in re.split(r"(?<=[.!?\n])\s+", report):
        if (
            _CHANGED.search(sentence)
            and claims(sentence)
            and not borne_out(sentence, [done] if effects else [])
        ):
            return f"this was not done: {sentence.strip()!r}. Do it, or say that it was not done"
    asked = any(re.search(pattern, goal, re.I) for pattern in _ASKED)
    if asked and not effects and not _REFUSES.search(report):
        return "the customer asked for a change and nothing was changed: do it with the tools, or say why not"
    return ""
