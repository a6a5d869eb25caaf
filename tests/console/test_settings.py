"""The pages of settings: people, tokens and the audit log, as owners and others see them."""

from __future__ import annotations

import csv
import io
import json
import re

import httpx
import pytest
from pydantic import SecretStr

from remit.access.audit import entries, record
from remit.access.invitations import set_password
from remit.access.people import add_member, known, list_members, member, set_role
from remit.api.tokens import add_token, list_tokens
from remit.app import App
from remit.console.pages.house import settled
from remit.settings import Settings
from tests.console.conftest import HERE, SignIn

WORDS = "seven tin whistles of Arklow"
NASTY = "<script>x</script>\u202egnp"


async def id_of(app: App, name: str) -> int:
    return (await known(app.store, name)).id


async def test_an_owner_adds_somebody_who_then_chooses_a_password_by_the_link(
    app: App, browser: httpx.AsyncClient, stranger: httpx.AsyncClient, browser_of: SignIn
) -> None:
    form = {"name": "bo@shop.example", "shown": "Bo Lind", "role": "operator"}
    done = await browser.post("/settings/people", data=form)
    found = re.search(rf'value="{HERE}(/join\?key=[\w-]+)"', done.text)
    assert found, done.text
    assert (await browser.get("/settings/people")).text.count(found[1]) == 0
    bo = await browser_of("nobody-yet", "viewer")
    bo.cookies.clear()
    key = found[1].partition("=")[2]
    assert (await bo.post("/join", data={"key": key, "password": WORDS, "again": WORDS})).status_code == 303
    assert "Operator" in (await bo.get("/account")).text
    assert "bo@shop.example" in (await browser.get("/settings/people")).text


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"name": "ANN"}, "name", "is here already"),
        ({"name": "group:all"}, "name", "is no name for a person"),
        ({"role": "king"}, "role", "unknown role"),
        ({"shown": "a\u202eb"}, "shown", "somebody is called"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient, wrong: dict[str, str], field: str, said: str
) -> None:
    form = {"name": "bo", "shown": "Bo Lind", "role": "operator", **wrong}
    answer = await browser.post("/settings/people", data=form)
    assert answer.status_code == 422
    assert re.search(rf'id="wrong-{field}"[^>]*>[^<]*{said}', answer.text)
    assert 'value="Bo Lind"' in answer.text or field == "shown"
    assert len(await list_members(app.store)) == 1


