"""How fast what a connection sends may go, who waits for that now, and whether its provider takes no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from remit.channels.rates import FREELY, senders_of
from remit.connections.kept import Row
from remit.journal.limits import Standing, standing_of
from remit.store.store import Store


@dataclass(frozen=True, slots=True)
class Pace:
    """Of one sender of a connection: a number has one for SMS and one for WhatsApp. `own`: its connection says so, and not the kind."""

    sender: str
    rates: tuple[Standing, ...]
    own: bool

    @property
    def waiting(self) -> int:
        """How many messages; each waits for all of its rates."""
        return max(one.waiting for one in self.rates)

    @property
    def rests(self) -> Standing | None:
        return next((one for one in self.rates if one.rests_until is not None), None)

    @property
    def words(self) -> str:
        """In one line."""
        most = ", ".join(one.rate for one in self.rates if one.rate not in FREELY) or "as fast as it goes"
        said = [f"{self.sender}: {most}"]
        if self.waiting:
            last = max(one.until for one in self.rates if one.until is not None)
            said.append(f"{self.waiting} wait, the last until {last.astimezone(UTC):%d %b %H:%M:%S} UTC")
        if (rest := self.rests) is not None and rest.rests_until is not None:
            said.append(f"rests until {rest.rests_until.astimezone(UTC):%H:%M:%S} UTC: {rest.why}")
        return "; ".join(said)


async def paces_of(root: Store, workspace: str, row: Row) -> list[Pace]:
    """Of each sender of a connection. `root`: Remit's own hands."""
    one = row.linked.connection
    store = root.as_owner(workspace)
    return [
        Pace(name, tuple(await standing_of(store, name, rates)), one.rate is not None)
        for name, rates in senders_of(one.model_dump(mode="json")).values()
    ]
