"""An agent is tried as its form says it, saved or not: nothing is sent or changed, people are asked where they would be, and the
trace comes as it goes."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from remit import arriving
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.errors import ModelError, WeightsError
from remit.journal.events import Person, Started
from remit.journal.index import list_runs
from remit.models import keys as model_keys
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import agent, call, finish
from tests.console.conftest import SignIn
from tests.console.test_agents import EVIL, begun, text, typed

HX = {"HX-Request": "true"}
SHOP = """\
name: desk
tools: [tests.agents.world]
reflect: false
remit: {{autonomy: {autonomy}}}
rules: [{{tool: send, allow: "true"}}, {{tool: charge, deny: "true", because: "no money"}}]
"""


async def drafted(app: App, browser: httpx.AsyncClient, autonomy: str = "ask") -> str:
    """The page of an agent with tools that act."""
    await begun(browser)
    now = await store_of.kept(app.store, "desk")
    await work.save(app, "desk", SHOP.format(autonomy=autonomy), "ann", now.rev)
    return await text(browser, "/agents/desk")


def scripted(app: App, *turns: Any) -> None:
    app.models["auto"] = ScriptedModel([*turns], by_turn=True)


async def tried(browser: httpx.AsyncClient, page: str, **more: Any) -> httpx.Response:
    sent = {**typed(page), "goal": "write to a@b.example", **more}
    return await browser.post("/agents/desk/try", data=sent, headers=HX)


async def last(app: App) -> UUID:
    return (await list_runs(app.store, limit=1))[0].id


async def test_what_the_form_says_is_tried_unsaved_and_nothing_happens(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser, "act")
    before = (await store_of.kept(app.store, "desk")).text
    scripted(
        app, [call("send", to="a@b.example", text="hi")], [call("charge", amount=5)], [finish("I wrote.")]
    )
    answer = await tried(browser, page, instructions="Be kind.")
    assert answer.status_code == 200, answer.text
    assert 'id="try-run"' in answer.text
    run = await last(app)
    await app.advance(run)
    (first, *_) = await app.journal.read(run)
    assert isinstance(first.body, Started)
    assert (first.body.spec["instructions"], first.body.version) == ("Be kind.", None)
    assert (await store_of.kept(app.store, "desk")).text == before
    assert world.done == []
    shown = await text(browser, f"/agents/desk?try={run}")
    assert "Would have done" in shown
    assert "Was refused" in shown
    assert "no money" in shown
    assert "I wrote." in shown


@pytest.mark.parametrize(
    ("autonomy", "status"), [("ask", "waiting"), ("draft", "cannot verify"), ("act", "cannot verify")]
)
async def test_a_try_asks_and_refuses_as_the_agents_own_rung_would(
    app: App, browser: httpx.AsyncClient, autonomy: str, status: str
) -> None:
    page = await drafted(app, browser, autonomy)
    scripted(app, [call("send", to="a@b.example", text="hi")], [finish()])
    await tried(browser, page)
    run = await last(app)
    state = await app.advance(run)
    assert state.status == status
    acted = [one.acted.status for one in state.calls.values() if one.acted and one.call.tool == "send"]
    assert acted == {"ask": [], "draft": ["denied"], "act": ["simulated"]}[autonomy]


async def test_what_no_rule_speaks_of_is_asked_in_a_try_as_it_would_be(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    scripted(app, [call("cancel", order="W1")], [finish()])
    await tried(browser, page)
    assert (await app.advance(await last(app))).status == "waiting"


async def test_what_a_try_asks_is_answered_beside_it_and_still_nothing_happens(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    page = await drafted(app, browser)
    scripted(app, [call("send", to="a@b.example", text="hi")], [finish("sent")])
    await tried(browser, page)
    run = await last(app)
    await app.advance(run)
    assert "A person would be asked" in await text(browser, f"/agents/desk?try={run}")
    path = f"/agents/desk/tries/{run}/a1.1"
    viewer = await browser_of("vi", "viewer")
    assert (await viewer.post(path, data={"decision": "approve"})).status_code == 403
    assert (await browser.post(path, data={"decision": "maybe"})).status_code == 400
    answer = await browser.post(path, data={"decision": "approve"}, headers=HX)
    assert 'id="try-head"' in answer.text
    state = await app.advance(run)
    assert state.finished is not None
    assert [one.acted.status for one in state.calls.values() if one.acted] == ["simulated", "ok"]
    assert world.done == []
    assert (await browser.post(path, data={"decision": "approve"})).status_code == 303


async def test_what_a_run_in_earnest_asks_is_not_answered_as_if_it_were_a_try(
    app: App, browser: httpx.AsyncClient
) -> None:
    await drafted(app, browser)
    model = ScriptedModel([call("send", to="a@b.example", text="hi")], by_turn=True)
    run = await app.start(agent(name="desk"), "write", person=Person(id="ann"), model=model)
    await app.advance(run)
    answer = await browser.post(f"/agents/desk/tries/{run}/a1.1", data={"decision": "approve"})
    assert answer.status_code == 400
    assert "in the inbox" in answer.text
    other = await app.start(agent(name="other"), "write", person=Person(id="ann"), model=model)
    assert (
        await browser.post(f"/agents/desk/tries/{other}/a1.1", data={"decision": "approve"})
    ).status_code == 400


async def test_the_trace_comes_as_it_goes_and_ends_with_the_run(app: App, browser: httpx.AsyncClient) -> None:
    page = await drafted(app, browser, "act")
    scripted(app, [call("send", to="a@b.example", text="hi")], [finish("I wrote.")])
    answer = await tried(browser, page)
    run = await last(app)
    assert f"/agents/desk/tries/{run}/live?after=1" in answer.text
    await app.advance(run)
    stream = await browser.get(f"/agents/desk/tries/{run}/live?after=1")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "Would have done" in stream.text
    assert stream.text.rstrip().endswith("event: over\ndata:")
    assert 'id="e1"' not in stream.text
    assert f'id="e{(await app.state(run)).seq}"' in stream.text


async def test_a_past_run_is_tried_again_for_whom_it_was(app: App, browser: httpx.AsyncClient) -> None:
    page = await drafted(app, browser, "act")
    scripted(app, [finish()])
    bob = Person(id="bob", email="bob@example.com", verified=True)
    past = await app.start(
        agent(name="desk"),
        "cancel W2",
        person=bob,
        inputs={"shop": 1},
        quoted="theirs",
        model=app.models["auto"],
    )
    page = await text(browser, "/agents/desk")
    assert f'<option value="{past}">cancel W2</option>' in page
    await tried(browser, page, goal="", past=str(past))
    (first, *_) = await app.journal.read(await last(app))
    assert isinstance(first.body, Started)
    told = (first.body.goal, first.body.person, first.body.inputs, first.body.quoted)
    assert told == ("cancel W2", bob, {"shop": 1}, "theirs")
    assert first.body.spec["remit"]["autonomy"] == "shadow"


async def test_what_cannot_be_tried_says_what_to_mend(app: App, browser: httpx.AsyncClient) -> None:
    page = await drafted(app, browser)
    for more, says in (
        ({"goal": ""}, "say what it should do"),
        ({"steps": "0"}, "Mend this first: remit.budget.steps"),
        ({"past": "ffffffff"}, "no run"),
    ):
        answer = await tried(browser, page, **more)
        assert answer.status_code == 422
        assert says in answer.text
        assert "<html" not in answer.text
    bare = await browser.post("/agents/desk/try", data={**typed(page), "goal": "go", "steps": "0"})
    assert bare.status_code == 422
    assert 'id="wrong-steps"' in bare.text


async def test_without_scripts_the_draft_is_saved_before_it_is_tried(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    scripted(app, [finish()])
    answer = await browser.post("/agents/desk/try", data={**typed(page), "goal": "go", "description": "kept"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/agents/desk?try=")
    assert "kept" in (await store_of.kept(app.store, "desk")).text


async def test_a_model_is_asked_whether_it_is_there_and_none_that_is_not_offered(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    scripted(app, "I am ready.", ModelError("the key is wrong"))
    for says in ("I am ready.",):
        answer = await browser.post("/agents/desk/model", data=typed(page), headers=HX)
        assert says in answer.text
    app.models["auto"] = ScriptedModel([ModelError("the key is wrong")])
    assert "the key is wrong" in (await browser.post("/agents/desk/model", data=typed(page), headers=HX)).text
    for name in ("http://169.254.169.254/v1#x", "scripted:/etc/passwd"):
        answer = await browser.post("/agents/desk/model", data={"model": name}, headers=HX)
        assert answer.status_code == 422
        assert "offered here" in answer.text


async def test_while_a_model_is_fetched_a_try_says_how_far_it_is_begins_by_itself_and_can_be_stopped(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, here, opened = await drafted(app, browser), asyncio.Event(), list[Any]()

    async def fetched(name: Any, settings: Any, *, progress: Any, keys: Any) -> ScriptedModel:
        opened.append(name)
        progress(123_000_000, 1_117_320_768)
        await here.wait()
        return ScriptedModel([finish()], by_turn=True)

    monkeypatch.setattr(model_keys, "open_model", fetched)
    monkeypatch.setattr(arriving, "SOON", 0.01)
    first = await tried(browser, page)
    assert "123 MB of 1.1 GB" in first.text
    assert 'hx-trigger="every 2s"' in first.text
    stopped = await tried(browser, page, waits="stop")
    assert "Stopped. What was fetched is kept" in stopped.text
    assert not app.arrivals.coming
    await tried(browser, page)
    looked = await tried(browser, page, waits="look")
    assert "123 MB of 1.1 GB" in looked.text
    assert len(opened) == 2
    here.set()
    await asyncio.wait([one.task for one in app.arrivals.coming.values()])
    ready = await tried(browser, page, waits="look")
    assert 'hx-trigger="load"' in ready.text
    assert await list_runs(app.store) == []
    assert "Open the run" in (await tried(browser, page, waits="")).text


async def test_weights_that_cannot_be_fetched_are_said_where_somebody_waits_for_them(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await drafted(app, browser)

    async def broken(*args: Any, **more: Any) -> ScriptedModel:
        raise WeightsError("the weights could not be fetched: no network")

    monkeypatch.setattr(model_keys, "open_model", broken)
    assert "no network" in (await tried(browser, page)).text
    assert not app.arrivals.coming


def test_how_long_it_goes_on_is_said_once_its_pace_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0])
    monkeypatch.setattr(arriving.time, "monotonic", lambda: next(clock))
    one = arriving.Arrival()
    assert one.left is None
    one.heard(100, 1_000)
    one.heard(400, 1_000)
    assert one.left is None  # too early
    assert one.left == 20.0
    assert [arriving.duration(left) for left in (20, 70, 240)] == [
        "less than a minute", "about a minute", "about 4 minutes",
    ]  # fmt: skip


async def test_nothing_that_a_model_wrote_in_a_try_is_taken_for_markup(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    scripted(
        app,
        [call("send", to="bo@shop.example", text=EVIL), call("send", to=EVIL), call(EVIL, x=EVIL)],
        [finish(EVIL)],
    )
    first = await tried(browser, page, goal=EVIL)
    run = await last(app)
    await app.advance(run)
    pages = [first.text, await text(browser, f"/agents/desk?try={run}")]
    await app.answer(run, "reject", "ann", EVIL)
    await app.advance(run)
    pages += [
        await text(browser, f"/agents/desk?try={run}"),
        (await browser.get(f"/agents/desk/tries/{run}/live")).text,
    ]
    for one in pages:
        assert "<script>alert" not in one
        assert "\u202e" not in one


async def test_a_try_has_the_files_that_are_added_and_those_that_came_with_the_past_run(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    assert 'name="files"' in page
    scripted(app, [finish()])
    fields = {**typed(page), "goal": "sum it"}
    files = [("files", (name, held, "text/csv")) for name, held in (("a.csv", b"1"), ("b.csv", b"2"))]
    assert (await browser.post("/agents/desk/try", data=fields, files=files, headers=HX)).status_code == 200
    past = await last(app)
    runs = app.settings.data_dir / "runs"
    assert {one.name: one.read_bytes() for one in (runs / str(past)).iterdir()} == {
        "a.csv": b"1",
        "b.csv": b"2",
    }
    (runs / str(past) / "made.csv").write_text("by the run")
    (runs / str(past) / "b.csv").unlink()
    (runs / str(past) / "b.csv").symlink_to("/etc/passwd")
    fields = {**typed(page), "goal": "", "past": str(past)}
    more = [("files", ("C.csv", b"3", "text/csv"))]
    assert (await browser.post("/agents/desk/try", data=fields, files=more, headers=HX)).status_code == 200
    new = await last(app)
    assert new != past
    assert {one.name: one.read_bytes() for one in (runs / str(new)).iterdir()} == {
        "a.csv": b"1",
        "C.csv": b"3",
    }


async def test_a_file_that_cannot_be_tried_on_is_said_beside_the_form(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await drafted(app, browser)
    files = [("files", ("../x<script>.csv", b"1", "text/csv"))]
    answer = await browser.post(
        "/agents/desk/try", data={**typed(page), "goal": "sum it"}, files=files, headers=HX
    )
    assert answer.status_code == 422
    assert "is a path" in answer.text
    assert "<script>" not in answer.text
    assert await list_runs(app.store) == []
