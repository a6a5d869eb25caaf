"""Models that are on their way: the local model's weights are fetched the first time, which takes minutes. Whoever waits is told
how far it is and how long it may go on yet, and can stop it; what is there already is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from remit.models.model import Model

SOON = 1.0  # seconds that somebody waits before they are told why
SURE = 2.0  # seconds of fetching after which its pace says something
Open = Callable[[Callable[[int, int], None]], Awaitable[Model]]


@dataclass
class Arrival:
    """One model. `done` and `total` are bytes; `total` is 0 while nothing is fetched."""

    task: asyncio.Task[Model] = field(init=False)
    done: int = 0
    total: int = 0
    first: tuple[float, int] | None = None  # when, and what was there already

    def heard(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.first = self.first or (time.monotonic(), done)

    @property
    def left(self) -> float | None:
        """Seconds that it likely takes yet; None while nobody can say."""
        if self.first is None:
            return None
        took, came = time.monotonic() - self.first[0], self.done - self.first[1]
        return (self.total - self.done) * took / came if came and took >= SURE else None


@dataclass
class Arrivals:
    """Those of a process, by name; each is fetched once, whoever waits for it."""

    coming: dict[str, Arrival] = field(default_factory=dict)

    async def wait(self, name: str, open_: Open) -> Arrival | None:
        """None once the model is there. Raises what opening it raises."""
        one = self.coming.get(name)
        if one is None:
            one = self.coming[name] = Arrival()
            one.task = asyncio.create_task(_opened(open_, one))
        done, _ = await asyncio.wait({one.task}, timeout=SOON)
        if not done:
            return one
        self.coming.pop(name, None)
        if not one.task.cancelled():  # else somebody stopped it
            one.task.result()
        return None

    async def stop(self, name: str) -> None:
        """What was fetched is kept for the next time."""
        if one := self.coming.pop(name, None):
            one.task.cancel()
            await asyncio.wait({one.task})

    async def close(self) -> None:
        for name in list(self.coming):
            await self.stop(name)


async def _opened(open_: Open, arrival: Arrival) -> Model:
    return await open_(arrival.heard)


def duration(seconds: float) -> str:
    """`about 4 minutes`, as people say it."""
    if seconds < 50:
        return "less than a minute"
    minutes = round(seconds / 60)
    return "about a minute" if minutes <= 1 else f"about {minutes} minutes"
