"""Policy: the rules for every agent as a page shows them, and as people change them in it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest

from remit.access.audit import entries
from remit.agents.workspace import place_of
from remit.app import App
from remit.console.pages.policy_edit import condition_of, rule_of
from remit.errors import UserError
from remit.rulebook import Changed, Version, checked, mark_of, text_of, versions
from remit.testing import ScriptedModel
from tests.agents.test_loop import ANN, agent, call, finish
from tests.console.test_inbox import EVIL, SAFE, ask, press, words

RULES = """\
# ours
rules:
  - {tool: charge, ask: args.amount > 30, because: finance looks}  # since May
"""
FORM = {
    "tool": "charge", "decision": "deny", "when": "over", "argument": "amount", "most": "30", "condition": "",
    "because": "too much", "by": "", "persons": "1",
}  # fmt: skip


async def save(app: App, text: str, note: str = "", who: str = "ann") -> Version:
    return await app.rulebook.save(app.store, text, note, who, mark_of(await text_of(app.store)))


@pytest.fixture
async def saved(app: App) -> Version:
    return await save(app, RULES)


@pytest.fixture
def file(app: App) -> Path:
    path = place_of(app.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RULES)
    return path


async def edited(who: httpx.AsyncClient, deed: str, **fields: str) -> httpx.Response:
    """Send the editor's form as it stands, with these fields changed."""
    page = (await who.get("/policy/edit")).text
    base = re.search(r'name="base" value="(\w+)"', page)
    assert base is not None
    text = html.unescape(page.partition('wrap="off"')[2].partition(">\n")[2].partition("</textarea>")[0])
    return await who.post("/policy/edit", data={"base": base[1], "text": text, "deed": deed, **fields})


async def test_without_rules_it_says_what_a_rule_would_be_for(browser: httpx.AsyncClient) -> None:
    assert "No rules for every agent" in words(await browser.get("/policy"))


async def test_rules_are_said_in_words_with_their_examples_and_who_is_asked(
    browser: httpx.AsyncClient, file: Path
) -> None:
    file.write_text(RULES + "groups: {finance: [ann, bo]}\n")
    file.with_name("rules.policy.yaml").write_text(
        "examples:\n"
        "  - {name: little, tool: charge, args: {amount: 3}, expect: allow}\n"
        "  - {name: much, tool: charge, args: {amount: 31}, expect: deny}\n"
    )
    said = words(await browser.get("/policy"))
    for part in (
        "ask charge where args.amount > 30", "finance looks", "✓ little: allow", "✗ much: ask expected deny",
        "group:finance ann, bo",
    ):  # fmt: skip
        assert part in said


async def test_what_a_file_says_holds_beside_what_is_saved_and_each_says_where_it_stands(
    app: App, browser: httpx.AsyncClient, file: Path
) -> None:
    await save(app, "rules:\n  - {tool: send, deny: 'true', because: no letters}\n")
    said = words(await browser.get("/policy"))
    assert (
        said.index(f"By the file {file}") < said.index("finance looks") < said.index("As people have saved")
    )
    assert said.index("As people have saved") < said.index("no letters")
    assert [rule.because for rule in (await app.rules()).rules] == ["finance looks", "no letters"]
    page = await browser.get("/policy/edit")
    assert "no letters" in _text_in(page)
    assert "finance looks" not in _text_in(page)


async def test_rules_that_cannot_be_used_are_said_with_what_that_means(
    browser: httpx.AsyncClient, file: Path
) -> None:
    file.write_text("rules: [{tool: charge, ask: args.amount >}]")
    said = words(await browser.get("/policy"))
    assert "no run begins or goes on" in said
    assert f"{file}:1" in said


