"""Accounts of the conversation graph: what people belong to, and how they stand to each other."""

from __future__ import annotations

from datetime import datetime

from remit.client.parts import Part, Several, W, Want, call, each, get, none, post
from remit.client.results import FoundAccount, KnownAccount, Ties


class Accounts(Part[W]):
    """By any identifier: a domain, `kind:value`, or an account's number."""

    @call
    def list(self, text: str = "", *, limit: int = 50) -> Want[Several[FoundAccount]]:
        """Those whose name, or one of whose identifiers, begins so; without one the latest."""
        return get(each(FoundAccount, "accounts"), "accounts", text=text, limit=limit)

    @call
    def get(self, account: str, *, at: datetime | None = None, limit: int = 50) -> Want[KnownAccount]:
        """What it is, who belongs to it, now or at another moment, and what its people come to."""
        return get(KnownAccount.of, "accounts", account, at=at, limit=limit)

    @call
    def same(self, a: str, b: str, *, apart: bool = False) -> Want[KnownAccount]:
        """Say that these two are one account, or two; the first is answered."""
        return post(KnownAccount.of, "accounts", "same", body={"a": a, "b": b, "apart": apart}, harmless=True)

    @call
    def ties(self, person: str, *, at: datetime | None = None) -> Want[Ties]:
        """To what somebody belongs, and how they stand to others."""
        return get(Ties.of, "people", person, "ties", at=at)

    @call
    def belongs(
        self,
        person: str,
        account: str,
        *,
        role: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        no: bool = False,
    ) -> Want[Ties]:
        """Say that somebody belongs to it, or does not; a statement that can be withdrawn."""
        body = {"account": account, "role": role, "since": since, "until": until, "no": no}
        return post(Ties.of, "people", person, "accounts", body=body)

    @call
    def relate(
        self,
        person: str,
        kind: str,
        to: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        no: bool = False,
    ) -> Want[Ties]:
        """Say that somebody stands so to somebody else (`reports_to`), or does not; a statement that can be withdrawn."""
        body = {"kind": kind, "to": to, "since": since, "until": until, "no": no}
        return post(Ties.of, "people", person, "relations", body=body)

    @call
    def unsay(self, statement: int) -> Want[None]:
        """Let a statement of who belongs to what count for nothing."""
        return post(none, "accounts", "statements", statement, "withdraw")

    @call
    def unrelate(self, statement: int) -> Want[None]:
        """Let a statement of how two stand to each other count for nothing."""
        return post(none, "relations", statement, "withdraw")
