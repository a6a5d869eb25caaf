"""From a name to the library's own model of it, with the key that it is opened by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic_ai.models import Model as Inner
from pydantic_ai.models import infer_model, known_model_names
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class

from remit.errors import UnknownName, UserError
from remit.settings import Settings


def open_inner(name: str, settings: Settings, keys: Mapping[str, str]) -> Inner[Any]:
    """`keys`: by provider, where the environment has none. Raises UnknownName, UserError, and what the library raises."""
    if name.startswith(("http://", "https://")):
        return _open_endpoint(name, settings)
    if name.startswith("ollama:") and not os.environ.get("OLLAMA_BASE_URL"):
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        provider = OllamaProvider(base_url="http://127.0.0.1:11434/v1")
        return OllamaModel(name.removeprefix("ollama:"), provider=provider)
    if name == "test":  # pydantic-ai's own double, which is no model to work with
        raise UnknownName("model", name, (one for one in known_model_names() if one != "test"))

    def provider_of(called: str) -> Provider[Any]:
        if called not in keys:
            return infer_provider(called)
        made: Any = infer_provider_class(called)
        return cast("Provider[Any]", made(api_key=keys[called]))

    return infer_model(name, provider_of)


def _open_endpoint(name: str, settings: Settings) -> Inner[Any]:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    base, _, model = name.partition("#")
    host = urlsplit(base).netloc
    if not model or not host:
        raise UserError(f"{name}: an endpoint is written http://host:port/v1#model")
    key = settings.endpoint_key.get_secret_value() if settings.endpoint_key else None
    provider = OpenAICompatibleProvider(host, base_url=base, api_key=key)
    return OpenAIChatModel(model, provider=provider)
