"""A few people of a shop, some of whom may be written to, and a playbook for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from remit.decisions.kept import Version, put, save
from remit.decisions.stage import DONE, SHADOWED, Shown, Stage
from remit.graph.ingest import take
from remit.graph.people import profile_of
from remit.playbook import playbook_of
from remit.store.store import Store
from tests.graph.conftest import NOW, row, taken

Json = Any
TEXT = """
actions:
- {name: mail, does: send, channel: email, goal: sales, cost: 0.1}
- {name: call, does: call, channel: phone, goal: sales, cost: 1, capacity: {count: 3, days: 7}}
goals:
  sales: {counts: [{kind: purchase, currency: EUR}, {kind: refund, currency: EUR, worth: -1}, {kind: reply, worth: 5}]}
window: 10
holdout: 0
rules: {zone: Europe/Berlin}
"""
SHOWN = Shown(shadowed=SHADOWED, done=DONE, closed=DONE)


def ann(number: int) -> str:
    return f"ann{number}@shop.example"


async def people(store: Store, count: int, silent: Sequence[int] = ()) -> list[int]:
    """Numbers of people who said yes to being written to and called, but for the silent ones."""
    rows = [row(f"v{number}", 20 + number % 7, email=ann(number)) for number in range(count)]
    for number in range(count):
        if number not in silent:
            for channel in ("email", "phone"):
                said = {"purpose": "marketing", "channel": channel}
                rows.append(
                    row(f"c{number}{channel}", 19, kind="consent_given", email=ann(number), properties=said)
                )
    await taken(store, *rows)
    return [await profile_of(store, ann(number)) for number in range(count)]


async def playbook(
    store: Store, stage: Stage = "live", text: str = TEXT, share: float = 0.5, name: str = "winback"
) -> Version:
    one = await save(store, name, text, playbook_of(text), "", "ann")
    if stage in ("ramp", "live"):
        one = await put(store, one, "ramp", "ann", SHOWN, share)
    return await put(store, one, "live", "ann", SHOWN) if stage == "live" else one


async def rows(store: Store, query: str, *values: object) -> list[Json]:
    async with store.pool.connection() as connection:
        return await (await connection.execute(query.encode(), values)).fetchall()


async def came(store: Store, *happened: Json) -> None:
    """Things that happened after NOW."""
    await take(store, list(enumerate(happened, 1)), "shop", frozenset(), received=NOW + timedelta(days=60))
