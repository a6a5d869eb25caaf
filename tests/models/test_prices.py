"""What tokens cost, and what happens where nobody knows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UnknownPrice
from remit.models import prices
from remit.models.model import Price, Usage
from remit.models.registry import PROVIDERS, Provider
from remit.settings import Settings
from remit.testing import ScriptedModel

UNSET = Settings(price_input=None, price_output=None)
SET = Settings(price_input=Decimal(3), price_output=Decimal(7))
MILLION = Usage(1_000_000, 1_000_000)
amounts = st.integers(0, 2_000_000)
usages = st.builds(Usage, amounts, amounts, amounts)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_default_model_has_a_known_price(provider: Provider) -> None:
    price = prices.price_of(provider.default, UNSET)
    assert price is not None
    assert price.input > 0
    assert price.output > 0


def test_a_price_is_the_published_one() -> None:
    assert prices.price_of("anthropic:claude-sonnet-5-5", UNSET) == Price(Decimal(2), Decimal(10))
    assert prices.cost_of("anthropic:claude-sonnet-5-5", MILLION, UNSET) == Decimal(12)


def test_a_long_request_costs_by_its_tier() -> None:
    price = prices.price_of("openai:gpt-6-luna", UNSET)
    assert price is not None
    assert price.of(272_000, 0) == price.input * 272_000 / 1_000_000
    assert price.of(272_001, 0) > 2 * price.input * 272_000 / 1_000_000


def test_cached_tokens_are_cheaper_and_written_ones_dearer() -> None:
    name = "anthropic:claude-sonnet-5-5"
    plain = prices.cost_of(name, Usage(1000, 0), UNSET)
    cached = prices.cost_of(name, Usage(1000, 0, 900), UNSET)
    written = prices.cost_of(name, Usage(1000, 0), UNSET, written=900)
    assert plain is not None
    assert cached is not None
    assert written is not None
    assert cached < plain < written


@pytest.mark.parametrize(
    "name",
    ["local:qwen2.5-coder-1.5b", "ollama:qwen3:8b", "scripted:x.json", "replay:x.jsonl",
     "http://127.0.0.1:8080/v1#m", "http://localhost/v1#m", "http://[::1]:80/v1#m"],
)  # fmt: skip
def test_what_runs_on_this_machine_is_free(name: str) -> None:
    assert prices.price_of(name, SET) == prices.FREE
    assert prices.cost_of(name, MILLION, SET) == 0


@pytest.mark.parametrize(
    "name",
    ["openai:gpt-99", "nobody:x", "https://example.com/v1#gpt-6-luna", "http://127.0.0.1.example.com/v1#m",
     "ollama:qwen3-coder:480b-cloud"],
)  # fmt: skip
def test_an_unknown_price_stays_unknown_unless_the_user_sets_it(name: str) -> None:
    assert prices.price_of(name, UNSET) is None
    assert prices.cost_of(name, MILLION, UNSET) is None
    assert prices.price_of(name, SET) == Price(Decimal(3), Decimal(7))
    assert prices.cost_of(name, MILLION, SET) == Decimal(10)


def test_half_a_price_is_no_price() -> None:
    assert prices.price_of("nobody:x", Settings(price_input=Decimal(3), price_output=None)) is None


def test_a_known_price_is_not_overridden_by_a_set_one() -> None:
    assert prices.price_of("anthropic:claude-sonnet-5-5", SET) == Price(Decimal(2), Decimal(10))


def test_a_budget_in_money_needs_a_price_and_the_error_says_how_to_give_one() -> None:
    with pytest.raises(UnknownPrice, match=r"nobody:x.*REMIT_PRICE_INPUT.*REMIT_PRICE_OUTPUT"):
        prices.require_price(ScriptedModel([], name="nobody:x", price=None))
    assert prices.require_price(ScriptedModel([])) == prices.FREE


@given(usages, st.integers(0, 2_000_000))
def test_any_count_of_tokens_has_a_cost_that_is_not_negative(usage: Usage, written: int) -> None:
    cost = prices.cost_of("openai:gpt-6-luna", usage, UNSET, written=written)
    assert cost is not None
    assert cost >= 0


@given(usages)
def test_the_price_is_the_cost_where_nothing_is_cached(usage: Usage) -> None:
    name = "openai:gpt-6-luna"
    price = prices.price_of(name, UNSET)
    assert price is not None
    uncached = Usage(usage.input_tokens, usage.output_tokens)
    assert prices.cost_of(name, uncached, UNSET) == price.of(usage.input_tokens, usage.output_tokens)


@given(usages, usages)
def test_usages_add_up(one: Usage, other: Usage) -> None:
    both = prices.add(one, other)
    assert both.input_tokens == one.input_tokens + other.input_tokens
    assert both == prices.add(other, one)
    assert prices.add(one, Usage(cost=None)).cost is None
