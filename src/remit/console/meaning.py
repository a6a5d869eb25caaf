"""What texts mean, for pages that infer intents: the embedder of this process, opened by whoever needs it first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from remit.graph.intents import Embedder
from remit.settings import Settings

SOON = 8.0  # seconds that a page waits for it


async def _open(settings: Settings) -> Embedder:
    from remit.models.embed import open_embedder  # seconds to load, and most servers never need it

    return await open_embedder(settings)


@dataclass
class Meaning:
    """One embedder for all pages. Its weights are fetched the first time, which a page does not wait for."""

    open: Callable[[Settings], Awaitable[Embedder]] = _open
    task: asyncio.Task[Embedder] | None = None

    async def embedder(self, settings: Settings) -> Embedder | None:
        """None while it is on its way. Raises WeightsError, and tries anew the next time."""
        if self.task is None:
            self.task = asyncio.create_task(self._opened(settings))
        done, _ = await asyncio.wait({self.task}, timeout=SOON)
        if not done:
            return None
        if self.task.cancelled() or self.task.exception():
            failed, self.task = self.task, None
            return failed.result()
        return self.task.result()

    async def _opened(self, settings: Settings) -> Embedder:
        return await self.open(settings)

    async def close(self) -> None:
        if self.task and not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task})
