"""Trying again, and trying another: what stands between a model and a bad minute of its provider.

`Retrying` asks one model again after what can pass (429, 5xx, timeouts, a broken connection), waiting longer
each time and never less than the provider asked. `Chain` goes on to the next model where one has failed for good.
Waiting and clock are parameters, so that tests need neither.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from remit.errors import ModelError
from remit.models.model import Answer, Model, Price, Request

Stream = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long. Seconds. `patience`: a longer Retry-After than this is not waited for."""

    attempts: int = 4
    first: float = 0.5
    factor: float = 2.0
    longest: float = 20.0
    jitter: float = 0.5  # this share of a delay is random, so that many workers do not come back at once
    patience: float = 60.0


def delay(policy: Backoff, failed: int, error: ModelError, roll: float) -> float | None:
    """Seconds to wait after the `failed`-th failure (from 1), or None: give up. `roll` is in [0, 1)."""
    if not error.retryable or failed >= policy.attempts:
        return None
    asked = error.retry_after
    if asked is not None and asked > policy.patience:
        return None
    # The exponent is capped because a float overflows long before anybody would wait that long.
    full: float = min(policy.longest, policy.first * policy.factor ** min(failed - 1, 60))
    return max(full * (1 - policy.jitter * roll), asked or 0.0)


@dataclass(slots=True)
class _Watched:
    """A stream that knows whether anything went down it."""

    stream: Stream
    used: bool = False

    def __call__(self, piece: str) -> None:
        self.used = True
        self.stream(piece)

    def restart(self) -> None:
        """A new attempt starts over, and its text on a line of its own."""
        if self.used:
            self.stream("\n")
            self.used = False


@dataclass(frozen=True, slots=True)
class Retrying:
    """A model that is asked again after failures that can pass. A stream may see the broken beginning first."""

    model: Model
    policy: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    roll: Callable[[], float] = random.random

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def window(self) -> int:
        return self.model.window

    @property
    def price(self) -> Price | None:
        return self.model.price

    @property
    def small(self) -> bool:
        return self.model.small

    async def request(self, request: Request, stream: Stream | None = None) -> Answer:
        """Ask until answered or `delay` gives up; then the last ModelError, saying how often it was tried."""
        watched = _Watched(stream) if stream else None
        failed = 0
        while True:
            try:
                return await self.model.request(request, watched)
            except ModelError as error:
                failed += 1
                wait = delay(self.policy, failed, error, self.roll())
                if wait is None and failed == 1:
                    raise
                if wait is None:
                    said = f"{error} (tried {failed} times)"
                    raise ModelError(
                        said, retryable=error.retryable, retry_after=error.retry_after
                    ) from error
            if watched:
                watched.restart()
            await self.sleep(wait)


def order(count: int, resting_until: Sequence[float], now: float) -> list[int]:
    """Which models of a chain to ask, in which order: the rested ones first, the resting ones as a last resort."""
    rested = [index for index in range(count) if resting_until[index] <= now]
    resting = [index for index in range(count) if resting_until[index] > now]
    return rested + sorted(resting, key=lambda index: resting_until[index])


def dearest(prices: Sequence[Price | None]) -> Price | None:
    """A price that no model of a chain exceeds at any length; None where one of them is unknown."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices) or not known:
        return None
    starts = sorted({start for price in known for start, _, _ in price.tiers})
    tiers = tuple((start, *_rates(known, start)) for start in starts)
    return Price(*_rates(known, -1), tiers)


def _rates(prices: Sequence[Price], start: int) -> tuple[Decimal, Decimal]:
    inputs, outputs = [], []
    for price in prices:
        reached = [(i, o) for begins, i, o in price.tiers if begins <= start]
        input_rate, output_rate = reached[-1] if reached else (price.input, price.output)
        inputs.append(input_rate)
        outputs.append(output_rate)
    return max(inputs), max(outputs)


@dataclass(slots=True)
class Chain:
    """Several models, the first that answers wins. One that failed rests for `rest` seconds, so that every
    step of a long run does not first wait for a provider that is down."""

    models: Sequence[Model]
    rest: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _resting_until: list[float] = field(init=False)

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("a chain needs a model")
        self._resting_until = [float("-inf")] * len(self.models)

    @property
    def name(self) -> str:
        return ",".join(model.name for model in self.models)

    @property
    def window(self) -> int:
        return min(model.window for model in self.models)

    @property
    def price(self) -> Price | None:
        return dearest([model.price for model in self.models])

    @property
    def small(self) -> bool:
        return any(model.small for model in self.models)

    async def request(self, request: Request, stream: Stream | None = None) -> Answer:
        """Ask one after the other. Raises ModelError with what each of them said, retryable if one was."""
        watched = _Watched(stream) if stream else None
        failures: list[ModelError] = []
        for index in order(len(self.models), self._resting_until, self.clock()):
            model = self.models[index]
            try:
                answer = await model.request(request, watched)
            except ModelError as error:
                failures.append(error)
                self._resting_until[index] = self.clock() + self.rest
                if watched:
                    watched.restart()
            else:
                self._resting_until[index] = float("-inf")
                return answer if answer.model else replace(answer, model=model.name)
        raise ModelError(
            "no model of the chain answered: " + "; ".join(str(error) for error in failures),
            retryable=any(error.retryable for error in failures),
        )
