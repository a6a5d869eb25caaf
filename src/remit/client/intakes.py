"""Where the conversation graph hears of people from other systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.client.parts import Part, Several, W, Want, call, each, get, none, post, way
from remit.client.results import Intake
from remit.client.steps import Send

Json = Any


class Intakes(Part[W]):
    """By name, which is also the source of the rows that come of each."""

    @call
    def list(self) -> Want[Several[Intake]]:
        """By name."""
        return get(each(Intake, "intakes"), "intakes")

    @call
    def get(self, name: str) -> Want[Intake]:
        """How it stands."""
        return get(Intake.of, "intakes", name)

    @call
    def set(self, name: str, intake: Mapping[str, Json]) -> Want[Intake]:
        """In place of the one of that name: `webhook`, or `database` with `query` and `cursor`, and `row`."""
        body = {"intake": dict(intake)}
        return Want(Send("PUT", way("intakes", name), {}, body, harmless=True), Intake.of)

    @call
    def secret(self, name: str, secret: str = "") -> Want[str]:
        """A webhook's new secret, or the one that its sender has given out; shown this once."""
        body = {"secret": secret}
        return post(lambda found: str(found["secret"]), "intakes", name, "secret", body=body)

    @call
    def pause(self, name: str) -> Want[Intake]:
        """Senders are asked to try again later; a database is not read."""
        return post(Intake.of, "intakes", name, "pause", harmless=True)

    @call
    def resume(self, name: str) -> Want[Intake]:
        """A database is read on from where it was."""
        return post(Intake.of, "intakes", name, "resume", harmless=True)

    @call
    def sync(self, name: str) -> Want[Intake]:
        """Have a database read soon."""
        return post(Intake.of, "intakes", name, "sync", harmless=True)

    @call
    def remove(self, name: str) -> Want[None]:
        """What came of it stays."""
        return Want(Send("DELETE", way("intakes", name), harmless=True), none)
