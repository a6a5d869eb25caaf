"""A real App, and agents published in it that something begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from remit.access.people import arrive
from remit.app import App, open_app
from remit.catalogue import work
from remit.catalogue.kept import find_kept
from remit.catalogue.text import written
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import finish

Publish = Callable[..., Awaitable[int]]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        opened.models["auto"] = ScriptedModel([finish()], by_turn=True)
        yield opened


async def publish(app: App, *triggers: dict[str, Any], name: str = "desk", **more: Any) -> int:
    """A version of an agent that has these triggers; its number."""
    spec = {"name": name, "plan": False, "reflect": False, **more, "triggers": list(triggers)}
    now = await find_kept(app.store, name)
    made = await work.save(app, name, written(spec), "ann", now.rev if now else None)
    return (await work.publish(app, name, "ann", made.rev)).version or 0