async def test_a_rule_is_added_by_a_form_and_all_else_in_the_text_stays(
    app: App, browser: httpx.AsyncClient, saved: Version
) -> None:
    page = await edited(browser, "add", **FORM)
    assert "Nothing is saved yet" in words(page)
    assert await text_of(app.store) == RULES
    text = html.unescape(page.text)
    assert "# ours" in text
    assert "# since May" in text
    sent = await edited(browser, "save", text=_text_in(page), note="no large ones")
    assert sent.status_code == 303
    _, rule = (await app.rules()).rules
    assert (rule.tool, rule.deny, rule.because) == (
        "charge",
        "has(args.amount) && args.amount > 30",
        "too much",
    )
    kept, _ = await versions(app.store)
    assert (kept.who, kept.note) == ("ann", "no large ones")
    assert kept.text.startswith("# ours")
    entry, _ = await entries(app.store, what="rules")
    assert (entry.who, entry.what, entry.about) == ("ann", "rules.changed", "rules for every agent")
    assert any(line.startswith("+") and "too much" in line for line in entry.detail["changes"])


def _text_in(page: httpx.Response) -> str:
    return html.unescape(page.text.partition('wrap="off">\n')[2].partition("</textarea>")[0])


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"when": "always"}, {"tool": "charge", "deny": "true", "because": "too much"}),
        ({"when": "unverified", "tool": "*"}, {"tool": "*", "deny": "!person.verified", "because": "too much"}),
        ({"when": "untrusted", "tool": "a, b", "because": ""}, {"tool": ["a", "b"], "deny": "run.untrusted"}),
        (
            {"when": "condition", "condition": "args.x == 1", "decision": "ask", "by": "group:f, ann", "persons": "2"},
            {"tool": "charge", "ask": "args.x == 1", "by": ["group:f", "ann"], "persons": 2, "because": "too much"},
        ),
    ],
)  # fmt: skip
def test_what_a_form_says_is_a_rule(changed: dict[str, str], rule: dict[str, object]) -> None:
    assert rule_of({**FORM, **changed}) == rule


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"tool": " , "}, "for which tool"),
        ({"argument": "a.b || true"}, "which argument"),
        ({"most": "30 || true"}, "over how much"),
        ({"when": "condition"}, "write the condition"),
    ],
)
async def test_a_form_that_says_no_rule_is_told_why_and_keeps_what_was_typed(
    browser: httpx.AsyncClient, saved: Version, changed: dict[str, str], says: str
) -> None:
    page = await edited(browser, "add", **{**FORM, **changed})
    assert page.status_code == 422
    assert says in words(page)
    assert 'value="too much"' in page.text
    assert "# since May" in html.unescape(page.text)


async def test_text_that_cannot_be_meant_is_told_its_line_and_is_not_saved(
    app: App, browser: httpx.AsyncClient, saved: Version
) -> None:
    wrong = RULES + "  - {tool: charge, allow: 'true'}\n"
    for deed in ("check", "simulate", "save"):
        page = await edited(browser, deed, text=wrong)
        assert page.status_code == 422
        assert "only narrows" in words(page)
        assert 'aria-invalid="true"' in page.text
        assert "allow: &#39;true&#39;" in page.text
    assert await versions(app.store) == [saved]


async def test_rules_are_tried_on_past_runs_before_they_hold(app: App, browser: httpx.AsyncClient) -> None:
    model = ScriptedModel([[call("charge", amount=40)], finish()], by_turn=True)
    run = await app.start(agent(), "charge it", person=ANN, model=model)
    await app.advance(run)
    page = await edited(browser, "simulate", text=RULES)
    said = words(page)
    assert "1 call of 1 run: 0 decided the same, 1 otherwise" in said
    assert "charge: allow → ask" in said
    assert "Would be: finance looks" in said
    assert f'href="/runs/{run}"' in page.text
    assert await versions(app.store) == []


