"""Settings → Models: keys that are only ever written, what they open, and who uses which model."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from remit.access.audit import entries
from remit.app import App
from remit.catalogue.kept import save_draft
from remit.catalogue.work import publish
from remit.models.keys import environment_with, list_keys, set_key, why_default
from remit.models.registry import PROVIDERS
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.workspaces import add_workspace
from tests.console.conftest import SignIn

KEY = "sk-canary-0123456789"
EVIL = "<script>alert(1)</script>\u202e"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment opens nothing, and no server of this machine is asked."""
    for provider in PROVIDERS:
        for name in provider.keys:
            for part in name.split("+"):
                monkeypatch.delenv(part, raising=False)

    async def none(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr("remit.models.registry.find_served", none)


async def keep(browser: httpx.AsyncClient, provider: str = "openai", key: str = KEY) -> httpx.Response:
    return await browser.post("/settings/models/keys", data={"provider": provider, "key": key})


async def used_key(app: App, name: str = "openai:gpt-5") -> str | None:
    """The key with which a model of the workspace would be asked."""
    model: Any = await app.model(name)
    return str(model.model.inner.client.api_key)


async def test_a_key_that_an_owner_sets_opens_its_provider_for_this_workspace_only_and_is_never_shown(
    app: App, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await add_workspace(app.store, "cleo", "acme", "Acme")
    assert (await keep(browser)).status_code == 303
    shown = (await browser.get("/settings/models")).text
    assert "kept, and not shown" in shown
    assert "this workspace has a key of it" in shown
    here, acme = app.within("default"), app.within("acme")
    assert await used_key(here) == KEY
    assert await acme.keys.of("acme") == {}
    opened = app.models
    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        await acme.model("openai:gpt-5")
    assert all("default" in name for name in opened)
    (entry,) = await entries(app.store, what="model_key")
    assert (entry.who, entry.what, entry.about, entry.detail) == ("ann", "model_key.set", "openai", {})
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute("select sealed from model_keys")).fetchone()
    assert row is not None
    assert KEY.encode() not in bytes(row[0])
    everything = shown + caplog.text + str(await list_keys(app.store))
    assert KEY not in everything


async def test_a_key_that_is_replaced_or_removed_is_used_no_more(
    app: App, browser: httpx.AsyncClient
) -> None:
    here = app.within("default")
    await keep(browser)
    assert await used_key(here) == KEY
    await keep(browser, key="sk-another-0123456789")
    assert await used_key(here) == "sk-another-0123456789"
    await browser.post("/settings/models/keys/openai/remove")
    assert await here.keys.of("default") == {}
    assert "None." in (await browser.get("/settings/models")).text


async def test_the_environments_key_comes_first(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(browser)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-machine")
    assert await used_key(app.within("default")) == "sk-of-the-machine"
    assert "the one of the environment is used" in (await browser.get("/settings/models")).text


async def test_what_is_no_key_is_refused_at_its_field_and_not_shown_again(
    app: App, browser: httpx.AsyncClient
) -> None:
    for provider, key, field in (
        ("openai", "short", "key"),
        ("openai", f"{KEY} {EVIL}", "key"),
        (EVIL, KEY, "provider"),
    ):
        answer = await keep(browser, provider, key)
        assert answer.status_code == 422
        assert f'id="wrong-{field}"' in answer.text
        assert "<script>alert(1)" not in answer.text
        assert KEY not in answer.text
    assert await list_keys(app.store) == []


async def test_who_is_no_owner_sees_the_models_and_changes_no_key(app: App, browser_of: SignIn) -> None:
    await set_key(app.store, "openai", KEY, f"ann {EVIL}")
    theirs = await browser_of("bo", "builder")
    shown = (await theirs.get("/settings/models")).text
    assert "Set a key" not in shown
    assert "<script>alert(1)" not in shown
    assert (await keep(theirs)).status_code == 403
    assert (await theirs.post("/settings/models/keys/openai/remove")).status_code == 403
    assert (await theirs.post("/settings/models/test", data={"model": "auto"})).status_code == 403


async def test_a_model_is_tested_and_stands_with_the_agents_that_use_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    app.models["auto"] = ScriptedModel([f"ready {EVIL}"])
    answer = await browser.post("/settings/models/test", data={"model": "auto"})
    assert "Answered in" in answer.text
    assert "<script>alert(1)" not in answer.text
    unknown = await browser.post("/settings/models/test", data={"model": f"x{EVIL}"})
    assert "unknown model" in unknown.text
    assert "<script>alert(1)" not in unknown.text
    await keep(browser)
    kept = await save_draft(
        app.store, "clerk", "name: clerk\nmodel: [openai:gpt-6.1-terra, openai:of-their-own]\n", "ann", None
    )
    await publish(app, "clerk", "ann", kept.rev, "")
    shown = (await browser.get("/settings/models")).text
    row = shown[shown.index('<td class="goal mono">openai:gpt-6.1-terra') :]
    assert 'href="/agents/clerk"' in row[: row.index("</tr>")]
    others = shown[shown.index("not in the lists") :]
    assert "openai:of-their-own" in others[: others.index("</ul>")]


def test_why_a_model_is_chosen_is_said() -> None:
    nothing = Settings(model=None)
    default = next(one.default for one in PROVIDERS if one.name == "openai")  # whose library is always there
    assert why_default(nothing, {"openai": KEY}) == (default, "this workspace has a key of it")
    assert why_default(Settings(model="groq:x"), {"openai": KEY}) == ("groq:x", "REMIT_MODEL")
    assert why_default(nothing, {}) is None
    assert environment_with({"groq": KEY})["GROQ_API_KEY"] == KEY
