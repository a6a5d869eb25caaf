"""What a model's tokens cost, in US dollars.

Known prices come from `genai-prices` (data in the wheel, no network). What runs on the user's own machine is
free. An unknown price stays unknown (None): with a budget in money the run stops unless the user sets
REMIT_PRICE_INPUT and REMIT_PRICE_OUTPUT.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from remit.errors import UnknownPrice
from remit.models.model import Model, Price, Usage
from remit.settings import Settings

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

FREE = Price(Decimal(0), Decimal(0))
_OWN = ("local", "scripted", "replay")
_ALIASES = {"openai-chat": "openai", "openai-responses": "openai", "google-cloud": "google", "bedrock": "aws"}


def is_loopback(url: str) -> bool:
    """Whether an http(s) URL names this very machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_free(name: str) -> bool:
    """Whether the model runs on the user's own machine, so that its tokens cost nothing.

    Ollama counts as own, except its `-cloud` tags, which it passes on to a paid service.
    """
    if name.startswith(("http://", "https://")):
        return is_loopback(name)
    provider, _, model = name.partition(":")
    return provider in _OWN or (provider == "ollama" and not model.endswith("-cloud"))


def price_of(name: str, settings: Settings) -> Price | None:
    """The price of `provider:model`, or None where nobody knows it.

    A price in the settings fills in for a model that genai-prices does not know; both halves must be set.
    """
    if is_free(name):
        return FREE
    known = _known(name)
    if known is not None:
        return _price(known)
    return _set_by_user(settings)


def cost_of(name: str, usage: Usage, settings: Settings, *, written: int = 0) -> Decimal | None:
    """US dollars for `usage` of `provider:model`; None where its price is unknown.

    `written`: of the input tokens, those written to a prompt cache, which some providers charge dearer.
    """
    if is_free(name):
        return Decimal(0)
    known = _known(name)
    if known is None:
        price = _set_by_user(settings)
        return None if price is None else price.of(usage.input_tokens, usage.output_tokens)
    from genai_prices import Usage as Counted

    cached = min(max(usage.cached_tokens, 0), usage.input_tokens)
    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=min(max(written, 0), usage.input_tokens - cached),
    )
    return known.calc_price(counted)["total_price"]


def require_price(model: Model) -> Price:
    """The price of a model that a budget in money depends on. Raises UnknownPrice with what to do."""
    if model.price is None:
        raise UnknownPrice(
            f"{model.name}: its price is unknown, so a budget in money cannot hold. Set REMIT_PRICE_INPUT and "
            "REMIT_PRICE_OUTPUT (US dollars a million tokens), or limit tokens or steps instead of money."
        )
    return model.price


def add(one: Usage, other: Usage) -> Usage:
    """Both together; a cost that is unknown in either is unknown in the sum."""
    cost = None if one.cost is None or other.cost is None else one.cost + other.cost
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_tokens + other.cached_tokens,
        cost,
    )


def _set_by_user(settings: Settings) -> Price | None:
    if settings.price_input is None or settings.price_output is None:
        return None
    return Price(settings.price_input, settings.price_output)


def _known(name: str) -> ModelPrice | None:
    """What genai-prices says of `provider:model` today."""
    from genai_prices.data_snapshot import get_snapshot  # 0.2 s: only where a price is asked

    if name.startswith(("http://", "https://")):
        return None  # a server of unknown terms, whatever its models are called
    provider, _, model = name.removeprefix("gateway/").partition(":")
    try:
        _, info = get_snapshot().find_provider_model(
            model, provider=None, provider_id=_ALIASES.get(provider, provider), provider_api_url=None
        )
    except LookupError:
        return None
    price = info.get_prices(datetime.now(UTC))
    return price if price.input_mtok is not None and price.output_mtok is not None else None


def _price(known: ModelPrice) -> Price:
    # genai-prices types these by __getattr__: a Decimal, or a base with tiers from a number of tokens on.
    input_price: Any = known.input_mtok
    output_price: Any = known.output_mtok
    starts = sorted(
        {tier.start for each in (input_price, output_price) for tier in getattr(each, "tiers", ())}
    )
    tiers = tuple((start, _at(input_price, start), _at(output_price, start)) for start in starts)
    return Price(_at(input_price, -1), _at(output_price, -1), tiers)


def _at(price: Any, start: int) -> Decimal:
    """The price once `start` input tokens are passed."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    return Decimal(reached[-1] if reached else price.base)
