"""Agents in the browser: begun, filled in, published, gone back to; what is wrong is said at its field, and nothing is lost."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest

from remit import library
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.find import find_named
from tests.console.conftest import SignIn

EVIL = "<script>alert(1)</script>\u202e"


async def text(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def unmarked(page: str) -> str:
    """Without the marks of words that differ."""
    return re.sub("</?mark>", "", page)


def typed(page: str) -> dict[str, Any]:
    """What a browser would send of the form as it was shown."""
    form = page[page.index('<form id="builder"') : page.index("</form>", page.index('<form id="builder"'))]
    sent: dict[str, Any] = {}

    def put(name: str, value: str) -> None:
        sent.setdefault(html.unescape(name), []).append(html.unescape(value))

    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            put(name[1], value[1] if value else "")
    for name, value in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>([^<]*)</textarea>', form):
        put(name, value)
    for name, options in re.findall(r'<select [^>]*?name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r"<option([^>]*) selected>([^<]*)", options) or re.search(
            r"<option([^>]*)>([^<]*)", options
        )
        assert chosen is not None
        value = re.search(r'value="([^"]*)"', chosen[1])
        put(name, value[1] if value else chosen[2])
    return sent


async def begun(browser: httpx.AsyncClient, name: str = "desk", source: str = "") -> str:
    answer = await browser.post("/agents", data={"name": name, "from": source})
    assert answer.status_code == 303, answer.text
    return await text(browser, answer.headers["location"])


async def saved(browser: httpx.AsyncClient, page: str, **more: Any) -> str:
    """Of the form as it stands, with something else typed."""
    answer = await browser.post("/agents/desk", data={**typed(page), **more})
    assert answer.status_code == 303, answer.text
    return await text(browser, "/agents/desk")


async def test_a_newcomer_builds_and_publishes_an_agent_from_nothing(
    app: App, browser: httpx.AsyncClient
) -> None:
    assert "None of your own yet" in await text(browser, "/agents")
    answer = await browser.post("/agents", data={"name": " Refund Desk", "from": ""})
    assert answer.headers["location"] == "/agents/refund-desk"
    page = await text(browser, "/agents/refund-desk")
    assert "runs nowhere" in page
    sent = typed(page) | {
        "description": ["Pays money back"],
        "instructions": ["Look first.\r\nThen pay."],
        "tools": ["files_read", "http_request"],
        "autonomy": ["act"],
        "money": ["0.50"],
        "check:new:text": ["the customer has an answer"],
        "do": ["publish"],
    }
    answer = await browser.post("/agents/refund-desk", data=sent)
    assert answer.headers["location"] == "/agents/refund-desk/publish"
    page = await text(browser, "/agents/refund-desk/publish")
    for sentence in (
        "+ Is told: Then pay.",
        "+ http_request: a person is asked first.",
        "+ files_read: done alone; it looks.",
        "+ Spends at most $0.50,",
        "+ Is done when the customer has an answer",
    ):
        assert html.escape(sentence) in unmarked(page), sentence
    kept = await store_of.kept(app.store, "refund-desk")
    assert kept.draft is not None
    answer = await browser.post("/agents/refund-desk/publish", data={"base": str(kept.rev), "note": "first"})
    assert answer.status_code == 303
    found = (await find_named(app.store, "refund-desk")).agent
    assert found.instructions == "Look first.\nThen pay.\n"
    assert [(rule.tool, rule.ask) for rule in found.rules] == [("http_request", "true")]
    assert "refund-desk" in await text(browser, "/agents")


@pytest.mark.parametrize("name", ["airline", "assistant", "support"])
async def test_saving_an_agent_as_it_is_shown_changes_not_a_letter(
    app: App, browser: httpx.AsyncClient, name: str
) -> None:
    await begun(browser, name, name)
    before = await store_of.kept(app.store, name)
    answer = await browser.post(f"/agents/{name}", data=typed(await text(browser, f"/agents/{name}")))
    assert answer.status_code == 303
    after = await store_of.kept(app.store, name)
    assert (after.text, after.rev) == (before.text, before.rev)
    published = await work.publish(app, name, "ann", after.rev)
    assert (await find_named(app.store, name)).agent == (
        await work.judged(app, name, library.agents()[name].read_text())
    )[0]
    assert published.version == 1


async def test_what_the_form_has_no_field_for_survives_a_change(app: App, browser: httpx.AsyncClient) -> None:
    await begun(browser)
    own = """\
