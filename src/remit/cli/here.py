"""The platform as a command has it: in the hands of the people of one workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from remit import settings
from remit.app import App, open_app
from remit.workspaces import require_workspace


@asynccontextmanager
async def open_here(progress: Callable[..., Any] | None = None) -> AsyncIterator[App]:
    """The App of the workspace that REMIT_WORKSPACE names. Raises UnknownName where there is none of that name."""
    chosen = settings.load()
    async with open_app(chosen, progress=progress) as root:
        await require_workspace(root.store, chosen.workspace)
        yield root.within(chosen.workspace)
