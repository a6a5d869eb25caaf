"""People of the graph in the browser: found, looked at, made one and parted, and what was set aside mended."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from remit.app import App
from remit.graph.behaviour import Pattern
from remit.graph.behaviours import save
from remit.graph.history import grouped
from remit.graph.intent import Example
from remit.graph.intents import teach
from remit.graph.match import Pair, Reason
from remit.graph.matching import keep
from remit.graph.people import Event, find, timeline
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, SAFE, words
from tests.decisions.town import people as persons
from tests.decisions.town import playbook
from tests.graph.conftest import NOW, row, taken
from tests.queries import counted


@pytest.fixture
async def people(app: App) -> None:
    await taken(
        app.store,
        row("e1", 200, crm="1", email="ann@x.example", name="Ann Lee", attributes={"city": "Bonn"}),
        row("e2", 2, email="ann@x.example", kind="purchase", value="12.50", currency="EUR", channel="store"),
        row(
            "e3", 1, email="ann@x.example", kind="message", channel="email", subject="Where is it?", text=EVIL
        ),
        row("e4", 1, email="ann@x.example", kind="unsubscribed", channel="email"),
        row("e5", 3, crm="2", email="ann@x.example", name=EVIL),
        row("e6", emial="bo@x.example"),
        verified="email",
    )


async def test_without_anybody_it_says_how_people_come(browser: httpx.AsyncClient) -> None:
    assert "Nobody is known yet" in words(await browser.get("/people"))


@pytest.mark.usefixtures("people")
async def test_somebody_is_found_and_looked_at_in_plain_words(browser: httpx.AsyncClient) -> None:
    listed = words(await browser.get("/people"))
    assert "1 pair of whom only you can say" in listed
    assert "1 row could not be taken in" in listed
    assert "Nobody was found" in words(await browser.get("/people?q=zoe"))
    found = await browser.get("/people?q=ann@")
    assert "ann@x.example" in words(found)
    page = words(await browser.get("/people/ann@x.example"))
    for said in ("New: first heard of", "Spent 12.50 EUR", "marketing email No unsubscribed", "Bought something for 12.50 EUR",
                 "two different numbers of one system", "Where is it?"):  # fmt: skip
        assert said in page, said
    first = words(await browser.get("/people/crm:1"))
    assert "Ann Lee" in first
    assert "city Bonn shop" in first


@pytest.mark.usefixtures("people")
async def test_two_records_are_made_one_by_a_word_that_can_be_taken_back(
    app: App, browser: httpx.AsyncClient
) -> None:
    asked = await browser.get("/people/doubtful")
    assert "one person with two numbers?" in words(asked)
    one, two = [(await find(app.store, f"crm:{n}")).id for n in (1, 2)]
    form = {"a": str(one), "b": str(two), "said": "same"}
    assert (await browser.post("/people/doubtful", data=form)).status_code == 303
    assert "Nothing is doubtful" in words(await browser.get("/people/doubtful"))
    ann = await find(app.store, "ann@x.example")
    assert len(ann.profiles) == 3
    (word,) = [link.id for link in ann.evidence if link.how == "same"]
    assert "ann said that they are one person" in words(await browser.get(f"/people/{ann.id}"))
    path = f"/people/{ann.id}/links/{word}"
    assert (await browser.post(path, data={"do": "withdraw"})).status_code == 303
    assert len((await find(app.store, "ann@x.example")).profiles) == 1
    assert "Withdrawn by ann" in words(await browser.get("/people/crm:1"))
    assert (await browser.post(path, data={"do": "restore"})).status_code == 303
    assert (await browser.post("/people/doubtful", data=form | {"said": "perhaps"})).status_code == 400


@pytest.mark.usefixtures("people")
async def test_who_may_be_one_person_is_asked_in_the_inbox_with_what_speaks_for_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    await taken(
        app.store,
        row("f1", 3, email="zoe@x.example", name="Zoe Kim"),
        row("f2", 2, email="z.kim@y.example", name=EVIL),
    )
    zoe, kim = [(await find(app.store, one)).id for one in ("zoe@x.example", "z.kim@y.example")]
    await keep(
        app.store,
        2,
        [Pair(str(zoe), str(kim), 0.7, (Reason("same birthday", 9.1), Reason("different phones", -2.3)))],
        "olga",
    )
    inbox = words(await browser.get("/inbox"))
    assert "70% likely one person, by what is said of them; which is not sure enough." in inbox
    assert "same birthday +9.1 different phones -2.3" in inbox
    assert "one person with two numbers?" in inbox
    form = {"a": str(zoe), "b": str(kim), "said": "apart", "back": "inbox"}
    answered = await browser.post("/people/doubtful", data=form)
    assert (answered.status_code, answered.headers["location"]) == (303, "/inbox#pairs")
    assert "70% likely" not in words(await browser.get("/inbox"))
    one, two = [(await find(app.store, f"crm:{n}")).id for n in (1, 2)]
    await browser.post("/people/doubtful", data={"a": str(one), "b": str(two), "said": "same"})
    assert "Nothing waits" in words(await browser.get("/inbox"))


@pytest.mark.usefixtures("people")
async def test_somebody_is_said_to_be_another_too(app: App, browser: httpx.AsyncClient) -> None:
    wrong = await browser.post("/people/crm:1/same", data={"other": "nobody@x.example"})
    assert (wrong.status_code, "nobody is known by the email" in words(wrong)) == (422, True)
    assert (await browser.post("/people/crm:1/same", data={"other": "ann@x.example"})).status_code == 303
    assert len((await find(app.store, "crm:1")).profiles) == 2


@pytest.mark.usefixtures("people")
async def test_a_row_that_was_set_aside_is_mended_where_it_is_shown(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await browser.get("/people/aside")
    assert "did you mean email?" in words(page)
    still = await browser.post("/people/aside/1", data={"row": "{"})
    assert (still.status_code, "it is no JSON" in words(still)) == (422, True)
    mended = json.dumps(row("e6", email="bo@x.example"))
    assert (await browser.post("/people/aside/1", data={"row": mended})).status_code == 303
    assert (await find(app.store, "bo@x.example")).called == "bo@x.example"
    assert "Nothing is set aside" in words(await browser.get("/people/aside"))


@pytest.mark.usefixtures("people")
async def test_what_people_wrote_is_shown_and_never_run(browser: httpx.AsyncClient) -> None:
    for path in (
        "/people",
        "/people/ann@x.example",
        "/people/crm:2",
        "/people/doubtful",
        f"/people?q={EVIL}",
    ):
        assert EVIL not in (await browser.get(path)).text, path
    assert SAFE in (await browser.get("/people/ann@x.example")).text


@pytest.mark.usefixtures("people")
async def test_an_approver_looks_and_is_shown_no_way_to_change(browser_of: SignIn) -> None:
    bo = await browser_of("bo", "approver")
    page = (await bo.get("/people/crm:1")).text
    assert 'method="post"' not in page.partition("<main")[2]
    assert "could not be taken in" not in (await bo.get("/people")).text
    assert (await bo.get("/people/aside")).status_code == 403


@pytest.mark.usefixtures("people")
async def test_somebody_is_looked_at_as_they_stood_on_an_earlier_day(
    app: App, browser: httpx.AsyncClient
) -> None:
    buys = {"email": "ann@x.example", "kind": "purchase", "value": "3", "currency": "EUR"}
    await taken(app.store, row("b1", 150, **buys), row("b2", 90, **buys))
    page = words(await browser.get(f"/people/ann@x.example?at={NOW - timedelta(days=100):%Y-%m-%d}"))
    for said in ("what happened later is left out", "Quiet: nothing for more than a month", "Spent 3.00 EUR",
                 "They have said nothing of it"):  # fmt: skip
        assert said in page, said
    assert "unsubscribed" not in page
    wrong = await browser.get("/people/ann@x.example?at=yesterday")
    assert (wrong.status_code, "is no day: write 2026-05-01" in words(wrong)) == (422, True)


@pytest.mark.usefixtures("people")
async def test_what_happened_is_shown_by_channel_and_kind_and_goes_on_where_it_stopped(
    app: App, browser: httpx.AsyncClient
) -> None:
    more = [row(f"v{n}", 5, email="ann@x.example", kind="call", channel="phone") for n in range(50)]
    await taken(app.store, *more)
    only = words(await browser.get("/people/ann@x.example?channel=store&kind=purchase"))
    assert "Bought something" in only
    assert "Called phone" not in only
    page = (await browser.get("/people/ann@x.example?channel=phone")).text
    assert page.count("<b>Called</b>") == 40
    path = html.unescape(page.partition('hx-get="')[2].partition('"')[0])
    rest = await browser.get(path, headers={"hx-request": "true"})
    assert rest.text.count("<b>Called</b>") == 10  # all at one moment, and none is told twice
    assert "<main" not in rest.text
    assert (await browser.get("/people/ann@x.example?after=never")).status_code == 400


@pytest.mark.usefixtures("people")
async def test_what_a_message_wanted_is_corrected_where_it_is_shown(
    app: App, browser: httpx.AsyncClient
) -> None:
    await teach(
        app.store, [Example("Where is my parcel?", "delivery"), Example("How much?", "pricing")], "ann"
    )
    ann = await find(app.store, "ann@x.example")
    (message,) = [one.id for one in await timeline(app.store, ann) if one.kind == "message"]
    path = f"/people/ann@x.example/intents/{message}"
    assert (await browser.post(path, data={"intent": "delivery"})).status_code == 303
    page = words(await browser.get("/people/ann@x.example"))
    assert "What they want delivery as ann says" in page
    assert (await browser.post(path, data={"intent": "weather"})).status_code == 400


def test_a_conversation_is_one_thing_and_so_is_a_visit_to_some_pages() -> None:
    def made(id_: int, minutes: int, kind: str, talk: str = "") -> Event:
        at = NOW - timedelta(minutes=minutes)
        return Event(id_, "web", str(id_), 1, at, at, "web", "in", kind, talk, "", "", None, "", None)

    events = [
        made(9, 0, "message", "t1"), made(8, 1, "page_view"), made(7, 20, "page_view"), made(6, 90, "page_view"),
        made(5, 95, "message", "t1"), made(4, 99, "login"),
    ]  # fmt: skip
    assert [[one.id for one in group.events] for group in grouped(events)] == [[9, 5], [8, 7], [6], [4]]


async def test_what_somebody_wants_by_what_they_do_is_shown_with_its_pattern(
    app: App, browser: httpx.AsyncClient
) -> None:
    def at(days: int) -> str:
        return (datetime.now(UTC) - timedelta(days=days)).isoformat()

    pattern = {"intent": "buying", "when": [{"kind": "page_view", "least": 2, "days": 7}]}
    await save(app.store, [Pattern.model_validate(pattern)], "ann")
    await taken(
        app.store, *(row(f"p{n}", n, kind="page_view", email="ann@x.example", at=at(n)) for n in (1, 2))
    )
    shown = words(await browser.get("/people/ann@x.example"))
    assert "buying" in shown
    assert "by what they do" in shown
    assert "page view 2 times within 7 days" in shown


async def test_two_stand_side_by_side_with_what_they_share_first(
    app: App, browser: httpx.AsyncClient
) -> None:
    both = {"email": "ann@x.example", "attributes": {"city": "Bonn"}}
    rows = [row("s1", crm="C1", name="Ann Lee", **both), row("s2", crm="C2", name=f"A. Lee {EVIL}", **both)]
    await taken(app.store, *rows, verified="email")
    page = words(await browser.get("/people/doubtful"))
    assert "crm C1 ≠ another C2" in page
    assert EVIL.split("\u202e")[0] in page


async def test_what_must_stay_is_set_and_let_go_and_a_mistake_keeps_what_was_typed(
    browser: httpx.AsyncClient,
) -> None:
    form = {"name": "invoices", "kinds": "purchase, refund", "lasts": "10y", "because": "the law"}
    for field, text, why in (
        ("lasts", "long", "no age"),
        ("kinds", "Pur chase", "no kind"),
        ("name", "?", "no name"),
    ):
        answer = await browser.post("/people/holds", data=form | {field: text})
        assert (answer.status_code, why in words(answer)) == (422, True)
        assert f'id="wrong-{field}"' in answer.text
        assert 'value="the law"' in answer.text
    assert (await browser.post("/people/holds", data=form)).headers["location"] == "/people/erasures#holds"
    assert "invoices purchase, refund 10y the law" in words(await browser.get("/people/erasures"))
    await browser.post("/people/holds/invoices/remove")
    assert "leaves nothing of anybody" in words(await browser.get("/people/erasures"))


async def test_a_person_s_page_asks_no_more_with_more_playbooks(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person,) = await persons(app.store, 1)

    async def asked() -> int:
        await browser.get(f"/people/{person}")
        with counted(monkeypatch) as queries:
            shown = words(await browser.get(f"/people/{person}"))
        assert all(f"plan-{number}" in shown for number in range(made))
        return len(queries)

    found = []
    for made in (1, 5):
        for number in range(made):
            await playbook(app.store, name=f"plan-{number}")
        found.append(await asked())
    assert found[0] == found[1] < 50
