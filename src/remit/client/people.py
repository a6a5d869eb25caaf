"""The conversation graph: what happened goes in; who somebody is, and what happened to them, comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from remit.client.parts import Held, Part, Several, W, Want, call, each, get, given, none, post, way
from remit.client.results import (
    Decision,
    Doubt,
    Erasure,
    ErasureForeseen,
    FoundPerson,
    Interaction,
    KnownPerson,
    Rejected,
    Taken,
)
from remit.client.steps import Send

Json = Any
Id = UUID | str


class People(Part[W]):
    """People by any identifier: an address, a telephone number, `kind:value`, or a person's number."""

    @call
    def take(
        self, interactions: Sequence[Mapping[str, Json]], *, source: str = "", verified: Sequence[str] = ()
    ) -> Want[Taken]:
        """Take in what happened, up to 5,000 rows: each event once, so that it is safe to send them again. `verified`: kinds of
        identifiers that the source has checked to be theirs."""
        body = {
            "interactions": [dict(one) for one in interactions],
            "source": source,
            "verified": list(verified),
        }
        return post(Taken.of, "interactions", body=body, harmless=True)

    @call
    def list(self, text: str = "", *, limit: int = 50) -> Want[Several[FoundPerson]]:
        """Those whose name, or one of whose identifiers, begins so; without one those last heard of."""
        return get(each(FoundPerson, "people"), "people", text=text, limit=limit)

    @call
    def get(self, person: str) -> Want[KnownPerson]:
        """Who they are and why, and what everything heard of them comes to."""
        return get(KnownPerson.of, "people", person)

    @call
    def interactions(
        self, person: str, *, before: datetime | None = None, limit: int = 50
    ) -> Want[Several[Interaction]]:
        """What happened, the last first."""
        return get(
            each(Interaction, "interactions"), "people", person, "interactions", before=before, limit=limit
        )

    @call
    def next(self, person: str, *, playbook: str = "") -> Want[Several[Decision]]:
        """What would be done for them now, and what is ruled out by which rule; the version that counts comes first."""
        return get(each(Decision, "decisions"), "people", person, "next", playbook=playbook)

    @call
    def decide(self, person: str, playbook: str) -> Want[Several[Decision]]:
        """Decide for them: it is kept, and done where the version acts. Empty: a choice holds for them."""
        return post(each(Decision, "decisions"), "people", person, "decisions", body={"playbook": playbook})

    @call
    def decisions(
        self, person: str, *, before: int | None = None, limit: int = 50
    ) -> Want[Several[Decision]]:
        """What was decided for them, the last first."""
        return get(each(Decision, "decisions"), "people", person, "decisions", before=before, limit=limit)

    @call
    def doubtful(self, *, limit: int = 50) -> Want[Several[Doubt]]:
        """Pairs of which only people can say whether they are one person."""
        return get(each(Doubt, "doubtful"), "people", "doubtful", limit=limit)

    @call
    def same(self, a: str, b: str) -> Want[KnownPerson]:
        """Say that these two are one person; a link that can be withdrawn."""
        return post(KnownPerson.of, "people", "same", body={"a": a, "b": b}, harmless=True)

    @call
    def apart(self, a: str, b: str) -> Want[KnownPerson]:
        """Say that these two are two people; the first is answered."""
        return post(KnownPerson.of, "people", "apart", body={"a": a, "b": b}, harmless=True)

    @call
    def withdraw(self, number: int) -> Want[None]:
        """Let a link count for nothing: whom it alone joined are two again."""
        return post(none, "people", "links", number, "withdraw")

    @call
    def restore(self, number: int) -> Want[None]:
        """Let a link that was withdrawn count again."""
        return post(none, "people", "links", number, "restore")

    @call
    def rejected(self, *, after: int = 0, limit: int = 100) -> Want[Several[Rejected]]:
        """Rows that were set aside, the oldest first."""
        return get(each(Rejected, "rejected"), "interactions", "rejected", after=after, limit=limit)

    @call
    def mend(self, number: int, row: Mapping[str, Json]) -> Want[None]:
        """Take in a row that was set aside, as it should have been."""
        path = way("interactions", "rejected", number)
        return Want(Send("PUT", path, {}, given({"row": dict(row)}), harmless=True), none)

    @call
    def drop(self, number: int) -> Want[None]:
        """Let a row go that was set aside."""
        return Want(Send("DELETE", way("interactions", "rejected", number), {}, harmless=True), none)

    @call
    def export(self, person: str) -> Held:
        """All that is held of them, as the bytes of a ZIP; its `index.json` says what is what."""
        return Held(Send("GET", way("people", person, "export"), harmless=True))

    @call
    def foresee_erasure(self, person: str) -> Want[ErasureForeseen]:
        """What erasing them would come to now. Nothing is changed."""
        return get(ErasureForeseen.of, "people", person, "erasure")

    @call
    def erase(self, person: str, *, because: str, called: str, never_again: bool = False) -> Want[Erasure]:
        """Erase them everywhere, for good. `because` stands in the receipt; `called`: their name, so that it is meant. Where a run for
        them has to end first, `why` says so, and a worker goes on."""
        body = {"because": because, "called": called, "never_again": never_again}
        return post(Erasure.of, "people", person, "erasure", body=body)

    @call
    def erasures(self) -> Want[Several[Erasure]]:
        """Who asked for what to be erased, the latest first."""
        return get(each(Erasure, "erasures"), "erasures")

    @call
    def erasure(self, erasure: Id) -> Want[Erasure]:
        """How far one is; once it is done, with its receipt."""
        return get(Erasure.of, "erasures", erasure)
