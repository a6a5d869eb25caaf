"""Signing in by a password: who is let in, who is not and learns nothing by it, and how a session ends."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from remit.access.invitations import invite, set_password
from remit.access.passwords import LONGEST, SHORTEST, fits, guessable, require_strong
from remit.access.people import add_member, disable, known
from remit.access.tries import OF_ACCOUNT, OF_ADDRESS, network
from remit.app import App
from remit.console import show
from remit.console.session import COOKIE, KNOWN
from remit.console.signing import local
from remit.errors import Forbidden, UserError
from tests.console.conftest import HERE, SignIn, client

WORDS = "seven tin whistles of Arklow"
OTHER = "a ferry that never came home"


@pytest.fixture
async def bo(app: App) -> str:
    await add_member(app.store, "ann", "bo@shop.example", "approver")
    await set_password(app.store, "ann", await known(app.store, "bo@shop.example"), WORDS)
    return "bo@shop.example"


async def tried(browser: httpx.AsyncClient, name: str, password: str, **more: str) -> httpx.Response:
    return await browser.post("/sign-in", data={"name": name, "password": password, **more})


async def one(app: App, query: str, *values: Any) -> Any:
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, values)).fetchone()  # type: ignore[arg-type]
    assert row
    return row[0]


async def test_whoever_has_the_password_is_let_in_and_goes_on_where_they_were(
    stranger: httpx.AsyncClient, bo: str
) -> None:
    sent = await stranger.get("/runs?status=waiting")
    assert sent.headers["location"] == "/sign-in?next=%2Fruns%3Fstatus%3Dwaiting"
    asked = (await stranger.get(sent.headers["location"])).text
    assert 'value="/runs?status=waiting"' in asked
    assert 'type="password"' in asked
    assert 'autocomplete="current-password"' in asked
    done = await tried(stranger, " BO@shop.example ", WORDS, next="/runs?status=waiting")
    assert (done.status_code, done.headers["location"]) == (303, "/runs?status=waiting")
    assert "bo@shop.example" in (await stranger.get("/")).text


async def test_wrong_names_and_wrong_passwords_get_the_same_answer_after_the_same_work(
    app: App, stranger: httpx.AsyncClient, bo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []

    async def counted(hash: str | None, password: str) -> bool:
        looked.append(hash is not None)
        return await fits(hash, password)

    monkeypatch.setattr("remit.console.pages.sign_in.fits", counted)
    await add_member(app.store, "ann", "cleo", "viewer")  # has no password
    await add_member(app.store, "ann", "dan", "viewer")
    await set_password(app.store, "ann", await known(app.store, "dan"), WORDS)
    await disable(app.store, "ann", "dan")
    pages = [
        await tried(stranger, name, password)
        for name, password in (
            (bo, OTHER),
            (bo, WORDS.upper()),
            (bo, ""),
            ("nobody", WORDS),
            ("cleo", ""),
            ("dan", WORDS),
        )
    ]
    assert looked == [True, True, True, False, False, True]
    assert {answer.status_code for answer in pages} == {401}
    assert len({re.sub(r'value="[^"]*"', "", answer.text) for answer in pages}) == 1
    assert COOKIE not in stranger.cookies
    assert (await stranger.get("/")).headers["location"] == "/sign-in"


async def test_each_sign_in_is_a_new_session_and_the_one_before_is_over(
    stranger: httpx.AsyncClient, bo: str
) -> None:
    stranger.cookies.set(COOKIE, "chosen-by-somebody-else", domain="127.0.0.1")
    await tried(stranger, bo, WORDS)
    first = stranger.cookies.get(COOKIE, domain="127.0.0.1")
    assert first != "chosen-by-somebody-else"
    await tried(stranger, bo, WORDS)
    second = stranger.cookies.get(COOKIE, domain="127.0.0.1")
    assert first != second
    stranger.cookies.set(COOKIE, str(first), domain="127.0.0.1")
    assert (await stranger.get("/")).headers["location"] == "/sign-in"


async def test_the_cookie_is_for_this_server_and_no_script(stranger: httpx.AsyncClient, bo: str) -> None:
    for line in (await tried(stranger, bo, WORDS)).headers.get_list("set-cookie"):
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in line.split(";")}
        assert "Domain" not in line


async def test_too_many_wrong_passwords_of_an_account_make_one_wait_but_not_whose_browser_it_knows(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, bo: str
) -> None:
    assert (await tried(stranger, bo, WORDS)).status_code == 303
    await stranger.post("/leave")
    assert KNOWN in stranger.cookies
    async with client(server) as guesser:
        answers = [await tried(guesser, bo, f"guess {number}") for number in range(OF_ACCOUNT + 2)]
        assert [one.status_code for one in answers] == [401] * OF_ACCOUNT + [429] * 2
        assert "too many tries" in answers[-1].text
        assert (await tried(guesser, bo, WORDS)).status_code == 429
        assert (await tried(guesser, "BO@SHOP.example ", WORDS)).status_code == 429
        assert (await tried(stranger, bo, WORDS)).status_code == 303
        await app_earlier(app, "tries", "at")
        assert (await tried(guesser, bo, WORDS)).status_code == 303


async def app_earlier(app: App, table: str, column: str) -> None:
    """As if what a table says had happened twenty minutes before."""
    async with app.store.pool.connection() as connection:
        await connection.execute(f"update {table} set {column} = {column} - interval '20 minutes'")  # type: ignore[arg-type]


async def test_tries_side_by_side_count_each_other(server: FastAPI, bo: str) -> None:
    async with client(server) as guesser:
        answers = await asyncio.gather(*(tried(guesser, bo, f"guess {number}") for number in range(25)))
    statuses = [one.status_code for one in answers]
    assert (statuses.count(401), statuses.count(429)) == (OF_ACCOUNT, 25 - OF_ACCOUNT)


async def test_an_address_that_tries_many_names_waits_too(stranger: httpx.AsyncClient, bo: str) -> None:
    answers = [await tried(stranger, f"name{number}", "x") for number in range(OF_ADDRESS + 1)]
    assert [one.status_code for one in answers].index(429) == OF_ADDRESS
    assert network("2001:db8::1") == network("2001:db8::ffff:2") != network("2001:db8:0:1::1")


async def test_right_passwords_do_not_count(stranger: httpx.AsyncClient, bo: str) -> None:
    for _ in range(OF_ACCOUNT + 2):
        assert (await tried(stranger, bo, WORDS)).status_code == 303


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:x",
        "",
        "/a\r\nb",
        "/\t/evil.example",
    ],
)
async def test_where_to_go_on_is_here_and_nowhere_else(
    stranger: httpx.AsyncClient, bo: str, onward: str
) -> None:
    assert local(onward) == "/"
    assert (await tried(stranger, bo, WORDS, next=onward)).headers["location"] == "/"


async def test_an_invitation_sets_one_password_once(app: App, stranger: httpx.AsyncClient) -> None:
    await add_member(app.store, "ann", "bo", "viewer")
    key = await invite(app.store, "ann", "bo")
    assert 'value="bo"' in (await stranger.get("/join", params={"key": key})).text
    form = {"key": key, "password": WORDS, "again": WORDS}
    for wrong, said in (
        ({"again": OTHER}, "That is another one."),
        ({"password": "short", "again": "short"}, f"{SHORTEST} at least"),
        ({"password": "Password1234", "again": "Password1234"}, "guessed early"),
    ):
        answer = await stranger.post("/join", data={**form, **wrong})
        assert (answer.status_code, said in answer.text) == (422, True)
        assert form["password"] not in answer.text
    assert (await stranger.post("/join", data=form)).status_code == 303
    assert "bo" in (await stranger.get("/account")).text
    again = await stranger.post("/join", data={**form, "password": OTHER, "again": OTHER})
    assert (again.status_code, "Ask for a new one" in again.text) == (400, True)
    assert await fits(await one(app, "select password from people where name = 'bo'"), WORDS)


async def test_an_invitation_holds_until_it_is_too_old_replaced_or_whom_it_is_for_is_disabled(
    app: App, stranger: httpx.AsyncClient
) -> None:
    await add_member(app.store, "ann", "bo", "viewer")
    first, second = await invite(app.store, "ann", "bo"), await invite(app.store, "ann", "bo")
    assert (await stranger.get("/join", params={"key": first})).status_code == 400
    assert (await stranger.get("/join", params={"key": second})).status_code == 200
    await app_earlier(app, "invitations", "expires_at")
    assert (await stranger.get("/join", params={"key": second})).status_code == 200
    async with app.store.pool.connection() as connection:
        await connection.execute("update invitations set expires_at = clock_timestamp()")
    assert (await stranger.get("/join", params={"key": second})).status_code == 400
    third = await invite(app.store, "ann", "bo")
    await disable(app.store, "ann", "bo")
    assert (await stranger.get("/join", params={"key": third})).status_code == 400
    with pytest.raises(UserError, match="disabled"):
        await invite(app.store, "ann", "bo")


async def test_an_owner_sets_nobodys_password_who_is_at_home_elsewhere(app: App) -> None:
    await add_member(app.store, "ann", "bo", "viewer")
    async with app.store.pool.connection() as connection:
        await connection.execute("update people set home = 'other' where name = 'bo'")
    with pytest.raises(Forbidden, match="at home in another workspace"):
        await invite(app.store, "ann", "bo")
    assert await invite(app.store, "ann", "bo", anywhere=True)


async def test_neither_password_nor_link_nor_mark_is_in_the_database(
    app: App, stranger: httpx.AsyncClient, bo: str
) -> None:
    key = await invite(app.store, "ann", bo)
    await tried(stranger, bo, WORDS)
    async with app.store.pool.connection() as connection:
        rows = []
        for table in ("people", "invitations", "browsers", "sessions", "audit", "tries"):
            rows += await (await connection.execute(f"select t::text from {table} t")).fetchall()  # type: ignore[arg-type]
    everything = "\n".join(row[0] for row in rows)
    for secret in (WORDS, key, stranger.cookies[COOKIE], stranger.cookies[KNOWN]):
        assert secret not in everything
        assert secret.encode().hex() not in everything
    assert "$argon2id$v=19$m=47104,t=1,p=1$" in everything


async def test_a_hash_of_older_parameters_is_made_anew_at_sign_in(
    app: App, stranger: httpx.AsyncClient, bo: str
) -> None:
    from argon2 import PasswordHasher

    before = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(WORDS)
    async with app.store.pool.connection() as connection:
        await connection.execute("update people set password = %s where name = %s", (before, bo))
    assert (await tried(stranger, bo, WORDS)).status_code == 303
    assert "m=47104" in await one(app, "select password from people where name = %s", bo)
    assert (await tried(stranger, bo, WORDS)).status_code == 303


async def test_a_changed_password_ends_every_other_session_and_needs_the_one_before(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, bo: str
) -> None:
    await tried(stranger, bo, WORDS)
    async with client(server) as other:
        await tried(other, bo, WORDS)
        form = {"current": OTHER, "password": OTHER, "again": OTHER}
        refused = await stranger.post("/account/password", data=form)
        assert (refused.status_code, "That is not your password." in refused.text) == (422, True)
        assert (await other.get("/")).status_code == 200
        before = stranger.cookies[COOKIE]
        assert (await stranger.post("/account/password", data={**form, "current": WORDS})).status_code == 303
        assert stranger.cookies[COOKIE] != before
        assert (await stranger.get("/account")).status_code == 200
        assert (await other.get("/")).headers["location"] == "/sign-in"
        assert (await tried(other, bo, WORDS)).status_code == 401
        assert (await tried(other, bo, OTHER)).status_code == 303


async def test_somebody_sees_where_they_are_signed_in_and_ends_it_there_and_nobody_elses(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, bo: str, browser_of: SignIn
) -> None:
    await tried(stranger, bo, WORDS)
    cleo = await browser_of("cleo", "viewer")
    async with client(server) as other:
        other.headers["user-agent"] = "<script>x</script> Mozilla Firefox/140.0 (X11; Linux)"
        await tried(other, bo, WORDS)
        seen = (await stranger.get("/account")).text
        assert "Firefox on Linux" in seen
        assert "<script>x" not in seen
        ids = re.findall(r'action="/account/sessions/(\d+)/end"', seen)
        assert len(ids) == 1
        await cleo.post(f"/account/sessions/{ids[0]}/end")
        assert (await other.get("/")).status_code == 200
        await stranger.post(f"/account/sessions/{ids[0]}/end")
        assert (await other.get("/")).headers["location"] == "/sign-in"
        await tried(other, bo, WORDS)
        await stranger.post("/account/sessions/others")
        assert (await other.get("/")).headers["location"] == "/sign-in"
    assert (await stranger.get("/account")).status_code == 200
    assert (await cleo.get("/")).status_code == 200


@pytest.mark.parametrize("column", ["seen_at", "expires_at"])
async def test_a_session_ends_by_itself_when_it_is_idle_or_old(
    app: App, stranger: httpx.AsyncClient, bo: str, column: str
) -> None:
    await tried(stranger, bo, WORDS)
    assert (await stranger.get("/")).status_code == 200
    async with app.store.pool.connection() as connection:
        await connection.execute(f"update sessions set {column} = {column} - interval '15 days'")  # type: ignore[arg-type]
    assert (await stranger.get("/")).headers["location"] == "/sign-in"


async def test_what_is_confirmed_is_confirmed_by_the_password(
    app: App, stranger: httpx.AsyncClient, bo: str
) -> None:
    await tried(stranger, bo, WORDS)
    await app_earlier(app, "sessions", "proved_at")
    assert not await one(app, "select proved_at > clock_timestamp() - interval '15 min' from sessions")
    assert (await stranger.post("/confirm", data={"password": OTHER})).status_code == 401
    before = stranger.cookies[COOKIE]
    done = await stranger.post("/confirm", data={"password": WORDS, "next": "/account"})
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert stranger.cookies[COOKIE] != before
    query = "select proved_at > clock_timestamp() - interval '15 min' from sessions where revoked_at is null"
    assert await one(app, query)


async def test_sign_ins_and_refusals_are_in_the_audit_log_with_where_they_came_from(
    app: App, stranger: httpx.AsyncClient, bo: str
) -> None:
    await tried(stranger, bo, OTHER)
    await tried(stranger, "nobody", OTHER)
    await tried(stranger, bo, WORDS)
    async with app.store.pool.connection() as connection:
        rows = await (
            await connection.execute(
                "select what, who, detail from audit where what like 'session%' order by id"
            )
        ).fetchall()
    assert [(what, who) for what, who, _ in rows] == [("session.refused", bo), ("session.began", bo)]
    assert rows[0][2] == {"address": "127.0.0.1"}


@pytest.mark.parametrize(
    "weak",
    ["password1234", "PASSWORD!1234", "bo@shop.example", "bobobobobobo", "shopshopshop", "remitremit2026", "111111111111",
     "qwertyuiop12", "a" * 200, "short"],
)  # fmt: skip
def test_a_password_that_is_guessed_early_is_refused(weak: str) -> None:
    with pytest.raises(UserError):
        require_strong(weak, "bo@shop.example", "Bo Lind")


@pytest.mark.parametrize(
    "strong",
    [WORDS, "пять рыжих котов на крыше", "x7#Kq!9vLm2$", "🐌" * 3 + " slow but steady wins", WORDS * 8],
)
def test_any_characters_make_a_password(strong: str) -> None:
    require_strong(strong, "bo@shop.example", "Bo Lind")
    assert not guessable(strong, [])


def test_a_password_is_taken_as_it_is_up_to_its_bound() -> None:
    require_strong("tin whistle " * 21, "bo")
    with pytest.raises(UserError, match=f"{LONGEST} at most"):
        require_strong("tin whistle " * 22, "bo")


async def test_a_form_that_is_too_large_is_not_read(stranger: httpx.AsyncClient, bo: str) -> None:
    assert (await tried(stranger, bo, "x" * 30_000)).status_code == 413

    async def endless() -> Any:
        yield b"password=" + b"x" * 30_000

    answer = await stranger.post("/sign-in", content=endless())
    assert answer.status_code == 411


@pytest.mark.parametrize("name", ["<script>x</script>", "\u202ebo", "bo\x00", '"><img src=x>', "x" * 9_000])
async def test_whatever_name_is_typed_is_text(stranger: httpx.AsyncClient, bo: str, name: str) -> None:
    answer = await tried(stranger, name, "x")
    assert answer.status_code == 401
    assert "<script>x" not in answer.text
    assert "<img" not in answer.text
    assert "x" * 201 not in answer.text


def test_a_browser_is_named_in_two_words() -> None:
    assert (
        show.browser(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
        )
        == "Chrome on Linux"
    )
    assert show.browser("") == "not told"


async def test_the_printed_link_still_lets_whoever_has_the_shell_in(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    assert (await browser.get("/account")).status_code == 200
    assert HERE in str(browser.base_url)
