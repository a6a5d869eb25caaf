"""What begins runs without a person at a keyboard."""

from __future__ import annotations

from typing import Any

from remit.client.parts import Pages, Part, Several, W, Want, call, each, get, pages, post, stream
from remit.client.results import Firing, Refusal, Trigger
from remit.client.runs import Id


class Triggers(Part[W]):
    """Of published agents: when they begin runs, and what became of what they heard. Each is named by its agent and its name."""

    @call
    def get(self, agent: str, name: str) -> Want[Trigger]:
        """As it stands, with its next times and what it heard last."""
        return get(Trigger.of, "triggers", agent, name)

    @call
    def pause(self, agent: str, name: str) -> Want[Trigger]:
        """It begins nothing until it is resumed."""
        return post(Trigger.of, "triggers", agent, name, "pause", harmless=True)

    @call
    def resume(self, agent: str, name: str) -> Want[Trigger]:
        """From now on; times that went by are not made up for."""
        return post(Trigger.of, "triggers", agent, name, "resume", harmless=True)

    @call
    def fire(self, agent: str, name: str, body: Any = None, *, run: Id | None = None) -> Want[Firing]:
        """As if its time had come, `body` had been delivered, or `run` of the agent that it follows had just ended; None: the
        last one."""
        more = {"body": body, "run": None if run is None else str(run)}
        return post(Firing.of, "triggers", agent, name, "fire", body=more)

    @call
    def secret(self, agent: str, name: str) -> Want[str]:
        """A new one, shown this once; for a day the one before is taken too."""
        return post(lambda found: str(found["secret"]), "triggers", agent, name, "secret")

    @stream
    def firings(self, agent: str, name: str, *, page: int = 100) -> Pages[Firing]:
        """What it heard in the last 30 days, the newest first."""
        return pages(Firing.of, "firings", "triggers", agent, name, "firings", limit=page)

    @call
    def refused(self, agent: str, name: str) -> Want[Several[Refusal]]:
        """The last deliveries that were not taken."""
        return get(each(Refusal, "refused"), "triggers", agent, name, "firings", limit=1)

    @call
    def list(self, agent: str = "") -> Want[Several[Trigger]]:
        """All of them, or one agent's."""
        return get(each(Trigger, "triggers"), "triggers", agent=agent)
