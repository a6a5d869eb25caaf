"""Who is reached, by which rules, and who is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.client.parts import Part, Several, W, Want, call, each, get, none, post, way
from remit.client.results import Contact, ContactRules, Outlook, Suppression
from remit.client.steps import Send

Json = Any


class Contacts(Part[W]):
    """Whoever makes them: all agents, playbooks and colleagues together."""

    @call
    def list(self, *, before: int | None = None, limit: int = 50) -> Want[Several[Contact]]:
        """The last first, before the one of that number."""
        return get(each(Contact, "contacts"), "contacts", before=before, limit=limit)

    @call
    def get(self, person: str) -> Want[Outlook]:
        """Whether somebody may be reached now, by each channel and for each purpose; if not, by which rules."""
        return get(Outlook.of, "contacts", "people", person)

    @call
    def rules(self) -> Want[ContactRules]:
        """Those that hold now."""
        return get(ContactRules.of, "contacts", "rules")

    @call
    def set_rules(
        self, rules: Mapping[str, Json], *, note: str = "", base: int | None = None
    ) -> Want[ContactRules]:
        """In place of those that hold. `base`: the version that was looked at; raises Conflict where another one holds by now."""
        body = {"rules": dict(rules), "note": note, "base": base}
        return Want(Send("PUT", way("contacts", "rules"), {}, body), ContactRules.of)

    @call
    def suppressed(self) -> Want[Several[Suppression]]:
        """Who is left alone, the last first."""
        return get(each(Suppression, "suppressions"), "contacts", "suppressions")

    @call
    def suppress(
        self, who: str, because: str, *, channel: str = "", until: datetime | None = None
    ) -> Want[Suppression]:
        """Leave somebody alone, on a channel or on all, until then or for good."""
        body = {
            "who": who,
            "because": because,
            "channel": channel,
            "until": until.isoformat() if until else None,
        }
        return post(Suppression.of, "contacts", "suppressions", body=body)

    @call
    def lift(self, number: int) -> Want[None]:
        """Let somebody be reached again, as far as the rules do."""
        return Want(Send("DELETE", way("contacts", "suppressions", str(number)), {}, harmless=True), none)