# by hand
name: desk
tools: [files.*, http_request]  # ours
limits: {tools: {http_request: {rate: 60/m}}}
airlock: {forms: {files_read: {kind: [a, b]}}}
reading: airlock
rules:
  # the first
  - {tool: http_request, ask: "run.untrusted", by: [ann, bo], persons: 2, expires: 2h}
  - {tool: http_request, allow: "true"}
"""
    now = await store_of.kept(app.store, "desk")
    await work.save(app, "desk", own, "ann", now.rev)
    page = await text(browser, "/agents/desk")
    assert "persons: 2" in page
    await saved(browser, page, description="Ours", **{"rule:0:because": "strangers"})
    kept = await store_of.kept(app.store, "desk")
    agent, wrong = await work.judged(app, "desk", kept.text)
    before, _ = await work.judged(app, "desk", own)
    assert agent is not None
    assert before is not None
    assert not wrong
    assert agent == before.model_copy(
        update={
            "description": "Ours",
            "rules": (before.rules[0].model_copy(update={"because": "strangers"}), before.rules[1]),
        }
    )
    for comment in ("# by hand", "# ours", "# the first"):
        assert comment in kept.text


async def test_a_choice_is_the_rules_that_it_says_and_they_are_shown(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await begun(browser)
    now = await store_of.kept(app.store, "desk")
    await work.save(
        app, "desk", "name: desk\ntools: [tests.agents.world]\nremit: {autonomy: act}\n", "ann", now.rev
    )
    page = await text(browser, "/agents/desk")
    page = await saved(browser, page, **{
        "may:charge": "upto", "by:charge": "amount", "most:charge": "50", "above:charge": "ask",
        "may:send": "never", "may:cancel": "alone", "may:look_up": "ask",
    })  # fmt: skip
    found = (await work.judged(app, "desk", (await store_of.kept(app.store, "desk")).text))[0]
    assert found is not None
    told = {(str(rule.tool), rule.allow, rule.ask, rule.deny) for rule in found.rules}
    assert told == {
        ("charge", "args.amount <= 50", None, None),
        ("charge", None, "true", None),
        ("send", None, None, "true"),
        ("cancel", "true", None, None),
        ("look_up", None, "true", None),
    }
    assert "args.amount &lt;= 50" in page
    page = await saved(browser, page, **{"most:charge": "70", "above:charge": "never", "may:look_up": ""})
    found = (await work.judged(app, "desk", (await store_of.kept(app.store, "desk")).text))[0]
    assert found is not None
    assert {rule.allow for rule in found.rules} == {"args.amount <= 70", "true", None}
    assert "look_up" not in {rule.tool for rule in found.rules}
    cel = "- {tool: charge, ask: 'args.amount > 10', because: much}\n- {tool: charge, allow: 'true'}"
    page = await saved(browser, page, **{"cel:charge": cel})
    assert "charge: a person is asked first: much." in page
    answer = await browser.post("/agents/desk", data={**typed(page), "tools": ["cancel"]})
    assert answer.status_code == 422
    assert "matches none of the agent" in answer.text
    drop = dict.fromkeys(re.findall(r'name="(rule:\d+:drop)"', page), "yes")
    assert len(drop) == 2
    await saved(browser, page, tools=["cancel"], **drop)
    agent, _ = await work.judged(app, "desk", (await store_of.kept(app.store, "desk")).text)
    assert agent is not None
    assert ([rule.tool for rule in agent.rules], agent.tools) == (["cancel"], ("tests.agents.world:cancel",))


WRONG = {
    "money": ("lots", "money", "valid"),
    "steps": ("-3", "steps", "greater"),
    "wall": ("soon", "wall", ""),
    "model": ("scripted:/etc/passwd", "model", "offered here"),
    "output": ("{", "output", "is not JSON"),
    "deadline": ("tomorrow", "deadline", ""),
    "limit_starts": ("many", "limit_starts", ""),
    "rule:new:if": ("args.x <", "", ""),
}


@pytest.mark.parametrize("field", WRONG)
async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient, field: str
) -> None:
    value, where, says = WRONG[field]
    page = await begun(browser)
    sent = {**typed(page), field: value, "description": "typed meanwhile", "tools": ["files_read"]}
    answer = await browser.post("/agents/desk", data=sent)
    assert answer.status_code == 422
    if where:
        found = re.search(rf'id="wrong-{where}"[^>]*>([^<]*)', answer.text)
        assert found is not None, answer.text
        assert says in found[1]
    again = typed(answer.text)
    assert again["description"] == ["typed meanwhile"]
    assert again["tools"] == ["files_read"]
    assert value in str(again)
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\n"


async def test_a_rule_that_is_never_reached_is_said_at_its_tool(app: App, browser: httpx.AsyncClient) -> None:
    page = await begun(browser)
    more = {"rule:new:tool": "http_*", "rule:new:then": "deny", "rule:new:if": "true", "tools": ["http_get"]}
    answer = await browser.post("/agents/desk", data={**typed(page), **more, "may:http_get": "ask"})
    assert answer.status_code == 422
    assert "never reached" in re.search(r'id="wrong-may:http_get"[^>]*>([^<]*)', answer.text)[1]  # type: ignore[index]
    answer = await browser.post("/agents/desk", data={**typed(answer.text), "may:http_get": ""})
    assert answer.status_code == 303


async def test_of_two_builders_the_second_sees_what_the_first_did_and_loses_nothing(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    page = await begun(browser)
    bo = await browser_of("bo", "builder")
    theirs = await text(bo, "/agents/desk")
    await saved(browser, page, description="first")
    answer = await bo.post("/agents/desk", data={**typed(theirs), "description": "second"})
    assert answer.status_code == 409
    assert "- description: first" in unmarked(answer.text)
    assert "+ description: second" in unmarked(answer.text)
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\ndescription: first\n"
    base = re.search(r'name="base" value="(\d+)"', answer.text)
    assert base is not None
    over = await bo.post(
        "/agents/desk/yaml", data={"base": base[1], "text": "name: desk\ndescription: second\n"}
    )
    assert over.status_code == 303
    kept = await store_of.kept(app.store, "desk")
    assert (kept.text, kept.drafted_by) == ("name: desk\ndescription: second\n", "bo")


async def test_versions_are_compared_and_gone_back_to(app: App, browser: httpx.AsyncClient) -> None:
    page = await begun(browser)
    for words in ("one", "two"):
        page = await saved(browser, page, description=words)
        kept = await store_of.kept(app.store, "desk")
        await browser.post("/agents/desk/publish", data={"base": str(kept.rev), "note": f"said {words}"})
        page = await text(browser, "/agents/desk")
    listed = await text(browser, "/agents/desk/versions")
    assert listed.index("said two") < listed.index("said one")
    old = await text(browser, "/agents/desk/versions/1")
    assert "Go back to version 1" in old
    assert "- description: two" in unmarked(old)
    kept = await store_of.kept(app.store, "desk")
    stale = await browser.post("/agents/desk/versions/1", data={"base": "1"})
    assert stale.status_code == 400
    assert (await browser.post("/agents/desk/versions/1", data={"base": str(kept.rev)})).status_code == 303
    assert (await find_named(app.store, "desk")).agent.description == "one"
    assert (await browser.get("/agents/desk/versions/9")).status_code in (400, 404)


async def test_an_agent_is_archived_and_taken_back(app: App, browser: httpx.AsyncClient) -> None:
    await begun(browser)
    kept = await store_of.kept(app.store, "desk")
    assert (await browser.post("/agents/desk/archive", data={"base": str(kept.rev)})).headers[
        "location"
    ] == "/agents"
    assert "1 archived agent" in await text(browser, "/agents")
    kept = await store_of.kept(app.store, "desk")
    await browser.post("/agents/desk/restore", data={"base": str(kept.rev)})
    assert (await store_of.kept(app.store, "desk")).archived_at is None


async def test_a_file_is_brought_in_and_exported_as_it_is(app: App, browser: httpx.AsyncClient) -> None:
    own = "# ours\nname: desk\ntools: [files.*]\n"
    answer = await browser.post("/agents", data={"from": "file"}, files={"file": ("desk.yaml", own)})
    assert answer.headers["location"] == "/agents/desk"
    exported = await browser.get("/agents/desk/export")
    assert exported.text == own
    assert exported.headers["content-disposition"] == 'attachment; filename="desk.yaml"'
    for sent in (
        {"from": "file", "text": "name: [x"},
        {"from": "file"},
        {"from": "file", "text": "tools: []"},
    ):
        assert (await browser.post("/agents", data=sent)).status_code == 422
    beyond = await browser.post(
        "/agents", data={"from": "file", "text": "name: x\ntools: [tests.agents.world]\n"}
    )
    assert beyond.status_code == 422
    assert "offered here" in beyond.text
    for name in ("", "1", "---", "desk"):
        answer = await browser.post("/agents", data={"name": name, "from": ""})
        assert answer.status_code == 422, name


async def test_nothing_that_somebody_wrote_is_taken_for_markup(app: App, browser: httpx.AsyncClient) -> None:
    page = await begun(browser)
    more = {
        "description": EVIL, "instructions": EVIL, "watch": EVIL, "guardian": "yes", "tools": ["http_get"],
        "rule:new:tool": "http_get", "rule:new:then": "ask", "rule:new:if": f"args.url == '{EVIL}'", "rule:new:because": EVIL,
        "check:new:text": EVIL, "check:new:name": EVIL,
    }  # fmt: skip
    page = await saved(browser, page, **more)
    kept = await store_of.kept(app.store, "desk")
    publish = await text(browser, "/agents/desk/publish")
    answer = await browser.post("/agents/desk/publish", data={"base": str(kept.rev), "note": EVIL})
    assert answer.status_code == 303
    pages = [page, publish]
    for path in ("/agents", "/agents/desk/yaml", "/agents/desk/versions", "/agents/desk/versions/1"):
        pages.append(await text(browser, path))
    broken = await browser.post(
        "/agents/desk", data={**typed(pages[0]), "base": "1", "money": EVIL, "model": EVIL}
    )
    pages += [broken.text, (await browser.get(f"/agents/{EVIL}")).text]
    for one in pages:
        assert "<script>alert" not in one
        assert "style=" not in one
    for one in (publish, pages[2], pages[4], pages[5]):
        outside = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", one, flags=re.DOTALL)
        assert "\u202e" not in outside


async def test_who_may_not_build_sees_the_form_and_cannot_change_it(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    page = await begun(browser)
    for role in ("operator", "viewer"):
        bo = await browser_of("bo" + role, role)
        seen = await text(bo, "/agents/desk")
        assert "disabled" in seen
        assert "Save draft" not in seen
        for path in (
            "/agents",
            "/agents/desk",
            "/agents/desk/yaml",
            "/agents/desk/publish",
            "/agents/desk/archive",
        ):
            answer = await bo.post(path, data=typed(page))
            assert answer.status_code == 403, path
    assert (await store_of.kept(app.store, "desk")).text == "name: desk\n"
