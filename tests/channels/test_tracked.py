"""Opens and clicks of mail: heard where the mailbox wants it, of whoever has not refused, and only what a reader did."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from remit.app import App
from remit.decisions.credited import credit
from remit.decisions.tracked import machine_of, tell
from remit.graph.people import find, timeline
from tests.acting.test_acting import decided
from tests.agents.test_loop import call
from tests.channels.conftest import connect, host
from tests.channels.servers import Host
from tests.channels.test_leaving import PUBLIC, app, reader, yes
from tests.channels.test_reach import MAY, says
from tests.channels.test_tools import result, run
from tests.decisions.town import playbook, rows

__all__ = ["app", "host", "reader"]
SHOP, OTHER = "https://shop.example/prices?a=1&b=2", "https://shop.example/help"
TEXT = f"Look: {SHOP}\n\nOr ask: {OTHER}."
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


async def mailed(
    app: App, host: Host, track: tuple[str, ...] = ("opens", "clicks"), **more: Any
) -> dict[str, str]:
    """Where the links of a mail to Ann lead, by what they show, and its picture; sent a while ago."""
    await connect(app, host, track=list(track))
    args = {"to": ["ann@a.example"], "subject": "Hi", "text": TEXT, "marketing": True} | more
    assert result(await run(app, call("mail_send", **args), spec=MAY))["sent"]
    plain, rich = (host.sent[-1].get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert rich is not None
    assert SHOP in plain.get_content()
    page = rich.get_content()
    found = {
        unescape(shown): unescape(to) for to, shown in re.findall(r'<a href="([^"]*)">([^<]*)</a>', page)
    }
    picture = re.search(r'<img src="([^"]*)"', page)
    await rows(app.store, "update tracked set at = at - interval '1 minute' returning id")
    return found | ({"picture": picture[1]} if picture else {})


async def later(app: App) -> list[tuple[str, str, str]]:
    """What the graph knows, once it is clear what her doing was."""
    async with app.store.pool.connection() as connection:
        await connection.execute("update tracked_hits set at = at - interval '1 minute'")
    await tell(app.store)
    found = await timeline(app.store, await find(app.store, "ann@a.example"))
    return [
        (one.kind, one.direction, (one.properties or {}).get("url", ""))
        for one in reversed(found)
        if one.kind in ("open", "click")
    ]


async def test_a_link_leads_where_it_shows_and_what_a_reader_does_is_known_once(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    links = await mailed(app, host)
    assert links[SHOP].startswith(f"{PUBLIC}/c/")
    assert [to for shown, to in links.items() if "/u/" in shown] == [
        shown for shown in links if "/u/" in shown
    ]
    for _ in range(2):
        picture = await reader.get(links["picture"], headers=BROWSER)
        assert (picture.headers["content-type"], picture.headers["cache-control"]) == (
            "image/gif",
            "no-store",
        )
        led = await reader.get(links[SHOP], headers=BROWSER)
        assert (led.status_code, led.headers["location"]) == (302, SHOP)
        assert await later(app) == [("open", "in", ""), ("click", "in", SHOP)]


async def test_nobody_is_led_where_no_mail_led(app: App, host: Host, reader: httpx.AsyncClient) -> None:
    await yes(app)
    links = await mailed(app, host)
    mine, other = links[SHOP], links[OTHER]
    for forged in (
        mine.replace("%2Fshop.example", "%2Fevil.example"),
        mine.partition("?")[0] + "?to=https%3A%2F%2Fevil.example",
        mine.partition("?")[0] + "?to=javascript%3Aalert(1)",
        other.partition("?")[0] + "?" + mine.partition("?")[2],
        mine.partition("?")[0],
    ):
        assert (await reader.get(forged, headers=BROWSER)).status_code == 404
    assert (await reader.get(f"{PUBLIC}/o/none.gif", headers=BROWSER)).status_code == 200
    assert await later(app) == []


async def test_what_programs_fetch_is_led_on_and_not_counted(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    links = await mailed(app, host)
    await reader.head(links[SHOP], headers=BROWSER)
    await reader.get(links[SHOP], headers={"user-agent": "Barracuda Sentinel"})
    await reader.get(links["picture"], headers={"user-agent": "Mozilla/5.0"})
    for link in (links[SHOP], links[OTHER]):  # all of them at once
        assert (await reader.get(link, headers=BROWSER)).status_code == 302
    assert await later(app) == []
    marks = {mark for (mark,) in await rows(app.store, "select machine from tracked_hits")}
    assert marks == {
        "another link was followed at once", "HEAD only asks what is there", "a robot: Barracuda Sentinel",
        "Apple's Mail Privacy Protection, or a program that does not say what it is",
    }  # fmt: skip
    await reader.get(links[OTHER], headers=BROWSER)  # she herself, an hour later
    assert await later(app) == [("click", "in", OTHER)]
    assert machine_of("GET", {**BROWSER, "sec-purpose": "prefetch;prerender"}) == "it was fetched in advance"


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        ("head", False),
        ("robot", False),
        ("picture by a robot", True),
        ("prefetch", True),
        ("head, a minute ago", True),
    ],
)
async def test_a_program_that_looks_at_links_counts_for_nobody_when_it_comes_as_a_browser_next(
    app: App, host: Host, reader: httpx.AsyncClient, after: str, counts: bool
) -> None:
    await yes(app)
    links = await mailed(app, host)
    match after.partition(",")[0]:
        case "head":
            await reader.head(links[SHOP], headers=BROWSER)
        case "robot":
            await reader.get(links[OTHER], headers={"user-agent": "Barracuda Sentinel"})
        case "picture by a robot":  # a proxy of pictures is there when somebody reads
            await reader.get(links["picture"], headers={"user-agent": "SomeMailbot"})
        case _:
            await reader.get(links[SHOP], headers={**BROWSER, "sec-purpose": "prefetch"})
    if after.endswith("ago"):
        await rows(app.store, "update tracked_hits set at = at - interval '1 minute' returning id")
    await reader.get(links[SHOP], headers=BROWSER)
    assert await later(app) == ([("click", "in", SHOP)] if counts else [])


@pytest.mark.parametrize(
    ("track", "more", "refuses"),
    [((), {}, False), (("opens", "clicks"), {}, True), (("opens", "clicks"), {"marketing": False}, False)],
)
async def test_links_are_as_they_stand_where_nobody_wants_to_hear_or_may(
    app: App, host: Host, track: tuple[str, ...], more: dict[str, Any], refuses: bool
) -> None:
    await yes(app)
    if refuses:
        await says(app, "consent_withdrawn", properties={"purpose": "tracking", "channel": "email"})
    links = await mailed(app, host, track, **more)
    assert (links[SHOP], links[OTHER], "picture" in links) == (SHOP, OTHER, False)
    assert await rows(app.store, "select * from tracked") == []


async def test_what_people_must_be_told_is_heard_of_where_that_is_said(app: App, host: Host) -> None:
    links = await mailed(app, host, ("clicks", "service"), marketing=False)
    assert (links[SHOP].startswith(f"{PUBLIC}/c/"), "picture" in links) == (True, False)


async def test_a_click_counts_for_the_goals_of_a_decision(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    text = "actions:\n- {name: wait, does: wait, goal: looks}\ngoals: {looks: {counts: [{kind: click}]}}\nholdout: 0\n"
    person = await find(app.store, "ann@a.example")
    one = await playbook(app.store, text=text)
    await decided(app, one, "wait", person.id, ago=1)
    links = await mailed(app, host)
    await reader.get(links[SHOP], headers=BROWSER)
    async with app.store.pool.connection() as connection:
        await connection.execute("update tracked_hits set at = at - interval '20 s'")
    assert await tell(app.store) == 1
    await credit(app.store, one.playbook, datetime.now(UTC) + timedelta(days=15))  # its window has closed
    assert await rows(app.store, "select value from decision_credits order by n desc limit 1") == [(1.0,)]
