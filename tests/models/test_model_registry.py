"""Which model a name opens, and which is chosen where none is named."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UnknownName, UserError
from remit.models import registry
from remit.models.model import Message, Request
from remit.models.registry import (
    PROVIDERS,
    Served,
    close_model,
    configured,
    known_models,
    open_model,
    read_served,
)
from remit.models.retry import Chain
from remit.settings import Settings
from tests.models.openai_endpoint import Reply, completion, serving

HELLO = Request("", [Message("user", "hi")])
NOTHING = Settings(model=None)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "id", "x"]), inner),
)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS:
        for key in provider.keys:
            for name in key.split("+"):
                monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_BASE_URL", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def unused_url() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_what_the_user_set_comes_before_any_key() -> None:
    settings = Settings(model="groq:openai/gpt-oss-20b")
    assert configured(settings, {"OPENAI_API_KEY": "k"}) == ("groq:openai/gpt-oss-20b", "REMIT_MODEL")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"OPENAI_API_KEY": "k"}, "openai"),
        ({"ANTHROPIC_API_KEY": "k"}, "anthropic"),
        ({"GEMINI_API_KEY": "k"}, "google"),
        ({"GOOGLE_API_KEY": "k"}, "google"),
        ({"MISTRAL_API_KEY": "k"}, "mistral"),
        ({"GROQ_API_KEY": "k"}, "groq"),
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}, "bedrock"),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic"),
    ],
)
def test_a_key_in_the_environment_chooses_its_provider(environment: dict[str, str], name: str) -> None:
    provider = next(provider for provider in PROVIDERS if provider.name == name)
    if not provider.installed():
        pytest.skip(f"the library of {name} is not installed")
    chosen = configured(NOTHING, environment)
    assert chosen is not None
    assert chosen[0] == provider.default


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": ""}, {"AWS_ACCESS_KEY_ID": "k"}])
def test_no_key_or_half_a_key_chooses_nothing(environment: dict[str, str]) -> None:
    assert configured(NOTHING, environment) is None


def test_a_key_whose_library_is_missing_chooses_nothing_but_is_explained() -> None:
    absent = registry.Provider("mistral", ("MISTRAL_API_KEY",), "no_such.module", "mistral:x")
    assert absent.obstacle({}) == "set MISTRAL_API_KEY"
    assert absent.obstacle({"MISTRAL_API_KEY": "k"}) == "pip install 'remit[mistral]'"


async def test_without_a_key_a_server_on_this_machine_is_taken() -> None:
    listed: list[dict[str, Any]] = [{"id": "nomic-embed-text"}, {"id": "qwen3:8b", "max_model_len": 12345}]
    with serving(Reply(completion("hello")), models=listed) as endpoint:
        model = await open_model("auto", NOTHING, servers=[unused_url(), endpoint.url])
        assert (model.name, model.window, model.small) == (endpoint.name("qwen3:8b"), 12345, True)
        assert (await model.request(HELLO)).text == "hello"


async def test_a_server_that_speaks_something_else_is_passed_over() -> None:
    with serving(models=[]) as empty, serving(models=[{"id": "m"}]) as endpoint:
        found = await registry.find_served([empty.url, endpoint.url])
    assert found == [Served(endpoint.name("m"))]


async def test_with_nothing_else_the_local_model_is_taken_or_its_pip_line_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "_local_installed", lambda: False)
    with pytest.raises(UserError, match=r"ANTHROPIC_API_KEY.*Ollama.*remit\[local\]"):
        await open_model(None, NOTHING, servers=[unused_url()])


@given(json_values)
def test_no_answer_of_a_server_breaks_the_choice(listed: object) -> None:
    assert all(isinstance(model.name, str) for model in read_served("http://127.0.0.1:1234/v1", listed))


def test_the_models_of_ollama_get_ollamas_names() -> None:
    assert read_served(registry.OLLAMA, {"data": [{"id": "qwen3:8b"}]}) == [Served("ollama:qwen3:8b")]


async def test_several_names_are_a_chain_in_their_order(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    script.write_text('["from the script"]')
    model = await open_model(f"{unused_url()}#gone, scripted:{script}", NOTHING)
    assert isinstance(model, Chain)
    assert [part.name.split(":")[0] for part in model.models] == ["http", "scripted"]
    await close_model(model)


async def test_the_configured_chain_is_opened_for_auto(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    script.write_text('[{"calls": [{"tool": "look", "args": {"order": "W1"}}]}, "done"]')
    model = await open_model("auto", Settings(model=f"scripted:{script}"))
    answer = await model.request(HELLO)
    assert [(call.name, dict(call.args)) for call in answer.calls] == [("look", {"order": "W1"})]
    assert (await model.request(HELLO)).text == "done"


@pytest.mark.parametrize("name", ["", "openai:x,,", " , ", []])
async def test_an_empty_name_is_refused(name: str | list[str]) -> None:
    with pytest.raises(UserError, match="a name is empty"):
        await open_model(name, NOTHING)


async def test_auto_inside_a_chain_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(UserError, match="stands alone"):
        await open_model(f"scripted:{tmp_path / 's.json'},auto", NOTHING)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("anthropc:claude-sonnet-5-5", "anthropic:claude-sonnet-5-5"), ("local:qwen2.5-coder-1.5", "local:qwen2.5-coder-1.5b")],
)  # fmt: skip
async def test_an_unknown_name_comes_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName) as caught:
        await open_model(name, NOTHING)
    assert caught.value.nearest == nearest


async def test_all_models_are_listed_with_what_keeps_them_from_being_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with serving(models=[{"id": "m"}]) as endpoint:
        listed = await known_models(Settings(model="openai:gpt-6-luna"), servers=[endpoint.url])
    by_name = {info.name: info for info in listed}
    assert len(by_name) == len(listed)
    assert listed[0].name == "openai:gpt-6-luna"
    assert listed[0].source == "REMIT_MODEL"
    assert by_name["openai:gpt-6.1-terra"].available
    assert by_name["openai:gpt-6.1-terra"].price is not None
    closed = by_name["anthropic:claude-sonnet-5-5"]
    assert (closed.available, closed.why) == (False, "set ANTHROPIC_API_KEY")
    assert by_name[endpoint.name("m")].source == "this machine"
    assert set(registry.LOCAL) <= set(by_name)


def test_importing_the_models_brings_in_no_providers_library() -> None:
    probe = (
        "import sys, json, remit.models.registry, remit.models.generate, remit.testing;"
        "print(json.dumps([m for m in ('pydantic_ai', 'openai', 'httpx', 'genai_prices', 'xllamacpp', 'onnxruntime')"
        " if m in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []
