"""The agents at hand, and the drafts and versions of those that are built here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.client.parts import Part, Several, W, Want, call, each, get, post, way
from remit.client.results import Agent, Draft, Version
from remit.client.steps import Send


class Agents(Part[W]):
    """Those at hand, and drafts and versions. Who changes one hands in the draft that they looked at: what somebody else has
    changed meanwhile is not overwritten, it raises Conflict."""

    @call
    def get(self, name: str) -> Want[Agent]:
        """As it runs, with its spec."""
        return get(Agent.of, "agents", name)

    @call
    def draft(self, name: str) -> Want[Draft]:
        """The text that people work on, and what is wrong with it."""
        return get(Draft.of, "agents", name, "draft")

    @call
    def save(self, name: str, text: str | Mapping[str, Any], over: Draft | None = None) -> Want[Draft]:
        """Save a draft, as YAML or as a spec, `over` the one that was looked at; a new one where there is none of that name."""
        body = {"yaml": text} if isinstance(text, str) else {"spec": dict(text)}
        told = _seen(over) if over is not None else {}
        return Want(Send("PUT", way("agents", name, "draft"), body=body, headers=told), Draft.of)

    @call
    def drop(self, draft: Draft) -> Want[Draft]:
        """Go back to what is published."""
        send = Send("DELETE", way("agents", draft.name, "draft"), headers=_seen(draft))
        return Want(send, Draft.of)

    @call
    def publish(self, draft: Draft, note: str = "") -> Want[Version]:
        """Let it run from now on."""
        return post(Version.of, "agents", draft.name, "versions", body={"note": note}, headers=_seen(draft))

    @call
    def roll_back(self, draft: Draft, version: int, note: str = "") -> Want[Version]:
        """Let an old version run again, as a new one."""
        body = {"note": note, "version": version}
        return post(Version.of, "agents", draft.name, "versions", body=body, headers=_seen(draft))

    @call
    def versions(self, name: str) -> Want[Several[Version]]:
        """What was published, by whom and why; the newest first."""
        return get(each(Version, "versions"), "agents", name, "versions")

    @call
    def version(self, name: str, version: int) -> Want[Version]:
        """One with its text."""
        return get(Version.of, "agents", name, "versions", version)

    @call
    def archive(self, draft: Draft) -> Want[Draft]:
        """Take it out of use; runs that it has go on."""
        return post(Draft.of, "agents", draft.name, "archive", headers=_seen(draft))

    @call
    def restore(self, draft: Draft) -> Want[Draft]:
        """Take it back into use."""
        return post(Draft.of, "agents", draft.name, "restore", headers=_seen(draft))

    @call
    def list(self) -> Want[Several[Agent]]:
        """Those that can be run by name: the workspace's that are published, and the library's."""
        return get(each(Agent, "agents"), "agents")


def _seen(draft: Draft) -> dict[str, str]:
    return {"if-match": f'"{draft.rev}"'}
