"""Playbooks and rules of contact as forms and as YAML: each says what the other does, and a mistake stands at its field."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from remit.app import App
from remit.console.pages.playbook_edit import ACTIONS, BOOK, GOALS, OF_BOOK, goals_of, lay_goals
from remit.console.sheets import filled, lay, mistakes, typed
from remit.decisions.kept import save, version_of
from remit.decisions.standing import rules_of
from remit.playbook import playbook_of
from tests.console.conftest import SignIn
from tests.console.test_inbox import words
from tests.decisions.weeks import WINBACK

FIELD = re.compile(r'<(?:input|textarea)[^>]*name="([^"]+)"[^>]*?(?:value="([^"]*)"[^>]*)?>')
AREA = re.compile(r'<textarea name="([^"]+)"[^>]*>\n(.*?)</textarea>', re.S)
SELECT = re.compile(r'<select name="([^"]+)".*?</select>', re.S)


def form_of(page: str) -> dict[str, str]:
    """What a browser would send back of the form, were nothing changed."""
    inside = page.partition('class="sheets"')[2].partition("</form>")[0]
    form = {name: html.unescape(value or "") for name, value in FIELD.findall(inside)}
    form |= {name: html.unescape(value) for name, value in AREA.findall(inside)}
    for found in SELECT.finditer(inside):
        chosen = re.search(r"<option selected>([^<]*)", found[0]) or re.search(r"<option>([^<]*)", found[0])
        form[found[1]] = chosen[1] if chosen else ""
    return form


async def kept(app: App) -> None:
    await save(app.store, "winback", WINBACK, playbook_of(WINBACK), "", "ann")


async def test_a_playbook_that_is_sent_back_as_it_was_says_the_same(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    form = form_of((await browser.get("/decisions/winback/edit")).text)
    assert form["actions.0.name"] == "pricing-mail"
    assert (form["goals.0.goal"], form["goals.0.currency"]) == ("revenue", "EUR")
    assert (await browser.post("/decisions/edit", data=form | {"do": "save"})).headers[
        "location"
    ] == "/decisions/winback"
    assert (await version_of(app.store, "winback")).book == playbook_of(WINBACK)


async def test_an_action_is_changed_added_and_taken_away_in_a_form(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    form = form_of((await browser.get("/decisions/winback/edit")).text)
    form |= {
        "actions.0.cost": "0.05",
        "actions.1.name": "",
        "actions.3.name": "sms",
        "actions.3.does": "send",
        "actions.3.channel": "sms",
    }
    form |= {"goals.1.goal": "loyalty", "goals.1.kind": "login", "goals.1.weight": "2", "note": "no calls"}
    assert (await browser.post("/decisions/edit", data=form | {"do": "save"})).status_code == 303
    new = await version_of(app.store, "winback")
    assert [one.name for one in new.book.actions] == ["pricing-mail", "nothing", "sms"]
    assert new.book.actions[0].cost == 0.05
    assert new.book.actions[0].cool_down == 14
    assert new.book.goals["loyalty"].weight == 2
    assert (new.stage, new.note, new.book.holdout) == ("shadow", "no calls", 0.1)


async def test_templates_and_what_they_go_by_are_edited_in_a_form_which_says_what_they_will_cost(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    form = form_of((await browser.get("/decisions/winback/edit")).text)
    form |= {
        "actions.3.name": "text", "actions.3.does": "send", "actions.3.channel": "sms", "actions.3.what": "short",
        "templates.0.name": "short", "templates.0.text": "Hello {first_name|you},\r\n\r\nour “prices” are new and here: have a look.",
        "through.0.channel": "sms", "through.0.connection": "line",
    }  # fmt: skip
    checked = await browser.post("/decisions/edit", data=form | {"do": "check"})
    assert "charged as 2 messages, as '“' is not in the alphabet of SMS" in words(checked)
    assert (await browser.post("/decisions/edit", data=form | {"do": "save"})).status_code == 303
    book = (await version_of(app.store, "winback")).book
    assert book.templates["short"].text.startswith("Hello {first_name|you},\n\nour")
    assert book.through == {"sms": "line"}
    again = form_of((await browser.get("/decisions/winback/edit")).text)
    assert again["templates.0.text"] == book.templates["short"].text
    assert "charged as 2 messages" in words(await browser.get("/decisions/winback"))
    wrong = again | {"templates.0.approved": "spring", "through.0.channel": "", "do": "save"}
    answer = await browser.post("/decisions/edit", data=wrong)
    assert answer.status_code == 422
    assert re.search(r'name="templates.0.approved"[^>]*aria-invalid="true"', answer.text)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"actions.0.cost": "cheap"}, "actions.0.cost"), ({"actions.1.channel": ""}, "actions.1.name"),
        ({"actions.1.capacity.count": "-1"}, "actions.1.capacity.count"), ({"caps.0.days": ""}, "caps.0.days"),
        ({"quiet.0.start": "late", "quiet.0.end": "08:00"}, "quiet.0.start"), ({"at.holdout": "0.9"}, "at.holdout"),
    ],
)  # fmt: skip
async def test_a_mistake_stands_at_its_field_and_nothing_is_saved(
    app: App, browser: httpx.AsyncClient, change: dict[str, str], at: str
) -> None:
    await kept(app)
    form = form_of((await browser.get("/decisions/winback/edit")).text) | change
    answer = await browser.post("/decisions/edit", data=form | {"do": "save"})
    assert answer.status_code == 422
    assert re.search(rf'name="{re.escape(at)}"[^>]*aria-invalid="true"', answer.text)
    assert (await version_of(app.store, "winback")).version == 1


async def test_a_form_is_turned_to_yaml_and_back_and_a_mistake_there_has_its_line(
    app: App, browser: httpx.AsyncClient
) -> None:
    await kept(app)
    form = form_of((await browser.get("/decisions/winback/edit")).text) | {
        "actions.0.cost": "0.07",
        "do": "turn",
    }
    page = (await browser.post("/decisions/edit", data=form)).text
    text = html.unescape(page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
    assert playbook_of(text).actions[0].cost == 0.07
    sent = {"name": "winback", "as": "text", "text": text, "do": "turn"}
    assert 'value="0.07"' in (await browser.post("/decisions/edit", data=sent)).text
    wrong = await browser.post(
        "/decisions/edit", data=sent | {"text": "actions:\n  - {name: a, does: fly}\n", "do": "save"}
    )
    assert (wrong.status_code, "line:2" in words(wrong)) == (422, True)
    assert "fly" in wrong.text


async def test_rules_of_contact_are_set_in_versions_and_not_over_somebody_elses(
    app: App, browser: httpx.AsyncClient
) -> None:
    form = form_of((await browser.get("/decisions/rules")).text)
    form |= {
        "caps.0.name": "week",
        "caps.0.count": "2",
        "caps.0.days": "7",
        "caps.0.channels": "email, sms",
        "at.zone": "Europe/Berlin",
    }
    assert (
        await browser.post("/decisions/rules", data=form | {"do": "save", "note": "not too often"})
    ).status_code == 303
    (cap,) = (await rules_of(app.store)).caps
    assert (cap.count, cap.channels) == (2, ("email", "sms"))
    late = await browser.post("/decisions/rules", data=form | {"do": "save"})
    assert (late.status_code, "meanwhile" in words(late)) == (422, True)
    assert "not too often" in words(await browser.get("/decisions/rules"))
    odd = await browser.post("/decisions/rules", data=form | {"at.zone": "Berlin", "do": "check"})
    assert (odd.status_code, "is no time zone" in words(odd)) == (422, True)


async def test_who_builds_nothing_has_no_editor(app: App, browser_of: SignIn) -> None:
    await kept(app)
    bo = await browser_of("bo", "operator")
    assert (await bo.get("/decisions/winback/edit")).status_code == 403
    assert "Change it" not in (await bo.get("/decisions/winback")).text


def test_what_a_form_has_no_field_for_stays_as_it_was() -> None:
    data = {
        "actions": [{"name": "a", "does": "start", "what": "x", "tell": "be kind"}],
        "guardrails": [],
        "goals": {"g": 2},
    }
    lay(data, typed({"actions.0.name": "a", "actions.0.does": "start", "actions.0.what": "y"}, ACTIONS))
    assert data["actions"] == [{"name": "a", "does": "start", "what": "y", "tell": "be kind"}]
    lay_goals(data, filled({}, GOALS).__class__(GOALS, goals_of(data)))
    assert data["goals"] == {"g": {"weight": 2}}
    assert mistakes(BOOK.model, data, OF_BOOK) == {}
