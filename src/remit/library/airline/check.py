"""When is a customer's message dealt with? By code, from the journal and the airline's database; the model has no say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from remit.errors import StoreError
from remit.library.airline import store
from remit.library.airline.facts import WORK

if TYPE_CHECKING:
    from remit.agents.check import Claim

Verdict = Literal["met", "not met", "cannot verify"]
_CHANGED = re.compile(
    r"\b(is|are|was|were|has been|have been|I)\b[^.!?]*\b(cancelled|changed|booked|added|upgraded)\b", re.I
)
_NOT = re.compile(r"\b(not|no|cannot|unable|already|if|unfortunately|sorry)\b|n't\b", re.I)


async def settled(claim: Claim) -> tuple[Verdict, str]:
    """Met: there is an answer, it claims no change where there was none, and the airline's database has the effects that the
    journal lists."""
    if not claim.report.strip():
        return "not met", "finish with an answer to the customer: what was done, and what was not and why"
    listed = sum(1 for effect in claim.effects if effect["tool"] in WORK)
    for sentence in re.split(r"(?<=[.!?\n])\s+", claim.report):
        if not listed and _CHANGED.search(sentence) and not _NOT.search(sentence):
            return "not met", f"this was not done: {sentence.strip()!r}. Do it, or say that it was not done"
    url = claim.resources.get("airline")
    if not isinstance(url, str):
        return "cannot verify", "the airline's database is not among the resources"
    try:
        async with store.connect(url) as connection:
            rows = await connection.execute(
                "select count(*) as n from airline.effects where run = %s and tool <> 'transfer_to_human'",
                (claim.tool_context.run,),
            )
            row = await rows.fetchone()
    except StoreError as error:
        return "cannot verify", str(error)
    written = int(row["n"]) if row else 0
    if written < listed:
        return "not met", f"the journal lists {listed} effects, the airline's database has {written}"
    return (
        "met",
        f"{listed} written, all in the airline's database" if listed else "no change was needed or possible",
    )
