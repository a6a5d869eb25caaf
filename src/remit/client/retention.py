"""How long ended runs are kept, and what is known of people."""

from __future__ import annotations

from remit.client.parts import Part, Several, W, Want, asked_for, call, each, get, given, none, way
from remit.client.results import Foreseen, Keeping, Retention, RetentionRule, TakenAway
from remit.client.steps import Send


class Retentions(Part[W]):
    """Of one `agent` or, where none is named, of all that have no rule of their own. Ages as `12h`, `90d`, `6w`, `7y`, since a run
    ended; None: never. What ends in `data` is of what is known of people: interactions, words, people, decisions, contacts, chats, takeovers, aside,
    examples."""

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

    @call
    def data(self) -> Want[Several[Keeping]]:
        """How long what is known of people is kept: what has no rule is kept for ever."""
        return get(each(Keeping, "rules"), "retention", "data")

    @call
    def foreseen_data(self, what: str, lasts: str, *, kind: str = "", channel: str = "") -> Want[TakenAway]:
        """What such a rule would take away, were it applied now. Nothing is changed."""
        asked = {"what": what, "lasts": lasts, "kind": kind, "channel": channel}
        return get(TakenAway.of, "retention", "data", "foreseen", **asked)

    @call
    def set_data(self, what: str, lasts: str | None, *, kind: str = "", channel: str = "") -> Want[Keeping]:
        """In place of what is set; it is first applied an hour later."""
        asked = asked_for({"what": what, "kind": kind, "channel": channel})
        return Want(
            Send("PUT", way("retention", "data"), asked, given({"lasts": lasts}), harmless=True), Keeping.of
        )

    @call
    def remove_data(self, what: str, *, kind: str = "", channel: str = "") -> Want[None]:
        """What it spoke of falls under the next wider rule; without one it is kept for ever."""
        asked = asked_for({"what": what, "kind": kind, "channel": channel})
        return Want(Send("DELETE", way("retention", "data"), asked, harmless=True), none)