async def test_of_two_who_change_the_rules_at_once_the_second_is_told(
    app: App, browser: httpx.AsyncClient, saved: Version
) -> None:
    begun = mark_of(RULES)
    await save(app, "rules: []\n", "none", "bo")
    page = await browser.post("/policy/edit", data={"base": begun, "text": RULES, "deed": "save"})
    assert page.status_code == 409
    assert "changed the rules meanwhile" in words(page)
    assert await text_of(app.store) == "rules: []\n"
    with pytest.raises(Changed):
        await app.rulebook.save(app.store, RULES, "", "ann", begun)
    again = await browser.post(
        "/policy/edit", data={"base": mark_of("rules: []\n"), "text": RULES, "deed": "save"}
    )
    assert again.status_code == 303
    assert await text_of(app.store) == RULES


async def test_an_earlier_version_can_be_begun_from_and_shows_what_changed(
    app: App, browser: httpx.AsyncClient, saved: Version
) -> None:
    second = await save(app, "rules: []\n", "none", "bo")
    shown = await browser.get(f"/policy/versions/{second.id}")
    assert "-  - {tool: charge" in html.unescape(shown.text)
    page = await browser.get("/policy/edit", params={"version_of": saved.id})
    assert _text_in(page) == RULES
    assert f"Back to version {saved.id}" in page.text
    assert (await browser.get("/policy/versions/99")).status_code == 404


async def test_what_cannot_hold_beside_the_file_is_not_saved(
    app: App, browser: httpx.AsyncClient, file: Path
) -> None:
    file.write_text("groups: {finance: [ann]}\n")
    page = await edited(browser, "save", text="groups: {finance: [bo]}\n")
    assert page.status_code == 422
    assert "has others in it" in words(page)
    assert await versions(app.store) == []
    assert await entries(app.store, what="rules") == []
    assert (await edited(browser, "save", text="groups: {finance: [ann], more: [bo]}\n")).status_code == 303
    assert set((await app.rules()).groups) == {"finance", "more"}


def test_a_group_in_which_nobody_is_cannot_be_asked(app: App) -> None:
    with pytest.raises(UserError, match="nobody is in group:f"):
        checked(app.settings, "rules: [{tool: a, ask: 'true', by: ['group:f']}]")


async def test_what_is_remembered_is_asked_again_by_a_click(app: App, browser: httpx.AsyncClient) -> None:
    run = await ask(app, call("charge", amount=40))
    await press(browser, run, path="/remember", same="amount", sure="1")
    page = await browser.get("/policy")
    found = re.search(r'action="(/policy/forget/\d+)"', page.text)
    assert found is not None, words(page)
    assert (await browser.post(found[1])).status_code == 303
    assert "every call that a rule asks about is asked about" in words(await browser.get("/policy"))
    assert [entry.who for entry in await entries(app.store, what="remembered.revoked")] == ["ann"]


async def test_how_people_decide_is_shown(app: App, browser: httpx.AsyncClient) -> None:
    assert "Nobody has decided" in words(await browser.get("/policy/people"))
    run = await ask(app)
    await press(browser, run, decision="approve")
    assert "ann 1 100 %" in words(await browser.get("/policy/people"))


async def test_what_others_wrote_is_text(app: App, browser: httpx.AsyncClient) -> None:
    text = f"rules:\n  - tool: charge\n    deny: args.x == {EVIL!r}\n    because: {EVIL!r}\n"
    sent = await edited(browser, "save", text=text, note=EVIL)
    assert sent.status_code == 303
    (kept,) = await versions(app.store)
    for path in ("/policy", "/policy/edit", f"/policy/versions/{kept.id}"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert SAFE in page or path.endswith("edit")
    page = (await edited(browser, "check", text=text + EVIL)).text
    assert "<script>alert" not in page


def test_no_form_writes_what_is_no_condition_of_its_own() -> None:
    assert condition_of({**FORM, "when": "over"}) == "has(args.amount) && args.amount > 30"
    with pytest.raises(UserError):
        condition_of({**FORM, "argument": "amount\n"})
    with pytest.raises(UserError):
        condition_of({**FORM, "most": "1e9"})
