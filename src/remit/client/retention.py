"""How long ended runs are kept."""

from __future__ import annotations

from remit.client.parts import Part, W, Want, asked_for, call, get, given, none, way
from remit.client.results import Foreseen, Retention, RetentionRule
from remit.client.steps import Send


class Retentions(Part[W]):
    """Of one `agent` or, where none is named, of all that have no rule of their own. Ages as `12h`, `90d`, `6w`, `7y`, since a run
    ended; None: never."""

    @call
    def get(self) -> Want[Retention]:
        """The rules, and what was archived and deleted lately."""
        return get(Retention.of, "retention")

    @call
    def foreseen(
        self, archive_after: str, *, delete_after: str | None = None, agent: str = ""
    ) -> Want[Foreseen]:
        """What a rule would take away, were it applied now. Nothing is changed."""
        ages = {"archive_after": archive_after, "delete_after": delete_after}
        return get(Foreseen.of, "retention", "foreseen", agent=agent, **ages)

    @call
    def set(
        self, *, archive_after: str | None = None, delete_after: str | None = None, agent: str = ""
    ) -> Want[RetentionRule]:
        """In place of what is set; it is first applied an hour later."""
        body = given({"archive_after": archive_after, "delete_after": delete_after})
        return Want(
            Send("PUT", way("retention"), asked_for({"agent": agent}), body, harmless=True), RetentionRule.of
        )

    @call
    def remove(self, *, agent: str = "") -> Want[None]:
        """Runs of the agent are kept as those of all others; without a rule for these, all of them are."""
        return Want(Send("DELETE", way("retention"), asked_for({"agent": agent}), harmless=True), none)
