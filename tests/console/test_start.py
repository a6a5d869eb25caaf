"""A run begun in the browser: once for a form, for whom it is said, with what came with it; what is wrong is said at its field."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from remit.app import App
from remit.catalogue import work
from remit.journal.events import Person, Started
from remit.journal.index import list_runs
from remit.testing import ScriptedModel
from tests.agents.test_loop import finish
from tests.console.conftest import SignIn
from tests.console.test_runs import EVIL, SAFE, text

DESK = "name: desk\ndescription: Pays back.\nmodel: scripted:desk\ntools: [tests.agents.world]\n"


@pytest.fixture
async def desk(app: App) -> str:
    """An agent that was published here."""
    app.models["scripted:desk"] = ScriptedModel([finish()], by_turn=True, name="scripted:desk")
    kept = await work.save(app, "desk", DESK, "ann", None)
    await work.publish(app, "desk", "ann", kept.rev)
    return "desk"


async def typed(browser: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """The form as it is shown, with something typed into it."""
    page = await text(browser, "/runs/new?agent=desk")
    key = re.search(r'name="key" value="([0-9a-f]{32})"', page)
    assert key is not None
    assert '<option value="desk" selected>' in page
    return {"key": key[1], "agent": "desk", "goal": "pay W1 back", "how": "earnest", **more}


async def first(app: App, answer: httpx.Response) -> Started:
    assert answer.status_code == 303, answer.text
    body = (await app.journal.read(UUID(answer.headers["location"].removeprefix("/runs/"))))[0].body
    assert isinstance(body, Started)
    return body


async def test_a_run_begins_of_what_the_form_says_and_its_page_is_live(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    facts = "order: W1\n\namount: 40.5\nphone: 0123\nexpress: true\nnote: a: b"
    answer = await browser.post(
        "/runs/new", data=await typed(browser, inputs=facts, quoted="Dear shop\r\n" + EVIL)
    )
    body = await first(app, answer)
    assert (body.goal, body.agent, body.version) == ("pay W1 back", desk, 1)
    assert body.inputs == {"order": "W1", "amount": 40.5, "phone": "0123", "express": True, "note": "a: b"}
    assert body.quoted == "Dear shop\n" + EVIL
    assert body.person == Person(id="ann", name="ann", verified=True)
    page = await text(browser, answer.headers["location"])
    assert "/live?after=1" in page
    assert SAFE in page
    assert EVIL not in page


async def test_a_form_begins_one_run_however_often_it_is_sent(
    app: App, browser: httpx.AsyncClient, desk: str
) -> None:
    form = await typed(browser)
    answers = [await browser.post("/runs/new", data=form) for _ in range(3)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    other = await browser.post("/runs/new", data={**form, "goal": "pay W2 back"})
    assert other.status_code == 422
    assert "begun a run already" in other.text
    assert f'value="{form["key"]}"' not in other.text
    assert "pay W2 back</textarea>" in other.text
    assert len(await list_runs(app.store, agent=desk)) == 1


@pytest.mark.parametrize(
    ("role", "sure", "verified"),
    [("owner", "1", True), ("owner", "", False), ("operator", "1", False)],
)
async def test_somebody_else_is_verified_only_by_who_may_say_so_and_does(
    app: App, browser_of: SignIn, desk: str, role: str, sure: str, verified: bool
) -> None:
    browser = await browser_of("bo", role)
    assert ('name="sure"' in await text(browser, "/runs/new")) == (role == "owner")
    form = await typed(browser, person="kim@shop.example", sure=sure)
    body = await first(app, await browser.post("/runs/new", data=form))
    assert body.agent == desk
    assert body.person == Person(email="kim@shop.example", verified=verified, by="bo")


async def test_a_run_that_is_only_simulated_says_so(app: App, browser: httpx.AsyncClient, desk: str) -> None:
    answer = await browser.post("/runs/new", data=await typed(browser, how="shadow", person="C1042"))
    body = await first(app, answer)
    assert (body.agent, body.spec["remit"]["autonomy"], body.person.id) == (desk, "shadow", "C1042")


@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"goal": "  "}, "goal", "say what should be reached"),
        ({"agent": ""}, "agent", "choose who should do it"),
        ({"agent": "nobody"}, "agent", "nobody"),
        ({"agent": "../../etc/passwd.yaml"}, "agent", "passwd"),
        ({"inputs": "order: W1\nno fact"}, "inputs", "line 2 is no fact"),
        ({"inputs": "a: 1\na: 2"}, "inputs", "line 2 says a a second time"),
        ({"person": "x\u202ey"}, "person", "nobody sees"),
        ({"key": "short"}, "form", "cut off on its way"),
    ],
    ids=["goal", "agent", "unknown", "file", "fact", "twice", "unseen", "key"],
)
async def test_a_mistake_is_said_at_its_field_and_what_was_typed_stays(
    app: App, browser: httpx.AsyncClient, desk: str, more: dict[str, str], field: str, says: str
) -> None:
    form = await typed(browser, quoted=f"theirs {EVIL}", **more)
    answer = await browser.post("/runs/new", data=form)
    assert answer.status_code == 422
    assert re.search(rf'id="wrong-{field}"[^>]*>[^<]*{says}', answer.text), answer.text
    assert "theirs &lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert await list_runs(app.store, agent=desk) == []


async def test_a_draft_cannot_be_started_and_one_that_runs_says_where(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn, desk: str
) -> None:
    await work.save(app, "sketch", "name: sketch\n", "ann", None)
    start = "/runs/new?agent="
    assert f'href="{start}{desk}"' in await text(browser, f"/agents/{desk}")
    assert start not in await text(browser, "/agents/sketch")
    assert '<option value="sketch"' not in await text(browser, "/runs/new")
    viewer = await browser_of("vi", "viewer")
    for path in ("/", "/runs", f"/agents/{desk}"):
        assert "/runs/new" in await text(browser, path)
        assert "/runs/new" not in await text(viewer, path)