async def test_a_role_is_changed_and_somebody_disabled_signed_out_and_let_in_again(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    bo = await browser_of("bo", "viewer")
    path = f"/settings/people/{await id_of(app, 'bo')}"
    assert (await browser.post(f"{path}/role", data={"role": "approver"})).status_code == 303
    assert (await known(app.store, "bo")).role == "approver"
    page = (await browser.get(path)).text
    session = re.search(r"/sessions/(\d+)/end", page)
    assert session
    await browser.post(f"{path}/sessions/{session[1]}/end")
    assert (await bo.get("/")).status_code == 303
    again = await browser_of("bo")
    await browser.post(f"{path}/disable")
    assert (await again.get("/")).status_code == 303
    assert "Enable<" in (await browser.get(path)).text
    await browser.post(f"{path}/enable")
    assert (await again.get("/")).status_code == 200
    await browser.post(f"{path}/sessions/all/end")
    assert (await again.get("/")).status_code == 303


async def test_the_last_owner_is_told_why_they_stay_one(app: App, browser: httpx.AsyncClient) -> None:
    path = f"/settings/people/{await id_of(app, 'ann')}"
    for answer in (
        await browser.post(f"{path}/role", data={"role": "viewer"}),
        await browser.post(f"{path}/disable"),
    ):
        assert (answer.status_code, "last owner" in answer.text) == (422, True)
    assert (await known(app.store, "ann")).role == "owner"


async def test_who_may_come_is_changed_only_by_who_has_just_shown_their_password(
    app: App, browser: httpx.AsyncClient
) -> None:
    await add_member(app.store, "ann", "bo", "viewer")
    path = f"/settings/people/{await id_of(app, 'bo')}"
    await set_password(app.store, "ann", await known(app.store, "ann"), WORDS)
    assert (await browser.post("/sign-in", data={"name": "ann", "password": WORDS})).status_code == 303
    assert (await browser.post(f"{path}/role", data={"role": "approver"})).status_code == 303
    async with app.store.pool.connection() as connection:
        await connection.execute("update sessions set proved_at = proved_at - interval '20 minutes'")
    for words in (
        f"{path}/role",
        f"{path}/disable",
        f"{path}/enable",
        f"{path}/link",
        "/settings/people",
        "/settings/tokens",
    ):
        answer = await browser.post(
            words, data={"role": "owner", "name": "zoe", "scope": "runs:read", "lasts": "7"}
        )
        assert answer.headers["location"].startswith("/confirm?next="), words
    assert ((await known(app.store, "bo")).role, await member(app.store, "zoe")) == ("approver", None)
    assert "Confirm that it is you" in (await browser.get(path)).text
    await browser.post("/confirm", data={"password": WORDS})
    assert (await browser.post(f"{path}/role", data={"role": "owner"})).headers["location"] == path


async def test_only_owners_see_people_and_the_log_and_others_see_no_way_there(browser_of: SignIn) -> None:
    builder = await browser_of("bo", "builder")
    assert (await builder.get("/settings")).headers["location"] == "/settings/tokens"
    page = (await builder.get("/settings/tokens")).text
    assert "/settings/people" not in page
    assert "/settings/audit" not in page


async def test_somebody_makes_a_token_for_no_more_than_they_may_and_sees_it_once(
    app: App, browser_of: SignIn, stranger: httpx.AsyncClient
) -> None:
    bo = await browser_of("bo", "approver")
    page = (await bo.get("/settings/tokens")).text
    assert 'value="approvals:write"' in page
    assert 'value="policy:write"' not in page
    form = {"name": "crm", "scope": ["runs:read", "policy:write"], "lasts": "30"}
    refused = await bo.post("/settings/tokens", data=form)
    assert (refused.status_code, "does not allow policy:write" in refused.text) == (422, True)
    assert 'value="crm"' in refused.text
    made = await bo.post("/settings/tokens", data={**form, "scope": ["runs:read"]})
    secret = re.search(r'value="(remit_[\w-]+)"', made.text)
    assert secret
    assert secret[1] not in (await bo.get("/settings/tokens")).text
    headers = {"authorization": f"Bearer {secret[1]}"}
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 200
    assert "never" not in (await bo.get("/settings/tokens")).text
    await bo.post("/settings/tokens/crm/revoke")
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": "c r m", "scope": "runs:read", "lasts": "7"}, "name"),
        ({"name": "crm", "lasts": "7"}, "scope"),
        ({"name": "crm", "scope": "runs:everything", "lasts": "7"}, "scope"),
        ({"name": "crm", "scope": "runs:read", "lasts": "99999999"}, "lasts"),
    ],
)
async def test_what_is_wrong_with_a_token_is_said_at_its_field(
    app: App, browser: httpx.AsyncClient, form: dict[str, str], field: str
) -> None:
    answer = await browser.post("/settings/tokens", data=form)
    assert (answer.status_code, f'id="wrong-{field}"' in answer.text) == (422, True)
    assert await list_tokens(app.store) == []


