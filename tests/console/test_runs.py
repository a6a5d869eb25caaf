"""The pages of runs: found by what is looked for, read whole, paused, resumed and cancelled; and nothing that somebody wrote
is taken for markup."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from remit.app import App
from remit.console.pages import timeline
from remit.gist import BARS, Gist
from remit.journal.events import Person
from remit.journal.facts import facts_of
from remit.journal.state import fold
from remit.models.model import Answer, ToolCall, Usage
from remit.replay import Terms, replay
from remit.testing import ScriptedModel
from tests.agents.test_loop import agent, call, finish

EVIL = "<script>alert(1)</script>\u202e"
SAFE = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;"
ANN = Person(id="ann", email="ann@example.com", verified=True)


async def begun(app: App, *turns: Any, goal: str = "cancel W1", person: Person = ANN, **spec: Any) -> UUID:
    """A run that has gone as far as its script takes it."""
    model = ScriptedModel([*turns], by_turn=True)
    run = await app.start(agent(**spec), goal, person=person, model=model)
    await app.advance(run)
    return run


async def waiting(app: App, **more: Any) -> UUID:
    return await begun(app, [call("send", to="ann@example.com", text="hi")], [finish()], **more)


async def done(app: App, **more: Any) -> UUID:
    return await begun(app, [finish()], **more)


async def text(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def listed(page: str) -> list[str]:
    return re.findall(r'<td class="goal"><a href="/runs/([0-9a-f-]{36})">', page)


def shown(page: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<li id="e(\d+)"', page)]


async def test_without_runs_the_list_says_how_to_begin_one(browser: httpx.AsyncClient) -> None:
    assert "No runs yet" in await text(browser, "/runs")
    assert "No such runs" in await text(browser, "/runs?agent=nobody")


async def test_runs_are_found_by_agent_state_person_and_words(app: App, browser: httpx.AsyncClient) -> None:
    first = str(await done(app, goal="book a table for two"))
    second = str(await waiting(app, goal="send the_bill 100%", name="clerk"))
    third = str(await done(app, goal="book a flight", person=Person(id="Bob")))
    for query, found in {
        "": [third, second, first],
        "agent=clerk": [second],
        "agent=cle": [],
        "status=open": [second],
        "status=waiting": [second],
        "status=failed": [],
        "person=bob": [third],
        "person=ANN@example.com": [second, first],
        "q=book": [third, first],
        "q=two+BOOK": [first],
        "q=the_bill+100%25": [second],
        "q=t_e": [],
        "q=%25": [second],
        "q=book&person=bob&agent=shop": [third],
        "q=book&status=waiting": [],
        "q=bill&status=open": [second],
        "from=2020-01-01": [third, second, first],
        "until=2020-01-01": [],
        "from=2020-01-01&until=9999-01-01": [third, second, first],
    }.items():
        assert listed(await text(browser, f"/runs?{query}")) == found, query
    page = await text(browser, "/runs?q=book&agent=shop")
    assert 'name="q" value="book"' in page
    assert '<option value="clerk">' in page


async def test_a_run_that_was_only_simulated_says_so_where_it_is_listed_and_on_its_page(
    app: App, browser: httpx.AsyncClient
) -> None:
    real = await begun(app, [call("charge", amount=5)], [finish()])
    tried = await begun(app, [call("charge", amount=5)], [finish()], remit={"autonomy": "shadow"})
    page = await text(browser, "/runs")
    assert re.findall(r'href="/runs/([0-9a-f-]{36})">[^<]*</a> <span class="note">simulated', page) == [
        str(tried)
    ]
    assert listed(await text(browser, "/runs?happened=simulated")) == [str(tried)]
    assert "simulated: nothing was really sent or changed" in await text(browser, f"/runs/{tried}")
    assert "simulated: nothing was really sent" not in await text(browser, f"/runs/{real}")


async def test_runs_are_found_by_what_happened_in_them_the_tool_and_the_cost(
    app: App, browser: httpx.AsyncClient
) -> None:
    plain = str(await begun(app, priced("0.02"), [finish()]))
    acted = str(await begun(app, priced("1.5", call("charge", amount=5)), [finish()]))
    denied = str(await begun(app, [call("cancel", order="W2")], [finish()]))
    asked = await waiting(app)
    refused = await waiting(app)
    await app.answer(refused, "reject", "carol", "not now")
    await app.advance(refused)
    no = str(refused)
    for query, found in {
        "happened=asked": [no, str(asked)],
        "happened=rejected": [no],
        "happened=denied": [denied],
        "happened=acted": [acted],
        "happened=doubt": [],
        "happened=asked&status=open": [str(asked)],
        "tool=charge": [acted],
        "tool=send": [],
        "tool=charg": [],
        "tool=%00charge": [acted],
        "least=0.01": [acted, plain],
        "least=0.02&most=%240%2C02": [plain],
        "least=1&tool=charge&happened=acted": [acted],
        "least=1.51": [],
        "most=0": [no, str(asked), denied],
        "q=cancel&least=1": [acted],
    }.items():
        assert listed(await text(browser, f"/runs?{query}")) == found, query
    page = await text(browser, "/runs?tool=charge")
    assert '<details class="more" open>' in page
    assert '<td class="number">$1.50</td>' in page
    assert '<details class="more">' in await text(browser, "/runs?agent=shop")


async def test_an_amount_that_is_none_is_said_at_its_field(app: App, browser: httpx.AsyncClient) -> None:
    await done(app)
    for amount in ("much", "-1", "1e5", "\u0663", EVIL, "nan"):
        answer = await browser.get("/runs", params={"least": amount, "agent": "shop"})
        assert answer.status_code == 422
        assert 'id="wrong-least"' in answer.text
        assert f'name="least" value="{html.escape(amount)}"' in answer.text.replace("&#34;", "&quot;")
        assert 'name="agent" value="shop"' in answer.text
        assert listed(answer.text) == []


async def test_what_runs_are_found_by_is_what_their_journals_say(app: App) -> None:
    """Whoever wrote it: the loop, a person who cancelled, a replay."""
    first = await begun(app, priced("0.25", call("charge", amount=5)), [finish()])
    second = await waiting(app)
    await app.answer(second, "approve", "carol")
    await app.advance(second)
    third = await waiting(app)
    await app.cancel(third, "ann")
    again = await replay(app, first, terms=Terms(recorded=True))
    query = "select cost, seconds, waited, answered, marks from runs where id = %s"
    for run in (first, second, third, again):
        async with app.store.pool.connection() as connection:
            row = await (await connection.execute(query, (run,))).fetchone()
        assert row is not None
        facts = facts_of(fold(await app.journal.read(run)))
        assert (row[0], row[3], row[4]) == (facts.cost, facts.answered, facts.marks)
        assert row[1:3] == tuple(
            one if one is None else pytest.approx(one, rel=1e-5) for one in (facts.seconds, facts.waited)
        )
    assert "@charge" in facts.marks  # of the replay


@pytest.mark.parametrize(
    "query",
    [
        "status=wating",
        "happened=nothing",
        "from=yesterday",
        "until=2026-13-01",
        "older=nonsense",
        "newer=99999999999999999999-1",
    ],
)
async def test_a_filter_that_is_none_is_said_to_be_wrong(browser: httpx.AsyncClient, query: str) -> None:
    answer = await browser.get(f"/runs?{query}")
    assert 400 <= answer.status_code < 500
    assert "That did not work" in answer.text


async def test_pages_go_older_and_back_without_losing_or_repeating_a_run(
    app: App, browser: httpx.AsyncClient
) -> None:
    """Some of one moment, and more than a page of them."""
    query = """
        insert into runs (id, agent, goal, person, status, created_at, updated_at)
        select gen_random_uuid(), 'shop', 'goal ' || n, '', 'met', now() - (n / 7) * interval '1 minute', now()
        from generate_series(1, 120) as n
    """
    async with app.store.pool.connection() as connection:
        await connection.execute(query)
        rows = await connection.execute("select id from runs order by created_at desc, id desc")
        every = [str(row[0]) for row in await rows.fetchall()]
    path, pages, ways = "/runs?agent=shop", [], []
    while path:
        page = await text(browser, path)
        pages.append(listed(page))
        ways.append(path)
        onward = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(onward[1]) if onward else ""
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [run for page in pages for run in page] == every
    page = await text(browser, ways[-1])
    for number in (1, 0):
        back = re.search(r'rel="prev" href="([^"]+)"', page)
        assert back is not None
        page = await text(browser, html.unescape(back[1]))
        assert listed(page) == pages[number]
    assert 'rel="prev"' not in page
    assert "agent=shop" in html.unescape(re.search(r'rel="next" href="([^"]+)"', page)[1])  # type: ignore[index]


async def test_an_open_list_tells_how_many_runs_began_since(app: App, browser: httpx.AsyncClient) -> None:
    async def newer(page: str) -> str:
        found = re.search(r'id="newer"[^>]* hx-get="([^"]+)"', page)
        assert found is not None
        return await text(browser, html.unescape(found[1]))

    await done(app, goal="first")
    page = await text(browser, "/runs?agent=shop")
    before = await newer(page)
    assert "<a" not in before
    await done(app, name="clerk")
    assert "<a" not in await newer(page)
    await done(app)
    assert "1 new run<" in await newer(page)
    await done(app)
    told = await newer(before)
    assert "2 new runs" in told
    assert 'href="/runs?agent=shop"' in told
    assert 'id="newer"' not in await text(browser, "/runs?agent=nobody")
    assert (await browser.get("/runs/newer?since=never")).status_code == 400


async def test_a_run_shows_what_it_did_by_whose_yes_and_each_event(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await waiting(app)
    page = await text(browser, f"/runs/{run}")
    assert "Waits for a person" in page
    assert f'href="/runs/{run}/pause/sure"' in page
    await app.answer(run, "approve", "carol")
    await app.advance(run)
    page = await text(browser, f"/runs/{run}")
    assert shown(page) == [event.seq for event in await app.journal.read(run)]
    assert "approved by carol" in page
    assert "ann@example.com" in page
    assert "/sure" not in page


async def test_the_beginning_of_an_id_leads_to_its_run(app: App, browser: httpx.AsyncClient) -> None:
    run = await done(app)
    for prefix in (str(run)[:8], "last"):
        assert (await browser.get(f"/runs/{prefix}")).headers["location"] == f"/runs/{run}"
    assert (await browser.get("/runs/00000000-0000-4000-8000-000000000000")).status_code == 404


async def test_a_filter_that_means_nothing_is_a_mistake_and_no_missing_page(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/runs", params={"status": "mett"})
    assert (answer.status_code, "Did you mean" in answer.text) == (400, True)


async def test_markup_that_anybody_wrote_is_shown_and_never_taken(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(
        app,
        [call("look_up", order=EVIL), ToolCall("x", EVIL, {EVIL: EVIL})],
        EVIL,
        [finish(report=EVIL)],
        goal=f"please {EVIL}",
        person=Person(id=EVIL),
    )
    for path in (f"/runs/{run}", "/runs", f"/runs?q={EVIL}&agent={EVIL}&person={EVIL}"):
        page = await text(browser, path)
        assert "<script>alert" not in page
        assert "\u202e" not in page.replace(f'value="{html.escape(EVIL)}"', "")
        assert "style=" not in page
    page = await text(browser, f"/runs/{run}")
    assert page.count(SAFE) > 5


async def test_a_run_is_paused_resumed_and_cancelled_by_who_is_signed_in(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await waiting(app)
    assert "Pause this run?" in await text(browser, f"/runs/{run}/pause/sure")
    assert (await app.state(run)).status == "waiting"
    assert (await browser.post(f"/runs/{run}/pause")).status_code == 303
    assert (await app.state(run)).status == "paused"
    assert (await browser.get(f"/runs/{run}/pause/sure")).status_code == 400
    assert (await browser.post(f"/runs/{run}/resume")).status_code == 303
    await browser.post(f"/runs/{run}/cancel", data={"why": "the customer called"})
    state = await app.state(run)
    assert state.status == "cancelled"
    assert state.finished is not None
    assert state.finished.why == "ann: the customer called"
    assert (await browser.post(f"/runs/{run}/cancel")).status_code == 400
    assert (await browser.post(f"/runs/{run}/explode")).status_code == 404


async def test_nobody_who_is_not_signed_in_sees_or_steers_a_run(
    app: App, stranger: httpx.AsyncClient
) -> None:
    run = await waiting(app)
    for answer in (
        await stranger.get("/runs"),
        await stranger.get(f"/runs/{run}"),
        await stranger.post(f"/runs/{run}/cancel"),
    ):
        assert answer.headers["location"].partition("?")[0] == "/sign-in"
    assert (await app.state(run)).status == "waiting"


async def test_another_sites_form_does_not_cancel(app: App, browser: httpx.AsyncClient) -> None:
    run = await waiting(app)
    answer = await browser.post(f"/runs/{run}/cancel", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert (await app.state(run)).status == "waiting"


async def test_a_long_run_is_shown_in_parts_that_leave_nothing_out(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST", 3)
    run = await begun(app, [call("look_up", order="W1")], [call("look_up", order="W2")], [finish()])
    every = [event.seq for event in await app.journal.read(run)]
    assert len(every) > 6
    page, seen = await text(browser, f"/runs/{run}"), []
    for _ in every:
        seen = shown(page) + seen
        before = re.search(r'href="(\?events=\d+)#timeline" rel="prev"', page)
        if before is None:
            break
        page = await text(browser, f"/runs/{run}{before[1]}")
    assert seen[-3:] == every[-3:]
    assert sorted(set(seen)) == every
    after = re.search(r'href="(\?events=\d+)#timeline" rel="next"', page)
    assert after is not None
    assert shown(await text(browser, f"/runs/{run}{after[1]}"))[0] == shown(page)[-1] + 1


async def test_what_comes_before_is_put_there_without_the_page_and_nothing_twice(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST", 3)
    run = await begun(app, [call("look_up", order="W1")], [call("look_up", order="W2")], [finish()])
    every = [event.seq for event in await app.journal.read(run)]

    async def gathered(side: str, page: str) -> list[int]:
        seen = shown(page)
        while way := re.search(rf'hx-get="([^"]*part={side})"', page):
            page = await text(browser, html.unescape(way[1]))
            assert "<html" not in page
            assert f'<p id="{side}" hx-swap-oob="true">' in page
            seen = shown(page) + seen if side == "before" else seen + shown(page)
        return seen

    assert await gathered("before", await text(browser, f"/runs/{run}")) == every
    assert await gathered("after", await text(browser, f"/runs/{run}?events=1")) == every


async def test_a_link_to_any_event_lands_where_it_is_shown(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST", 3)
    run = await begun(app, [call("look_up", order="W1")], [call("look_up", order="W2")], [finish()])
    every = [event.seq for event in await app.journal.read(run)]
    for seq in every:
        assert seq in shown(await text(browser, f"/runs/{run}?event={seq}"))
    for beyond in ("event=99999", "events=99999", "event=-4", "events=2&until=1"):
        assert set(shown(await text(browser, f"/runs/{run}?{beyond}"))) <= set(every)
    why = await text(browser, f"/runs/{run}/why/1.1")
    assert f'href="/runs/{run}?event=2#e2"' in why
    live = "hx-sse:connect"
    assert f'{live}="/runs/{run}' not in await text(browser, f"/runs/{await waiting(app)}?events=1")


async def test_the_page_of_a_long_run_reads_what_it_shows_and_not_the_whole_journal(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await done(app)

    async def never(*_: Any, **__: Any) -> None:
        raise AssertionError("read whole")

    monkeypatch.setattr(app.journal, "read", never)
    monkeypatch.setattr(app.within("default").journal, "read", never)
    assert shown(await text(browser, f"/runs/{run}"))


async def test_what_was_delegated_stands_below_its_run(app: App, browser: httpx.AsyncClient) -> None:
    child = {"name": "scout", "tools": ["tests.agents.world"], "reflect": False, "model": "scripted-child"}
    app.models["scripted-child"] = ScriptedModel([[finish()]], by_turn=True)
    run = await begun(app, [call("delegate", agent="scout", task="look W1 up")], [finish()], team=[child])
    (delegated,) = (await app.state(run)).children.values()
    page = await text(browser, f"/runs/{run}")
    assert page.count(f'href="/runs/{delegated.child}"') >= 1


def priced(cost: str, *calls: ToolCall) -> Answer:
    return Answer(
        calls=calls or (call("look_up", order="W1"),), usage=Usage(cost=Decimal(cost)), finish="calls"
    )


def used(tokens: int, *calls: ToolCall) -> Answer:
    return Answer(calls=calls, usage=Usage(input_tokens=tokens), finish="calls")


async def test_tokens_are_drawn_by_step_and_stand_in_a_table_too(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(app, used(1000, call("look_up", order="W1")), used(4000, finish()))
    page = await text(browser, f"/runs/{run}")
    assert re.findall(
        r'<th scope="row">step (\d)</th><td class="number" data-value="(\d+)">([\d,]+)</td>', page
    ) == [
        ("1", "1000", "1,000"),
        ("2", "4000", "4,000"),
    ]
    assert page.count('data-chart="steps-table"') == 2  # tokens and time; it cost nothing
    assert "/static/echarts.min.js" in page
    assert "Tokens by step" not in await text(browser, f"/runs/{await done(app)}")
    assert "echarts" not in await text(browser, "/runs")


def test_many_steps_share_bars_and_none_is_left_out() -> None:
    gist = Gist(uuid4())
    for seq in range(1, 151):
        gist.count(seq, "answered", {"input_tokens": seq, "cost": str(seq)})
    found = timeline.chart(gist.steps)
    assert len(found.bars) <= BARS
    assert sum(bar.tokens for bar in found.bars) == sum(range(1, 151))
    assert sum(bar.cost for bar in found.bars) == sum(range(1, 151))
    assert [found.bars[0].name, found.bars[-1].name] == ["steps 1 to 4", "steps 149 to 150"]


def test_what_a_guardian_costs_counts_with_the_step_that_it_looks_at() -> None:
    gist = Gist(uuid4())
    gist.count(1, "answered", {"input_tokens": 10})
    gist.count(2, "answered", {"input_tokens": 5, "purpose": "guard"})
    gist.count(3, "answered", {"input_tokens": 20})
    assert [bar.tokens for bar in timeline.chart(gist.steps).bars] == [15, 20]


async def test_a_run_in_line_is_shown_as_queued_with_what_it_waits_for(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await app.start(agent(limits={"runs": 1}), "wait", model=ScriptedModel([], by_turn=True))
    query = "insert into slots (name, run, most, due) values ('default/shop', %s, 1, now())"
    async with app.store.pool.connection() as connection:
        await connection.execute(query, (run,))
    for path in ("/runs", f"/runs/{run}"):
        assert "queued: 0 of 1 runs of shop are running" in re.sub(
            r'title="[^"]*"', "", await text(browser, path)
        )
    assert '<span class="state live">queued</span>' in await text(browser, "/runs")
