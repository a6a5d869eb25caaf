"""What a mail that came says of people, as rows of the conversation graph: what somebody wrote, what did not arrive, and who complains. Pure.

Anybody can write that something did not arrive, or that somebody complains. It counts of whom the mail that it is about has reached, and that
mail's id nobody knows but who had it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from remit.channels.port import Incoming

Json = Any
WORDS = 20_000  # characters of what was written that the graph keeps


def rows_of(
    key: str, came: Incoming, at: datetime, ours: str, reached: Collection[str]
) -> Iterator[dict[str, Json]]:
    """`key`: of the message, by what it holds; `ours`: the message of ours that it answers or is about, "" where there is none; `reached`: whom
    that one went to, by address."""
    common = {"at": at.isoformat(), "channel": "email", "conversation": _conversation(came, ours)[:300]}
    about = {"message": ours} if ours else {}
    for number, failure in enumerate(came.failures):
        if failure.address in reached:
            told = {
                "hard": failure.status.startswith("5"),
                "status": failure.status,
                "said": failure.said,
                **about,
            }
            yield {
                "id": f"{key} {number}",
                "kind": "bounced",
                "email": failure.address,
                "properties": told,
                **common,
            }
    if came.complains:
        for address in sorted(reached):
            yield {
                "id": f"{key} {address}",
                "kind": "complained",
                "email": address,
                "properties": about,
                **common,
            }
    if not came.automatic and came.sender.address:
        yield {
            "id": key,
            "kind": "reply" if ours else "message",
            "email": came.sender.address,
            "verified": ["email"] if came.sender.verified else [],
            "name": came.sender.name if came.sender.verified else "",
            "subject": came.subject[:1_000],
            "text": came.text[:WORDS],
            "properties": {"verified": came.sender.verified, "message": came.id},
            **common,
        }


def _conversation(came: Incoming, ours: str) -> str:
    """The thread by its first message, as what is sent names it."""
    return came.answers[-1] if came.answers else ours or came.id
