"""The chat of a site: who may begin one, who a visitor is, and that what they write is answered by one run, once."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwk, jwt

from remit.api import chat as doors
from remit.app import App
from remit.chat import kept as chats
from remit.chat.identity import NotSigned, Visitor, visitor_of
from remit.graph.people import find, timeline
from remit.testing import ScriptedModel
from remit.triggered import look
from remit.triggers import firing, kept
from tests.agents.test_loop import call, finish
from tests.triggers.conftest import publish
from tests.triggers.test_schedules import Handed
from tests.webchat.conftest import CHAT, SITE, TRIGGER, answered, begun, said, say, session_of, started

Json = Any


def token(secret: str, **changed: Json) -> str:
    claims = {
        "sub": "C17",
        "email": "Ann@Shop.example",
        "name": "Ann",
        "aud": "desk",
        "exp": int(time.time()) + 600,
    }
    return jwt.encode({"alg": "HS256"}, claims | changed, jwk.OctKey.import_key(secret))


async def test_a_visitor_is_answered_once_and_goes_on_in_the_same_run(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    id = str(uuid4())
    first, second = await say(site, visitor, "Where is my order?", id), await say(site, visitor, "x", id)
    assert (first.status_code, first.json()["id"]) == (202, second.json()["id"])
    after = first.json()["id"]
    state = await answered(
        app, visitor, ("chat_reply", {"text": "Which one?"}), ("chat_wait", {"after": after}),
        ("chat_reply", {"text": "It comes today."}),
    )  # fmt: skip
    begin = await started(app, state.run)
    assert (begin.person.verified, begin.inputs["after"]) == (False, after)
    assert "Where is my order?" in begin.quoted
    assert state.status == "waiting"
    await say(site, visitor, "W1, please")
    assert len(await firing.list_firings(app.store, "desk", "site")) == 1, "the run that waits is woken"
    state = await app.advance(state.run)
    assert state.status in ("met", "cannot verify")
    assert await said(app, visitor) == [
        ("visitor", "Where is my order?"),
        ("agent", "Which one?"),
        ("visitor", "W1, please"),
        ("agent", "It comes today."),
    ]
    waited = state.calls["2.1"].acted
    assert waited is not None
    assert [one["text"] for one in waited.result["messages"]] == ["W1, please"]
    session = await session_of(app, visitor)
    told = await timeline(app.store, await find(app.store, f"device:{session.device}"))
    assert [(one.kind, one.channel, one.direction) for one in told] == [
        ("message", "chat", side) for side in ("out", "in", "out", "in")
    ]


async def test_what_comes_while_a_run_is_at_it_is_read_by_it_or_by_the_next_with_what_was_said(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "One")
    await say(site, visitor, "Two")
    state = await answered(app, visitor, ("chat_reply", {"text": "Both read"}))
    assert "One\nTwo" in (await started(app, state.run)).quoted
    await look(app, Handed())
    found = await firing.list_firings(app.store, "desk", "site")
    assert {one.state for one in found} == {"begun", "skipped"}
    await say(site, visitor, "Three")
    state = await answered(app, visitor, ("chat_reply", {"text": "Read too"}))
    begin = await started(app, state.run)
    assert "Three" in begin.quoted
    assert "What was said in this chat before:\nvisitor: One\nvisitor: Two\nagent: Both read" in begin.quoted


async def test_an_answer_whose_process_died_is_written_once(app: App, site: httpx.AsyncClient) -> None:
    visitor = await begun(site)
    session, run = await session_of(app, visitor), uuid4()
    for _ in range(2):
        await chats.write(app.store, session.id, "agent", "Once", "run:1.1", run)
    assert await said(app, visitor) == [("agent", "Once")]


async def test_a_run_answers_no_chat_but_its_own(app: App, site: httpx.AsyncClient) -> None:
    await publish(app, TRIGGER, name="other", **CHAT)
    visitor = await begun(site)
    await say(site, visitor, "Hello")
    base = str(site.base_url).replace("desk", "other").rstrip("/")
    answer = await site.post(f"{base}/messages", json={"id": str(uuid4()), "text": "x"}, headers=visitor)
    assert answer.status_code == 401
    state = await answered(app, visitor, ("chat_reply", {"text": "Hi", "chat": str(uuid4())}))
    assert await said(app, visitor) == [("visitor", "Hello")]
    assert state.status != "met" or state.calls


async def test_a_run_neither_reads_nor_takes_over_the_chat_of_another_visitor_of_its_agent(
    app: App, site: httpx.AsyncClient
) -> None:
    bo, ann = await begun(site), await begun(site)
    await say(site, bo, "My card is 4111 1111 1111 1111")
    theirs = str((await session_of(app, bo)).id)
    await say(site, ann, "Hello")
    tried = [("chat_read", {}), ("chat_wait", {"after": 0}), ("chat_reply", {"text": "Hi"})]
    await look(app, Handed())
    chat, runs = str((await session_of(app, ann)).id), await firing.list_firings(app.store, "desk", "site")
    inputs = {one.run: (await started(app, one.run)).inputs for one in runs if one.run is not None}
    mine = next(run for run, given in inputs.items() if given["chat"] == chat)
    app.models["auto"] = ScriptedModel(
        [call(name, **{"chat": theirs, **args}) for name, args in tried] + [finish()], by_turn=True
    )
    state = await app.advance(mine)
    results = [one.acted for one in state.calls.values() if one.acted and one.acted.tool.startswith("chat")]
    assert [one.status for one in results] == ["mend", "mend", "denied"]
    assert "the chat that it was begun for" in str(results[0].result)
    assert "4111" not in str([one.result for one in results])
    assert (await session_of(app, bo)).run != mine


async def test_another_site_is_told_that_there_is_nothing(app: App, site: httpx.AsyncClient) -> None:
    visitor = await begun(site)
    await publish(app, TRIGGER | {"chat": ["https://shop.example", "https://two.example"]}, **CHAT)
    hello = {"device": str(uuid4())}
    for origin in ("https://evil.example", "null", ""):
        answer = await site.post("/sessions", json=hello, headers={"origin": origin})
        assert (answer.status_code, answer.json()["detail"]) == (404, doors.NOWHERE)
        assert "access-control-allow-origin" not in answer.headers
        assert (await site.options("/sessions", headers={"origin": origin})).status_code == 404
    stolen = visitor | {"origin": "https://two.example"}
    assert (
        await site.post("/messages", json={"id": str(uuid4()), "text": "x"}, headers=stolen)
    ).status_code == 401
    assert (await site.post("/messages", json={"id": str(uuid4()), "text": "x"})).status_code == 401
    allowed = await site.options("/messages")
    assert (allowed.status_code, "authorization" in allowed.headers["access-control-allow-headers"]) == (
        204,
        True,
    )
    for path in ("/chat/default/nobody/sessions", "/chat/nowhere/desk/sessions"):
        assert (await site.post(f"http://127.0.0.1:7700{path}", json=hello)).status_code == 404


async def test_who_the_site_has_signed_is_verified_and_nobody_else(app: App, site: httpx.AsyncClient) -> None:
    secret = await kept.make_secret(app.store, "desk", "site", "ann")
    visitor = await begun(site, identity=token(secret))
    await say(site, visitor, "Where is W1?")
    state = await answered(app, visitor, ("chat_reply", {"text": "On its way"}))
    begin = await started(app, state.run)
    assert begin.goal == "Answer the visitor.\n\nWhere is W1?"
    assert (begin.person.id, begin.person.email, begin.person.verified) == (
        "user:C17",
        "ann@shop.example",
        True,
    )
    person = await find(app.store, "ann@shop.example")
    assert {one.key for one in person.profiles} >= {"email:ann@shop.example", "user:C17"}
    for wrong in (
        token("another secret, as long as that one is"),
        token(secret, aud="other"),
        token(secret, exp=1),
    ):
        answer = await site.post("/sessions", json={"device": str(uuid4()), "identity": wrong})
        assert (answer.status_code, "identity does not hold" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "changed",
    [{"exp": None}, {"exp": 10**11}, {"aud": ["desk"]}, {"sub": ""}, {"sub": 7}, {"sub": "a\nb"}, {"email": 5}, {"name": "x" * 201}],
)  # fmt: skip
def test_an_identity_says_who_for_whom_and_until_when(changed: dict[str, Json]) -> None:
    secret = "the secret of the chat, which is long enough"
    assert visitor_of(token(secret), [secret], "desk", time.time()).subject == "C17"
    with pytest.raises(NotSigned):
        visitor_of(token(secret, **changed), [secret], "desk", time.time())
    forged = token(secret).split(".")
    with pytest.raises(NotSigned):
        visitor_of(".".join(["eyJhbGciOiJub25lIn0", forged[1], ""]), [secret], "desk", time.time())
    with pytest.raises(NotSigned):
        visitor_of(token(secret), [], "desk", time.time())


async def test_what_is_said_and_how_it_stands_is_told_as_it_happens(
    app: App, site: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "LASTS", 0.01)
    visitor = await begun(site)
    assert (
        'data: {"working": false, "asked": false, "person": false}'
        in (await site.get("/events", headers=visitor)).text
    )
    first = (await say(site, visitor, "Hello")).json()["id"]
    told = (await site.get("/events", headers=visitor)).text
    assert f"id: {first}\nevent: message\ndata: " in told
    assert '"working": true' in told
    await answered(app, visitor, ("chat_reply", {"text": "Hi <b>"}))
    told = (await site.get(f"/events?after={first}", headers=visitor)).text
    said = json.loads(told.split("data: ")[1].split("\n")[0])
    assert (said["by"], said["text"]) == ("agent", "Hi <b>")
    assert '"working": false' in told


async def test_a_person_is_asked_and_the_visitor_sees_that(app: App, site: httpx.AsyncClient) -> None:
    await publish(app, TRIGGER, **CHAT | {"rules": [{"tool": "chat_reply", "ask": "true"}]})
    visitor = await begun(site)
    await say(site, visitor, "May I have my money back?")
    state = await answered(app, visitor, ("chat_reply", {"text": "Yes, all of it"}))
    (ask,) = state.waits
    assert await chats.standing(app.store, (await session_of(app, visitor)).id) == {
        "working": False,
        "asked": True,
        "person": False,
    }
    assert await said(app, visitor) == [("visitor", "May I have my money back?")]
    await app.answer(state.run, "approve", "ann", ask=ask)
    await app.advance(state.run)
    assert (await said(app, visitor))[-1] == ("agent", "Yes, all of it")


async def test_too_much_is_refused_and_pages_count_only_as_they_are_told(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    assert (await say(site, visitor, "x" * 2_001)).status_code == 422
    assert (await say(site, visitor, "  ")).status_code == 422
    answer = await site.post("/sessions", content=b"x" * 20_001)
    assert answer.status_code == 413
    told = [(await say(site, visitor, f"{number}")).status_code for number in range(20)]
    assert told[-1] == 429
    assert told.count(202) >= 10
    view = {"id": str(uuid4()), "page": "https://shop.example/pricing", "title": "Pricing"}
    for _ in range(2):
        assert (await site.post("/views", json=view, headers=visitor)).status_code == 204
    session = await session_of(app, visitor)
    events = await timeline(app.store, await find(app.store, f"device:{session.device}"), limit=200)
    assert [one.properties for one in events if one.kind == "page_view"] == [
        {"page": "https://shop.example/pricing", "title": "Pricing"}
    ]
    statuses = [(await site.post("/sessions", json={"device": str(uuid4())})).status_code for _ in range(10)]
    assert statuses[-1] == 429
    await kept.pause(app.store, "desk", "site", "ann")
    answer = await say(site, await _another(app), "Anybody?")
    assert answer.status_code == 503


async def _another(app: App) -> dict[str, str]:
    """One who has begun before."""
    _, made = await chats.begin(app.store, "desk", "site", SITE["origin"], str(uuid4()), Visitor())
    return {"authorization": f"Bearer {made}"}


async def test_the_widget_is_one_file_that_may_stand_in_any_page(site: httpx.AsyncClient) -> None:
    answer = await site.get("http://127.0.0.1:7700/chat/default/desk.js", headers={"origin": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    for forbidden in ("innerHTML", "eval(", "document.write", ".style.", "http://"):
        assert forbidden not in answer.text
