"""Readers who want no more of it say so by one click, without signing in; looking at the link changes nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from remit.access.audit import entries
from remit.access.people import arrive
from remit.access.tries import OF_ADDRESS
from remit.app import App, open_app
from remit.console.server import Door, make_server
from remit.graph.ingest import take
from remit.graph.people import consent_of, find
from remit.settings import Settings
from remit.store.secrets import set_secret
from remit.workspaces import rename_workspace
from tests.channels.conftest import connect
from tests.channels.servers import PASSWORD, Host
from tests.channels.test_reach import MAY, mail
from tests.channels.test_tools import result, run

PUBLIC = "https://remit.shop.example"


@pytest.fixture
async def app(settings: Settings, host: Host) -> AsyncIterator[App]:
    async with open_app(settings.model_copy(update={"public_url": PUBLIC})) as opened:
        await arrive(opened.store, "ann")
        await set_secret(opened.store, "DESK", PASSWORD, "ann")
        await connect(opened, host)
        yield opened


@pytest.fixture
async def reader(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A mail program, or a browser in which nobody is signed in."""
    server = make_server(app, Door("ann"), 7700, PUBLIC)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url=PUBLIC) as client:
        yield client


async def yes(app: App) -> None:
    row = {"id": f"yes {datetime.now(UTC)}", "at": datetime.now(UTC).isoformat(), "kind": "consent_given", "channel": "email",
           "email": "ann@a.example", "properties": {"purpose": "marketing"}}  # fmt: skip
    assert (await take(app.store, [(1, row)], "test")).set_aside == ()


async def link(app: App, host: Host) -> str:
    """What a mail of marketing says."""
    assert result(await run(app, mail(marketing=True), spec=MAY))["sent"]
    sent = host.sent[-1]
    found = re.fullmatch(r"<(.+)>", sent["List-Unsubscribe"].strip())
    assert found is not None
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, rich = (sent.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert rich is not None
    assert found[1] in plain.get_content()
    assert f'href="{found[1]}"' in rich.get_content()
    return urlsplit(found[1]).path


async def test_one_click_of_a_mail_program_is_a_no_that_the_next_mail_meets(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    path = await link(app, host)
    looked = await reader.get(path)
    assert looked.status_code == 200
    assert "Unsubscribe?" in looked.text
    assert "ann@a.example" not in looked.text, "a link is passed on; the address is not"
    assert (await consent_of(app.store, await find(app.store, "ann@a.example"))).may(
        "email", "marketing"
    ).says == "yes"
    for _ in range(2):
        gone = await reader.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (gone.status_code, "There will be no more marketing by email" in gone.text) == (200, True)
    told = await run(app, mail(marketing=True), spec=MAY)
    assert "said no to marketing by email" in result(told)
    assert result(await run(app, mail(), spec=MAY))["sent"], "what they must be told is another matter"
    assert [one.who for one in await entries(app.store, what="contact.left")] == ["a reader"]


async def test_who_comes_back_may_leave_again_by_the_same_link(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    path = await link(app, host)
    await reader.post(path)
    await yes(app)
    assert "Unsubscribe?" in (await reader.get(path)).text
    assert "Unsubscribed" in (await reader.post(path)).text


async def test_a_link_that_is_none_says_so_and_not_for_ever(app: App, reader: httpx.AsyncClient) -> None:
    for word in ("nobody", "x" * 3000, "%00", "..%2f"):
        assert (await reader.post(f"/u/{word}")).status_code in (404, 405)
    answers = [(await reader.get(f"/u/{n}")).status_code for n in range(OF_ADDRESS + 1)]
    assert (answers[0], answers[-1]) == (404, 429)


async def test_a_run_that_carries_marketing_out_says_how_to_leave_though_its_model_does_not(
    app: App, host: Host
) -> None:
    await yes(app)
    state = await run(
        app, mail(), spec=MAY, inputs={"decision": {"action": "spring", "purpose": "marketing"}}
    )
    assert result(state)["sent"]
    assert host.sent[0]["List-Unsubscribe"].strip().startswith(f"<{PUBLIC}/u/")


async def chosen(reader: httpx.AsyncClient, path: str, **said: str) -> str:
    answer = await reader.post(path, data={"do": "wish", **said})
    assert answer.status_code == 200
    return answer.text


def ticked(page: str) -> dict[str, str]:
    """What stands chosen, by what it is about."""
    return dict(re.findall(r'name="([^"]+)" value="([^"]+)" checked', page))


async def test_a_reader_sees_what_they_get_and_has_it_less_often_which_the_send_gate_keeps(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    path = await link(app, host)
    assert result(await run(app, mail(), spec=MAY))["sent"]
    page = (await reader.get(path)).text
    assert ticked(page) == {"email.marketing": "yes", "email.service": "yes"}
    assert "ann@a.example" not in page
    page = await chosen(reader, path, **{"email.marketing": "week"})
    assert ticked(page) == {"email.marketing": "week", "email.service": "yes"}
    told = result(await run(app, mail(marketing=True), spec=MAY))
    assert "they want at most 1 in 7 days (own wish, until" in told
    assert result(await run(app, mail(), spec=MAY))["sent"], "of what they must be told they wished nothing"
    async with app.store.pool.connection() as connection:
        await connection.execute("update contacts set at = at - interval '8 days'")
    assert result(await run(app, mail(marketing=True), spec=MAY))["sent"]
    page = await chosen(
        reader, path, **{"email.marketing": "yes", "email.nothing": "no", "email.service": "week"}
    )
    assert ticked(page) == {"email.marketing": "yes", "email.service": "yes"}
    assert result(await run(app, mail(marketing=True), spec=MAY))["sent"]
    wished = await entries(app.store, what="contact.wished")
    assert [(one.who, one.detail["wish"]) for one in wished] == [("a reader", "yes"), ("a reader", "week")]


async def test_a_reader_leaves_all_but_what_they_must_be_told_and_refuses_to_be_tracked(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    await connect(app, host, track=["opens"])
    path = await link(app, host)
    assert ticked((await reader.get(path)).text)["email.tracking"] == "yes"
    page = await chosen(reader, path, **{"email.tracking": "no"})
    assert ticked(page) == {"email.marketing": "yes", "email.tracking": "no"}
    assert result(await run(app, mail(marketing=True), spec=MAY))["sent"]
    rich = host.sent[-1].get_body(("html",))
    assert rich is not None
    assert "<img" not in rich.get_content()
    assert result(await run(app, mail(), spec=MAY))["sent"]
    page = (await reader.post(path, data={"do": "all"})).text
    assert "Unsubscribed" in page
    assert ticked(page) == {"email.marketing": "no", "email.service": "yes", "email.tracking": "no"}


async def test_the_page_speaks_the_readers_language_and_one_click_needs_no_form(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    path = await link(app, host)
    page = await reader.get(path, headers={"accept-language": "fr, de-AT;q=0.8, en;q=0.5"})
    assert '<html lang="de">' in page.text
    assert "Abmelden?" in page.text
    assert (page.headers["cache-control"], page.headers["vary"]) == ("no-store", "Accept-Language")
    assert "Unsubscribe?" in (await reader.get(path, headers={"accept-language": "fr"})).text


async def test_the_page_says_who_writes_once_the_workspace_has_a_name(
    app: App, host: Host, reader: httpx.AsyncClient
) -> None:
    await yes(app)
    path = await link(app, host)
    assert "Default" not in (await reader.get(path)).text
    await rename_workspace(app.store, "ann", "default", "Shoes & Sons")
    assert '<p class="mark">Shoes &amp; Sons</p>' in (await reader.get(path)).text
