"""Playbooks: what may be done for people, in versions, how far each goes, and what it brings."""

from __future__ import annotations

from collections.abc import Sequence

from remit.client.parts import Part, Several, W, Want, call, each, get, post
from remit.client.results import Playbook, Quality, Round


class Playbooks(Part[W]):
    """By name."""

    @call
    def list(self) -> Want[Several[Playbook]]:
        """Of each the newest version, and all that decide."""
        return get(each(Playbook, "playbooks"), "playbooks")

    @call
    def versions(self, name: str) -> Want[Several[Playbook]]:
        """The newest first."""
        return get(each(Playbook, "playbooks"), "playbooks", name)

    @call
    def save(self, name: str, text: str, *, note: str = "") -> Want[Playbook]:
        """A new version, in shadow: it decides and logs, and nothing is done."""
        return post(Playbook.of, "playbooks", name, body={"text": text, "note": note}, harmless=True)

    @call
    def stage(
        self, name: str, version: int, stage: str, *, share: float = 0.0, anyway: str = ""
    ) -> Want[Playbook]:
        """How far a version goes: off, shadow, ramp (for a share of people) or live. `anyway`: why, where it has not shown enough."""
        body = {"stage": stage, "share": share, "anyway": anyway}
        return post(Playbook.of, "playbooks", name, "versions", version, "stage", body=body)

    @call
    def quality(self, name: str, *, version: int | None = None) -> Want[Quality]:
        """What decisions bring, beside people held out and beside other versions."""
        return get(Quality.of, "playbooks", name, "quality", version=version)

    @call
    def run(self, name: str, *, only: Sequence[str] = ()) -> Want[Round]:
        """Have workers decide for everybody, or for those of whom something is known, as `stage=dormant`. A round that was broken off goes on."""
        return post(Round.of, "playbooks", name, "rounds", body={"only": list(only)}, harmless=True)
