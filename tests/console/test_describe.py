"""A model proposes an agent from a description: out of what is offered, asked about by default, and kept when a person says so."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest

from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.errors import UserError
from remit.testing import ScriptedModel
from tests.console.test_agents import EVIL, begun, typed

SAID = {
    "description": "Looks prices up",
    "instructions": "1. Read the list.\n2. Answer.",
    "tools": [
        {"tool": "files_read", "may": "alone", "argument": None, "limit": None},
        {"tool": "http_request", "may": "ask", "argument": None, "limit": None},
    ],
    "done_when": "the price is named",
}


async def proposed(
    app: App, browser: httpx.AsyncClient, said: Any = SAID, words: str = "prices, please"
) -> httpx.Response:
    page = await begun(browser)
    app.models["auto"] = ScriptedModel([said])
    return await browser.post("/agents/desk/describe", data={**typed(page), "words": words})


async def test_a_proposal_is_shown_and_kept_only_when_it_is_taken_over(
    app: App, browser: httpx.AsyncClient
) -> None:
    answer = await proposed(app, browser)
    assert answer.status_code == 200, answer.text
    assert "+ http_request: a person is asked first." in answer.text
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\n"
    hidden = dict(re.findall(r'<input type="hidden" name="(base|text)" value="([^"]*)"', answer.text))
    taken = await browser.post(
        "/agents/desk/yaml", data={key: html.unescape(value) for key, value in hidden.items()}
    )
    assert taken.status_code == 303
    kept = await store_of.kept(app.store, "desk")
    agent, wrong = await work.judged(app, "desk", kept.text)
    assert agent is not None
    assert not wrong
    assert (agent.description, agent.remit.autonomy) == ("Looks prices up", "ask")
    assert agent.tools == ("files_read", "http_request")
    assert [(rule.tool, rule.ask) for rule in agent.rules] == [("http_request", "true")]
    assert [check.rubric for check in agent.checks] == ["the price is named"]
    assert kept.version is None


async def test_an_agent_begins_with_a_description(app: App, browser: httpx.AsyncClient) -> None:
    app.models["auto"] = ScriptedModel([SAID])
    answer = await browser.post("/agents", data={"from": "words", "name": "Price desk", "text": "prices"})
    assert "A proposal for price-desk" in answer.text
    assert (await store_of.kept(app.store, "price-desk")).text == "name: price-desk\n"


@pytest.mark.parametrize(
    ("said", "words", "says"),
    [
        ({**SAID, "tools": [{"tool": "rm_rf", "may": "alone", "argument": None, "limit": None}]}, "x", "follow the schema"),
        ({**SAID, "resources": {"x": "$HOME"}}, "x", "follow the schema"),
        ({**SAID, "remit": {"autonomy": "act"}}, "x", "follow the schema"),
        (SAID, " ", "say in a sentence"),
        (SAID, "x" * 5000, "4,000 are the most"),
    ],
)  # fmt: skip
async def test_what_is_not_offered_is_no_proposal(
    app: App, browser: httpx.AsyncClient, said: Any, words: str, says: str
) -> None:
    answer = await proposed(app, browser, said, words)
    assert answer.status_code == 422
    found = re.search(r'id="wrong-words"[^>]*>([^<]*)', answer.text)
    assert found is not None
    assert says in html.unescape(found[1])
    assert words.strip()[:100] in answer.text
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\n"


async def test_a_limit_on_what_has_none_is_a_person(app: App, browser: httpx.AsyncClient) -> None:
    tools = [{"tool": "http_request", "may": "upto", "argument": "url", "limit": 5}]
    answer = await proposed(app, browser, {**SAID, "tools": tools})
    assert "+ http_request: a person is asked first." in answer.text


async def test_without_a_model_it_says_what_to_set(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(name: object) -> None:
        raise UserError("no model to work with. Set a provider's key (ANTHROPIC_API_KEY)")

    page = await begun(browser)
    monkeypatch.setattr(app.within("default"), "model", none)
    answer = await browser.post(
        "/agents/desk/describe", data={**typed(page), "words": "x", "description": "kept"}
    )
    assert answer.status_code == 422
    assert "ANTHROPIC_API_KEY" in answer.text
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\ndescription: kept\n"


async def test_what_a_model_proposes_is_never_taken_for_markup(app: App, browser: httpx.AsyncClient) -> None:
    said = {**SAID, "description": EVIL, "instructions": f"{EVIL}\n{EVIL}", "done_when": EVIL}
    answer = await proposed(app, browser, said, EVIL)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    outside = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", answer.text, flags=re.DOTALL)
    assert "\u202e" not in outside