async def test_nobody_but_an_owner_sees_or_ends_the_tokens_of_others(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    await add_token(app.store, "anns", "ann", ["runs:read", "policy:write"], None)
    bo = await browser_of("bo", "builder")
    assert "anns" not in (await bo.get("/settings/tokens")).text
    assert (await bo.post("/settings/tokens/anns/revoke")).status_code == 404
    assert len(await list_tokens(app.store)) == 1
    await add_token(app.store, "bos", "bo", ["runs:write"], None)
    await set_role(app.store, "ann", "bo", "viewer")
    page = (await browser.get("/settings/tokens")).text
    assert 'title="Their role does not allow this now"' in page
    assert (await browser.post("/settings/tokens/bos/revoke")).status_code == 303
    assert [one.name for one in await list_tokens(app.store)] == ["anns"]


async def filled(app: App, many: int) -> None:
    async with app.store.pool.connection() as connection:
        for number in range(many):
            await record(connection, "cleo", "agent.published", f"agent-{number:03}", {"version": number})
        await record(connection, NASTY, NASTY, NASTY, {NASTY: NASTY, "formula": "=1+1"})


async def test_the_log_is_searched_and_paged_and_what_stands_in_it_is_text(
    app: App, browser: httpx.AsyncClient
) -> None:
    await filled(app, 120)
    first = (await browser.get("/settings/audit?who=CLEO")).text
    assert re.findall(r"agent-\d{3}", first) == [f"agent-{n:03}" for n in range(119, 69, -1)]
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = (await browser.get("/settings/audit" + older[1].replace("&amp;", "&"))).text
    assert "agent-069" in second
    assert "agent-070" not in second
    assert "agent-007" in (await browser.get("/settings/audit?about=agent-007")).text
    assert "agent-008" not in (await browser.get("/settings/audit?about=agent-007&what=agent")).text
    assert "No such changes" in (await browser.get("/settings/audit?until=2020-01-01")).text
    assert (await browser.get("/settings/audit", params={"who": "a\x00"})).status_code == 200
    everything = (await browser.get("/settings/audit")).text
    assert "<script>x" not in everything
    assert "\u202e" not in everything
    assert (await browser.get("/settings/audit?from=soon")).status_code == 400


async def test_the_log_is_taken_along_whole_and_no_cell_of_it_computes(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remit.console.pages.audit.AT_ONCE", 7)
    await filled(app, 20)
    async with app.store.pool.connection() as connection:
        for start in "=+-@\t\r":
            await record(connection, f"{start}cmd|' /C calc'!A0", "x.y", "z")
    answer = await browser.get("/settings/audit/export?form=csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert {f"agent-{n:03}" for n in range(20)} <= {row["about"] for row in rows}
    assert sum("cmd|" in row["who"] for row in rows) == 6
    assert not [cell for row in rows for cell in row.values() if cell.startswith(tuple("=+-@\t\r\n"))]
    lines = (await browser.get("/settings/audit/export?what=agent")).text.splitlines()
    assert [json.loads(line)["detail"]["version"] for line in lines] == list(range(19, -1, -1))
    assert [one.what for one in await entries(app.store, what="audit")] == ["audit.exported"] * 2
    assert (await browser.get("/settings/audit/export?form=xls")).status_code == 400


async def test_no_name_on_the_pages_of_settings_is_more_than_text(
    app: App, browser: httpx.AsyncClient
) -> None:
    await add_member(app.store, "ann", "<img src=x>@evil.example", "viewer", "<script>x</script>")
    path = f"/settings/people/{await id_of(app, '<img src=x>@evil.example')}"
    for page in ("/settings/people", path, "/settings/audit"):
        text = (await browser.get(page)).text
        assert "<img src=x" not in text
        assert "<script>x" not in text
    assert (await browser.get("/settings/people/999")).status_code in (400, 404)


async def test_models_are_shown_with_their_prices_and_what_it_takes_to_use_them(
    browser: httpx.AsyncClient,
) -> None:
    text = (await browser.get("/settings/models")).text
    assert "A million tokens" in text
    assert "more that could be" in text


def test_no_key_and_no_password_is_among_the_settings_that_are_shown() -> None:
    shown = {
        one.variable: one
        for one in settled(
            Settings(
                database_url="postgresql://remit:hunter2@db.example/remit?password=hunter2",
                model="http://me:hunter2@llm.example/v1#big, openai:gpt-5",
                endpoint_key=SecretStr("hunter2"),
                max_open_runs=7,
            )
        )
    }
    assert "hunter2" not in str(shown)
    assert (shown["REMIT_MAX_OPEN_RUNS"].value, shown["REMIT_MAX_OPEN_RUNS"].chosen) == ("7", True)
    assert (shown["REMIT_ENDPOINT_KEY"].value, shown["REMIT_SECRET_KEY"].value) == (
        "set, and not shown",
        "not set",
    )
    assert "db.example" in shown["REMIT_DATABASE_URL"].value
    assert not shown["REMIT_POOL_SIZE"].chosen


async def test_the_settings_that_hold_are_shown_to_owners(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/settings/workspace")).text
    assert "REMIT_MAX_OPEN_RUNS" in text
    assert "postgresql://" not in text
