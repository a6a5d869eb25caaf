"""The inbox: what it shows of what waits, what people do in it, and what becomes of what two of them do at once."""

from __future__ import annotations

import html
import re
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from remit.app import App
from remit.console.asking import key_of
from remit.console.pages import inbox as inbox_page
from remit.console.session import sign_in, sign_out
from remit.console.watch import Watch
from remit.gate.approval import seal
from remit.journal.events import Answered, Asked, Call, Judged, Person, Replied
from remit.remembered import list_remembered
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish
from tests.console.conftest import SignIn

EVIL = "<script>alert(1)</script>\u202etxt.exe"
SAFE = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;txt.exe"
FRAGMENT = {"HX-Request": "true"}


async def ask(app: App, *calls: Any, goal: str = "see to it", person: Person = ANN, **rule: Any) -> UUID:
    """A run that asks about these calls."""
    first = list(calls) or [call("charge", amount=40)]
    model = ScriptedModel([first, finish(), finish()], by_turn=True)
    rules = [{"tool": "*", "ask": "true", "because": "money is looked at", **rule}]
    run = await app.start(agent(rules=rules), goal, person=person, model=model)
    assert (await app.advance(run)).waits
    return run


async def press(
    who: httpx.AsyncClient, run: UUID, ask_id: str = "a1.1", path: str = "", page: str = "", **fields: Any
) -> httpx.Response:
    """Send the form that the inbox has for it, as a browser with JavaScript does."""
    text = page or (await who.get("/inbox")).text
    action = f"/inbox/{run}/{ask_id}{path}"
    form = next(one for one in re.findall(r"<form.*?</form>", text, re.S) if f'action="{action}"' in one)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html.unescape(form)))
    return await who.post(action, data={**hidden, **fields}, headers=FRAGMENT)


