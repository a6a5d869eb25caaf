"""When a model is asked again, how long is waited, and when the next one is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import ModelError, UserError
from remit.models.model import Answer, Message, Model, Price, Request
from remit.models.prices import require_price
from remit.models.provider import open_provider
from remit.models.retry import Backoff, Chain, Retrying, dearest, delay, order
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.models.openai_endpoint import Reply, completion, serving

HELLO = Request("", [Message("user", "hi")])
BUSY = ModelError("busy", retryable=True)
prices = st.builds(
    lambda i, o, tiers: Price(Decimal(i), Decimal(o), tuple((s, Decimal(a), Decimal(b)) for s, a, b in sorted(tiers))),
    st.integers(0, 50),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 50), st.integers(0, 50)), max_size=3, unique_by=lambda t: t[0]),
)  # fmt: skip


class Waits(list[float]):
    """A sleep that only notes how long it should have been."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def retrying(*script: Answer | str | Exception) -> tuple[Retrying, ScriptedModel, Waits]:
    model, waits = ScriptedModel(script), Waits()
    return Retrying(model, sleep=waits, roll=lambda: 0.0), model, waits


async def test_what_passes_is_tried_again_with_growing_waits() -> None:
    model, inner, waits = retrying(BUSY, BUSY, BUSY, "at last")
    assert (await model.request(HELLO)).text == "at last"
    assert waits == [0.5, 1.0, 2.0]
    assert inner.count == 4


async def test_after_the_last_attempt_the_error_says_how_often_it_was_tried() -> None:
    model, inner, _ = retrying(*[BUSY] * 9)
    with pytest.raises(ModelError, match=r"busy \(tried 4 times\)") as caught:
        await model.request(HELLO)
    assert inner.count == 4
    assert caught.value.retryable


async def test_what_does_not_pass_is_not_tried_again() -> None:
    model, inner, waits = retrying(ModelError("wrong key"))
    with pytest.raises(ModelError, match="wrong key"):
        await model.request(HELLO)
    assert (inner.count, list(waits)) == (1, [])


async def test_the_users_mistake_is_not_tried_again() -> None:
    model, inner, _ = retrying(UserError("no images"))
    with pytest.raises(UserError):
        await model.request(HELLO)
    assert inner.count == 1


async def test_the_time_a_provider_asks_for_is_waited() -> None:
    with serving(Reply({}, 429, {"Retry-After": "7"}), Reply(completion("hello"))) as endpoint:
        waits = Waits()
        model = Retrying(open_provider(endpoint.name(), Settings(model_timeout=10)), sleep=waits)
        assert (await model.request(HELLO)).text == "hello"
    assert list(waits) == [7.0]


async def test_a_second_attempt_streams_on_a_line_of_its_own() -> None:
    class Breaking(ScriptedModel):
        async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
            assert stream is not None
            self.count += 1
            stream("hel")
            if self.count == 1:
                raise BUSY
            stream("lo")
            return Answer("hello")

    pieces: list[str] = []
    model = Retrying(Breaking([]), sleep=Waits())
    await model.request(HELLO, pieces.append)
    assert "".join(pieces) == "hel\nhello"


@given(st.integers(1, 500), st.floats(0, 0.999), st.none() | st.floats(0, 100))
def test_no_wait_is_longer_than_allowed_nor_shorter_than_asked(
    failed: int, roll: float, asked: float | None
) -> None:
    policy = Backoff(attempts=400)
    wait = delay(policy, failed, ModelError("x", retryable=True, retry_after=asked), roll)
    if failed >= policy.attempts or (asked or 0) > policy.patience:
        assert wait is None
    else:
        assert wait is not None
        assert (asked or 0) <= wait <= max(policy.longest, policy.patience)


@given(st.integers(1, 10), st.floats(0, 0.999))
def test_without_jitter_a_later_wait_is_never_shorter(failed: int, roll: float) -> None:
    policy = replace(Backoff(attempts=99), jitter=0.0)
    first, second = delay(policy, failed, BUSY, roll), delay(policy, failed + 1, BUSY, roll)
    assert first is not None
    assert second is not None
    assert first <= second


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_chain_goes_on_to_the_next_model_and_says_which_answered() -> None:
    first, second = (
        ScriptedModel([ModelError("no key")], name="a:1"),
        ScriptedModel([Answer("hello")], name="b:2"),
    )
    answer = await Chain([first, second]).request(HELLO)
    assert (answer.text, answer.model) == ("hello", "b:2")


async def test_a_chain_that_fails_says_what_each_model_said() -> None:
    chain = Chain([ScriptedModel([ModelError("no key")]), ScriptedModel([BUSY])])
    with pytest.raises(ModelError, match="no key; busy") as caught:
        await chain.request(HELLO)
    assert caught.value.retryable


async def test_a_model_that_failed_rests_before_it_is_asked_first_again() -> None:
    clock = Clock()
    first, second = ScriptedModel([BUSY, "first"]), ScriptedModel(["second", "second"])
    chain = Chain([first, second], clock=clock)
    assert (await chain.request(HELLO)).text == "second"
    assert (await chain.request(HELLO)).text == "second"
    assert first.count == 1
    clock.now = 61.0
    assert (await chain.request(HELLO)).text == "first"


async def test_a_resting_model_is_still_asked_when_no_other_answers() -> None:
    chain = Chain([ScriptedModel([BUSY, "first"]), ScriptedModel(["second", BUSY])], clock=Clock())
    assert (await chain.request(HELLO)).text == "second"
    assert (await chain.request(HELLO)).text == "first"


async def test_the_users_mistake_ends_a_chain() -> None:
    second = ScriptedModel(["x"])
    with pytest.raises(UserError):
        await Chain([ScriptedModel([UserError("bad schema")]), second]).request(HELLO)
    assert second.count == 0


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.floats(-10, 10))
def test_every_model_has_its_turn_and_rested_ones_come_first(until: list[float], now: float) -> None:
    turns = order(len(until), until, now)
    assert sorted(turns) == list(range(len(until)))
    resting = [until[index] > now for index in turns]
    assert resting == sorted(resting)


def test_a_chain_is_as_narrow_small_and_dear_as_its_weakest_part() -> None:
    cheap = ScriptedModel([], window=1000, price=Price(Decimal(1), Decimal(9)))
    dear = ScriptedModel([], window=9000, price=Price(Decimal(5), Decimal(2)), small=True)
    chain = Chain([cheap, dear])
    assert (chain.window, chain.small, chain.price) == (1000, True, Price(Decimal(5), Decimal(9)))
    unknown = Chain([cheap, ScriptedModel([], price=None)])
    assert unknown.price is None
    with pytest.raises(ModelError, match="REMIT_PRICE_INPUT"):
        require_price(unknown)


@given(st.lists(prices, min_size=1, max_size=3), st.integers(0, 120), st.integers(0, 120))
def test_the_price_of_a_chain_is_never_below_that_of_a_part(
    parts: list[Price], tokens_in: int, tokens_out: int
) -> None:
    together = dearest(parts)
    assert together is not None
    assert together.of(tokens_in, tokens_out) >= max(part.of(tokens_in, tokens_out) for part in parts)


def test_what_wraps_a_model_is_a_model() -> None:
    wrapped: list[Model] = [Retrying(ScriptedModel([])), Chain([ScriptedModel([])])]
    sleep: Callable[[float], Awaitable[None]] = Waits()
    assert [model.name for model in wrapped] == ["scripted:test", "scripted:test"]
    assert callable(sleep)
