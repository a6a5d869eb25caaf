"""What of people may not be used for everything."""

from __future__ import annotations

from collections.abc import Sequence

from remit.client.parts import Part, Several, W, Want, call, each, get, none, way
from remit.client.results import Limit
from remit.client.steps import Send


class Purposes(Part[W]):
    """By field: `about.KEY`, `kind.KIND`, `channel.CHANNEL`, `known.NAME`, `account.KEY`, `role` or `relation.KIND`."""

    @call
    def list(self) -> Want[Several[Limit]]:
        """By field; what is not among them may be used for everything."""
        return get(each(Limit, "limits"), "purposes")

    @call
    def set(self, field: str, purposes: Sequence[str], *, because: str) -> Want[Limit]:
        """Let it be used for these purposes and no other, from the next call of each run on."""
        body = {"purposes": [*purposes], "because": because}
        return Want(Send("PUT", way("purposes", field), {}, body, harmless=True), Limit.of)

    @call
    def remove(self, field: str) -> Want[None]:
        """Let it be used for everything again."""
        return Want(Send("DELETE", way("purposes", field), {}, harmless=True), none)