def words(response: httpx.Response) -> str:
    """What a reader sees of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", response.text)).split())


async def replies(app: App, run: UUID) -> list[tuple[str, str, str]]:
    bodies = [event.body for event in await app.journal.read(run)]
    return [(one.decision, one.by, one.text) for one in bodies if isinstance(one, Replied)]


async def queued(app: App) -> list[str]:
    async with app.store.pool.connection() as connection:
        found = await connection.execute("select lock from procrastinate_jobs where status = 'todo'")
        return [row[0] for row in await found.fetchall()]


async def test_an_empty_inbox_says_so(browser: httpx.AsyncClient) -> None:
    assert "Nothing waits" in words(await browser.get("/inbox"))


async def test_a_call_is_shown_value_by_value_with_what_vouches_for_each_and_who_asks(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("send", to="a@b.example", text="hi"), goal="write to a customer")
    page = await browser.get("/inbox")
    said = words(page)
    for part in (
        "write to a customer", "send", "to a@b.example", "nothing vouches for a@b.example", "money is looked at",
        "text hi", "expires", "Approve", "Reject…", "Ask no more…",
    ):  # fmt: skip
        assert part in said
    assert f'href="/runs/{run}"' in page.text
    doubted = re.findall(r'<div class="value doubt">\s*<dt>(\w+)</dt>', page.text)
    assert doubted == ["to"]
    assert "Delegate…" not in said, "anybody may decide it"


async def test_what_a_stranger_wrote_is_text_with_its_unseen_characters_spelled_out(
    app: App, browser: httpx.AsyncClient
) -> None:
    person = Person(id="eve", name=EVIL, email=f"{EVIL}@x.example")
    run = await ask(app, call("look_up", order=EVIL), goal=EVIL, person=person)
    state = await app.state(run)
    bodies = [
        Answered(model="m", calls=[Call(id="7.1", tool=EVIL, args={EVIL: EVIL, "deep": {EVIL: [EVIL]}})]),
        Judged(
            call_id="7.1", tool=EVIL, effect="egress", decision="ask", rule=EVIL, reasons=[EVIL],
            evidence={EVIL: "unvouched"}, provenance={EVIL: EVIL}, records={EVIL: EVIL},
        ),
        Asked(ask_id="a7.1", kind="approval", text=EVIL, call_id="7.1", digest="d", by=[EVIL, "ann"]),
        Asked(ask_id="b1", kind="question", text=EVIL),
    ]  # fmt: skip
    await app.journal.append(run, state.seq, bodies)
    pages = [(await browser.get("/inbox")).text]
    pages.append((await press(browser, run, "b1", decision="answer", text=EVIL)).text)
    pages.append((await press(browser, run, "a7.1", path="/delegate", to=EVIL)).text)
    pages.append((await press(browser, run, "a7.1", decision="reject", text=EVIL)).text)
    pages.append((await browser.get("/inbox")).text)
    for text in pages:
        assert "<script>alert" not in text
        assert "\u202e" not in text
    assert pages[0].count(SAFE) >= 9
    assert SAFE in pages[1]


@pytest.mark.parametrize(("decision", "acted"), [("approve", ["charge"]), ("reject", [])])
async def test_a_word_is_recorded_as_that_of_whoever_is_signed_in_and_a_worker_goes_on(
    app: App, browser: httpx.AsyncClient, decision: str, acted: list[str]
) -> None:
    run = await ask(app)
    done = await press(browser, run, decision=decision, text="so be it")
    assert done.status_code == 200
    assert f"You {decision}{'d' if decision == 'approve' else 'ed'} it: so be it" in words(done)
    assert await replies(app, run) == [(decision, "ann", "so be it")]
    assert await queued(app) == [f"run:{run}"]
    await app.advance(run)
    assert [what for what, _ in world.done] == acted
    assert "Nothing waits" in words(await browser.get("/inbox"))


async def test_without_javascript_the_whole_page_says_what_came_of_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app)
    data = {"decision": "approve", "seen": seal((await app.state(run)).waits["a1.1"])}
    page = await browser.post(f"/inbox/{run}/a1.1", data=data)
    assert "charge 40: You approved it." in words(page)
    assert "Nothing waits" in words(page)


async def test_a_question_takes_an_answer_and_neither_a_yes_nor_nothing(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("ask_person", question="Which colour?"))
    page = (await browser.get("/inbox")).text
    assert "Which colour?" in page
    assert 'value="approve"' not in page
    assert "write one" in words(await press(browser, run, "q1.1", decision="answer", text=" "))
    refused = await press(browser, run, "q1.1", decision="approve")
    assert (refused.status_code, "write an answer" in words(refused)) == (409, True)
    assert await replies(app, run) == []
    assert "You answered it: the blue one" in words(
        await press(browser, run, "q1.1", decision="answer", text="the blue one")
    )
    assert await replies(app, run) == [("answer", "ann", "the blue one")]


async def test_what_a_second_person_does_later_is_refused_and_they_see_what_the_first_did(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    carol = await browser_of("carol")
    run = await ask(app)
    before = (await browser.get("/inbox")).text
    await press(carol, run, decision="reject", text="not this week")
    late = await press(browser, run, page=before, decision="approve")
    assert late.status_code == 409
    assert "It was rejected by carol: not this week" in words(late)
    assert await replies(app, run) == [("reject", "carol", "not this week")]


async def test_two_people_must_say_yes_and_the_second_sees_the_first(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    run = await ask(app, persons=2, by=["bo", "carol", "ann"])
    bo, carol, dora = [await browser_of(name) for name in ("bo", "carol", "dora")]
    assert "dora may not decide that; it wants 2 people" in words(await dora.get("/inbox"))
    assert 'value="approve"' not in (await dora.get("/inbox")).text
    assert "the run acts for ann: 2 other people" in words(await browser.get("/inbox"))
    first = words(await press(bo, run, decision="approve", text="checked"))
    assert "Your yes is recorded; it is not enough alone" in first
    assert "1 more person must say yes" in first
    assert "bo has said yes to a1.1 already" in words(await bo.get("/inbox"))
    seen = words(await carol.get("/inbox"))
    assert "✓ bo said yes: checked" in seen
    assert await queued(app) == [f"run:{run}"] or await queued(app) == []
    assert "You approved it" in words(await press(carol, run, decision="approve"))
    assert await replies(app, run) == [("approve", "carol", "")]


async def test_who_may_not_decide_cannot_by_writing_the_form_themselves(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, by=["bo"])
    page = (await browser.get("/inbox")).text
    assert f'action="/inbox/{run}' not in page
    seen = seal((await app.state(run)).waits["a1.1"])
    for path, data in (
        ("", {"decision": "approve"}),
        ("", {"decision": "reject"}),
        ("/remember", {"same": "amount", "sure": "1"}),
        ("/delegate", {"to": "dora"}),
    ):
        refused = await browser.post(
            f"/inbox/{run}/a1.1{path}", data={**data, "seen": seen}, headers=FRAGMENT
        )
        assert refused.status_code == 409
        assert "ann may not decide that; it wants a yes of bo" in words(refused)
    assert await replies(app, run) == []
    assert await list_remembered(app.store) == []


@pytest.mark.parametrize("seen", ["", "0" * 64])
async def test_a_yes_to_another_call_than_the_one_shown_is_none(
    app: App, browser: httpx.AsyncClient, seen: str
) -> None:
    run = await ask(app, call("charge", amount=40), call("charge", amount=50))
    for path, data in (
        ("/a1.1", {"seen": seen}),
        ("/a1.1/remember", {"seen": seen, "sure": "1", "same": "amount"}),
    ):
        data = {"decision": "approve", **data}
        refused = await browser.post(f"/inbox/{run}{path}", data=data, headers=FRAGMENT)
        assert refused.status_code == 409
        assert ("asks for something else by now" if seen else "load it again") in words(refused)
    await browser.post(
        f"/inbox/{run}", data={"decision": "approve", "shown": f"{seen} a1.1"}, headers=FRAGMENT
    )
    assert await replies(app, run) == []
    assert await list_remembered(app.store) == []


async def test_all_calls_that_were_shown_are_decided_and_no_other(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("charge", amount=40), call("charge", amount=50), call("charge", amount=60))
    text = (await browser.get("/inbox")).text
    shown = re.findall(r'name="shown" value="(\w+ a[\d.]+)"', text)
    assert [one.split()[1] for one in shown] == ["a1.1", "a1.2", "a1.3"]
    done = await browser.post(
        f"/inbox/{run}", data={"decision": "approve", "shown": shown[:2]}, headers=FRAGMENT
    )
    assert words(done).count("You approved it") == 2
    assert set((await app.state(run)).waits) == {"a1.3"}
    assert key_of(run, "a1.3") in done.text


async def test_what_cannot_be_taken_back_is_confirmed_first(app: App, browser: httpx.AsyncClient) -> None:
    await ask(app, call("cancel", order="W1"), call("send", to="a@b.example", text="hi"))
    parts = (await browser.get("/inbox")).text.split("<article")
    (final,) = [part for part in parts if "cancel cannot be taken back" in part]
    assert "data-sure" in final
    (other,) = [part for part in parts if "a@b.example" in part and "data-key" in part]
    assert "data-sure" not in other


async def test_what_is_remembered_is_shown_before_and_only_then_done(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await ask(app, call("send", to="A@B.example", text="hi"))
    preview = await press(browser, run, path="/remember", same="to")
    assert "nobody is asked when" in words(preview)
    assert "to = a@b.example in place of the rule" in words(preview)
    assert (await replies(app, run), await list_remembered(app.store)) == ([], [])
    whole = await browser.post(f"/inbox/{run}/a1.1/remember", data={"same": "to"})
    assert "<title>" in whole.text
    assert "Approve, and remember that" in whole.text
    done = await press(browser, run, path="/remember", page=preview.text)
    (kept,) = await list_remembered(app.store)
    assert (kept.words, kept.by) == ("send with to = a@b.example", "ann")
    assert f"asks no more about {kept.words} (remembered {kept.id})" in words(done)
    assert await replies(app, run) == [("approve", "ann", "")]


async def test_an_amount_is_remembered_up_to_what_is_named(app: App, browser: httpx.AsyncClient) -> None:
    run = await ask(app)
    assert "the call itself has amount = 40" in words(
        await press(browser, run, path="/remember", **{"most:amount": "30"})
    )
    preview = await press(browser, run, path="/remember", **{"most:amount": "50"})
    assert "amount <= 50" in words(preview)
    await press(browser, run, path="/remember", page=preview.text)
    assert [one.words for one in await list_remembered(app.store)] == ["charge with amount <= 50"]


async def test_one_hands_over_to_another_who_then_may_and_takes_it_back(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    dora = await browser_of("dora")
    run = await ask(app, by=["ann"])
    assert "dora may decide it in your place" in words(await press(browser, run, path="/delegate", to="dora"))
    assert "dora decides in place of ann" in words(await dora.get("/inbox"))
    assert f'action="/inbox/{run}/a1.1"' in (await dora.get("/inbox")).text
    assert "It is yours alone again" in words(await press(browser, run, path="/delegate", to=""))
    assert f'action="/inbox/{run}/a1.1"' not in (await dora.get("/inbox")).text


async def test_only_what_one_may_decide_is_listed_where_that_is_wanted(
    app: App, browser: httpx.AsyncClient
) -> None:
    await ask(app, goal="for bo alone", by=["bo"])
    assert "for bo alone" in words(await browser.get("/inbox"))
    assert "Nothing for you" in words(await browser.get("/inbox?mine=1"))
    await ask(app, goal="for anybody")
    mine = words(await browser.get("/inbox?mine=1"))
    assert ("for anybody" in mine, "for bo alone" in mine) == (True, False)


async def test_what_expired_says_so_and_takes_no_yes(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await ask(app)
    before = (await browser.get("/inbox")).text
    late = await app.now() + timedelta(days=30)

    async def then() -> Any:
        return late

    monkeypatch.setattr(app.within("default"), "now", then)
    refused = await press(browser, run, page=before, decision="approve")
    assert "Too late: expired at" in words(refused)
    assert "not you expired at" in words(await browser.get("/inbox"))
    assert await replies(app, run) == []


async def test_a_long_list_is_paged_and_nothing_is_lost_between_pages(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_page, "PAGE", 2)
    runs = [await ask(app, call("charge", amount=n), call("charge", amount=n + 1)) for n in (1, 3, 5)]
    seen: list[tuple[str, str]] = []
    path = "/inbox"
    while path and len(seen) < 10:
        text = (await browser.get(path)).text
        seen += re.findall(r'class="have" name="have" id="[^"]*" value="(\S+) \d+ \w+ (\S+)"', text)
        more = re.search(r'href="(/inbox\?[^"]*after=[^"]*)"', text)
        path = html.unescape(more[1]) if more else ""
    assert seen == [(str(run), one) for run in runs for one in ("a1.1", "a1.2")]
    wrong = await browser.get("/inbox?after=nonsense")
    assert (wrong.status_code, "begin again" in words(wrong)) == (400, True)


async def test_an_open_page_gets_what_is_new_and_what_became_of_the_rest_and_nothing_else(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    bo, carol = await browser_of("bo"), await browser_of("carol")
    first = await ask(app, goal="one")
    second = await ask(app, goal="two", persons=2, by=["bo", "carol", "dora"])
    third = await ask(app, goal="three")
    have = re.findall(r'name="have" id="[^"]*" value="([^"]*)"', (await browser.get("/inbox")).text)
    same = await browser.post("/inbox/fresh", data={"have": have})
    assert "<article" not in same.text
    await press(carol, first, decision="approve")
    await press(bo, second, decision="approve")
    new = await ask(app, goal="four")
    fresh = (await browser.post("/inbox/fresh", data={"have": have})).text
    assert "It was approved by carol" in fresh
    assert "✓ bo said yes" in fresh
    assert re.findall(r'<section class="block" id="run-([^"]*)"', fresh) == [str(new)]
    assert "1 more to decide" in fresh
    assert key_of(third, "a1.1") not in fresh
    again = dict(re.findall(r'id="have-([^"]*)" value="([^"]*)"', fresh))
    assert again[key_of(second, "a1.1")] not in have
    more = await browser.post("/inbox/fresh", data={"have": have, "there": [str(new)]})
    assert f'hx-swap-oob="beforeend:#items-{new}"' in more.text
    assert "<section" not in more.text
    assert f'id="all-{new}" hx-swap-oob="true"' in more.text
    unread = await browser.post("/inbox/fresh", data={"have": "nonsense"})
    assert unread.status_code == 400


async def test_a_page_connects_only_once_all_its_scripts_are_there(browser: httpx.AsyncClient) -> None:
    """htmx begins when the document is read if it is itself read before that, else at once: deferred, it would sometimes
    begin before its extension is there, and the page would never be told of anything."""
    text = (await browser.get("/")).text
    scripts = re.findall(r'<script src="/static/([^"]+)"([^>]*)>', text)
    assert scripts == [("htmx.min.js", ""), ("hx-sse.min.js", ""), ("remit.js", "")]
    assert text.index("</main>") < text.index("<script")


async def test_all_who_watch_are_told_of_what_changes_by_one_look(app: App) -> None:
    watch, token = Watch(app.within("default").store), await sign_in(app.store, "ann")
    async with (
        aclosing(inbox_page.events(watch, token)) as one,
        aclosing(inbox_page.events(watch, token)) as two,
    ):
        assert await anext(one) == "event: asks\ndata: 0\n\n"
        assert await anext(two) == "event: asks\ndata: 0\n\n"
        looking = watch._looking
        run = await ask(app, persons=2, by=["bo", "carol"])
        assert await anext(one) == "event: asks\ndata: 1\n\n"
        await app.answer(run, "approve", "bo")
        assert await anext(one) == "event: asks\ndata: 1\n\n", "a yes that is not enough is told, too"
        assert await anext(two) == "event: asks\ndata: 1\n\n"
        assert watch._looking is looking
        assert watch.count == 1
    assert (watch.count, looking.cancelling()) == (None, 1)


async def test_who_is_signed_out_is_told_nothing_more(app: App) -> None:
    watch, token = Watch(app.within("default").store), await sign_in(app.store, "ann")
    async with aclosing(inbox_page.events(watch, token)) as told:
        assert await anext(told) == "event: asks\ndata: 0\n\n"
        await sign_out(app.store, token)
        await ask(app)
        assert await anext(told, "over") == "over"
    assert watch.count is None
