"""A fork with something otherwise than the run that it comes from had it, checked before it is made: for the command line, the
API and the console alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from remit.agents.spec import Agent, Rule
from remit.app import App
from remit.catalogue.work import beyond_a_browser
from remit.errors import UnknownPrice, UserError
from remit.journal.branch import begun_by
from remit.models.prices import require_price
from remit.outfit import agent_at, outfit, require_groups

Part = Literal["model", "instructions", "rules"]


@dataclass(frozen=True, slots=True)
class Otherwise:
    """None: as it was. `shadow`: what it would do is only simulated."""

    model: str | None = None
    instructions: str | None = None
    rules: Sequence[Rule] | None = None
    shadow: bool = False

    @property
    def named(self) -> list[Part]:
        """What of the agent is to be different."""
        parts: tuple[Part, ...] = ("model", "instructions", "rules")
        return [part for part in parts if getattr(self, part) is not None]


class Unfit(UserError):
    """A part of it that cannot be had."""

    def __init__(self, part: Part, why: str) -> None:
        super().__init__(why)
        self.part = part


async def fork(
    app: App, run: UUID, at: int | None, otherwise: Otherwise, by: str, browser: bool = False
) -> UUID:
    """As `App.fork`. Raises Unfit for a model that cannot be used, or rules that do not fit the agent's tools. `browser`: it is
    wanted from one, which names no model that is not offered."""
    changes: dict[str, Any] = {}
    if otherwise != Otherwise():
        changes = await _changes(app, await agent_before(app, run, at), otherwise, browser)
    return await app.fork(run, at, changes, by)


async def agent_before(app: App, run: UUID, at: int | None) -> Agent:
    """The agent as it was then. Raises UserError where there is no such run, or no such event."""
    return agent_at((await begun_by(app.store, run, at))[1])


async def _changes(app: App, was: Agent, otherwise: Otherwise, browser: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if otherwise.rules is not None:
        changes["rules"] = tuple(otherwise.rules)
        with _about("rules"):
            agent = was.model_copy(update=changes)
            outfit(agent)
            require_groups(agent, (await app.rules()).groups)
    if otherwise.model is not None:
        with _about("model"):
            changed = was.model_copy(update={"model": otherwise.model})
            for wrong in beyond_a_browser(app, changed, [was]) if browser else ():
                raise UserError(wrong.what)
            model = await app.model(otherwise.model)
            if was.remit.budget.money is not None:
                require_price(model)
        changes["model"] = otherwise.model
    if otherwise.instructions is not None:
        changes["instructions"] = otherwise.instructions
    if otherwise.shadow:
        changes["remit"] = was.remit.model_copy(update={"autonomy": "shadow"})
    return changes


@contextmanager
def _about(part: Part) -> Iterator[None]:
    try:
        yield
    except (UserError, UnknownPrice) as error:
        raise Unfit(part, str(error)) from error
