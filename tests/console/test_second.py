"""A second factor: set up, asked after the password, good once; recovered from, taken off, and asked of everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from remit.access.factor import STEP, _step, asked_of, new_codes, require, take_off
from remit.access.invitations import invite, set_password
from remit.access.people import add_member, known
from remit.access.tries import OF_ACCOUNT
from remit.app import App
from remit.console.challenge import COOKIE as CHALLENGE
from remit.console.challenge import TRIES
from remit.console.session import COOKIE
from remit.errors import Forbidden, UserError
from tests.console.conftest import SignIn, client
from tests.console.factors import code, counted, enrol, key_on
from tests.console.test_sign_in import OTHER, WORDS, app_earlier, one, tried

RFC = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the key of RFC 6238's examples
CODE = "/sign-in/code"


@pytest.fixture
async def bo(app: App) -> str:
    await add_member(app.store, "ann", "bo@shop.example", "owner")
    await set_password(app.store, "ann", await known(app.store, "bo@shop.example"), WORDS)
    return "bo@shop.example"


@pytest.fixture
async def theirs(server: FastAPI, bo: str) -> AsyncIterator[httpx.AsyncClient]:
    """Bo's browser, signed in by the password."""
    async with client(server) as opened:
        assert (await tried(opened, bo, WORDS)).status_code == 303
        yield opened


async def run(app: App, query: str, *values: Any) -> None:
    async with app.store.pool.connection() as connection:
        await connection.execute(query, values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "said"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(at: int, said: str) -> None:
    assert counted(RFC, at // STEP) == said
    assert _step(RFC, said, at, 0) == at // STEP


def test_a_clock_may_be_wrong_by_one_step_and_no_step_is_taken_twice() -> None:
    for ahead, fits in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = _step(RFC, counted(RFC, 1000 + ahead), 1000 * STEP, 0)
        assert found == (1000 + ahead if fits else 0)
    for last, fits in ((999, True), (1000, False), (1001, False)):
        assert bool(_step(RFC, counted(RFC, 1000), 1000 * STEP, last)) is fits
    assert not _step(RFC, "１２３４５６", 1000 * STEP, 0)


async def test_it_is_set_up_with_a_picture_and_a_key_and_asked_from_then_on(
    app: App, server: FastAPI, theirs: httpx.AsyncClient, bo: str
) -> None:
    async with client(server) as other:
        await tried(other, bo, WORDS)
        await theirs.post("/account/second", data={"deed": "begin"})
        shown = (await theirs.get("/account/second")).text
        assert "<svg" in shown
        assert "<title>The key, to be scanned</title>" in shown
        assert "style=" not in shown
        assert not await asked_of(app.store, bo)  # nobody is shut out by a key that they never took
        wrong = await theirs.post("/account/second", data={"deed": "confirm", "code": "000000"})
        assert (wrong.status_code, "not the code of now" in wrong.text) == (422, True)
        await enrol(app, theirs)
        assert (await other.get("/")).headers["location"] == "/sign-in"
    assert (await theirs.get("/")).status_code == 200
    assert "10 recovery codes left" in (await theirs.get("/account")).text
    assert "password and code" in (await theirs.get("/settings/people")).text


async def test_after_the_password_the_code_and_neither_alone(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    sent = await tried(stranger, bo, WORDS, next="/runs?status=waiting")
    assert (sent.status_code, sent.headers["location"]) == (303, CODE)
    assert COOKIE not in stranger.cookies
    assert (await stranger.get("/")).headers["location"] == "/sign-in"
    asked = (await stranger.get(CODE)).text
    assert 'autocomplete="one-time-code"' in asked
    assert (await stranger.post(CODE, data={"code": "000000"})).status_code == 401
    done = await stranger.post(CODE, data={"code": " " + await code(app, key, 1)})
    assert (done.status_code, done.headers["location"]) == (303, "/runs?status=waiting")
    assert CHALLENGE not in stranger.cookies
    assert "by password and code" in (await stranger.get("/account")).text
    query = "select detail from audit where what = 'session.refused'"
    assert await one(app, query) == {"address": "127.0.0.1", "after": "password"}


async def test_a_code_signs_in_once(
    app: App, server: FastAPI, theirs: httpx.AsyncClient, stranger: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    await tried(stranger, bo, WORDS)
    same = await code(app, key, 1)
    async with client(server) as thief:
        await tried(thief, bo, WORDS)
        answers = await asyncio.gather(
            stranger.post(CODE, data={"code": same}), thief.post(CODE, data={"code": same})
        )
        assert sorted(answer.status_code for answer in answers) == [303, 401]
        await tried(thief, bo, WORDS)
        assert (await thief.post(CODE, data={"code": same})).status_code == 401
        # nor one that was shown before it
        assert (await thief.post(CODE, data={"code": await code(app, key)})).status_code == 401


async def test_what_the_browser_keeps_meanwhile_ends_with_tries_with_time_and_with_use(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    assert (await stranger.get(CODE)).headers["location"] == "/sign-in"
    await tried(stranger, bo, WORDS)
    for number in range(TRIES):
        answer = await stranger.post(CODE, data={"code": f"00000{number}"})
    assert answer.headers["location"] == "/sign-in"
    right = await code(app, key, 1)
    assert (await stranger.post(CODE, data={"code": right})).headers["location"] == "/sign-in"
    assert COOKIE not in stranger.cookies
    await tried(stranger, bo, WORDS)
    await app_earlier(app, "challenges", "expires_at")
    assert (await stranger.post(CODE, data={"code": right})).headers["location"] == "/sign-in"
    await tried(stranger, bo, WORDS)
    kept = stranger.cookies[CHALLENGE]
    assert (await stranger.post(CODE, data={"code": right})).headers["location"] == "/"
    await run(app, "update factors set step = 0")
    stranger.cookies.delete(COOKIE)
    stranger.cookies.set(CHALLENGE, kept, domain="127.0.0.1")
    assert (await stranger.post(CODE, data={"code": right})).headers["location"] == "/sign-in"


async def test_wrong_codes_count_with_wrong_passwords(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    answers = []
    for number in range(OF_ACCOUNT + 1):
        if number % TRIES == 0:
            await tried(stranger, bo, WORDS)
        answers.append(await stranger.post(CODE, data={"code": "000000"}))
    assert answers[-1].headers.get("location") == "/sign-in"  # asked for the password, which has to wait
    assert (await tried(stranger, bo, WORDS)).status_code == 429
    await app_earlier(app, "tries", "at")
    await tried(stranger, bo, WORDS)
    assert (await stranger.post(CODE, data={"code": await code(app, key, 1)})).status_code == 303


async def test_a_recovery_code_signs_in_once_however_it_is_written(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    _, codes = await enrol(app, theirs)
    for typed, status in (
        (codes[0].upper().replace("-", " "), 303),
        (codes[0], 401),
        (codes[1], 303),
        (codes[2][:-1], 401),
    ):
        await tried(stranger, bo, WORDS)
        assert (await stranger.post(CODE, data={"code": typed})).status_code == status
    assert "8 recovery codes left" in (await theirs.get("/account")).text
    anew = await new_codes(app.store, await known(app.store, bo))
    await tried(stranger, bo, WORDS)
    assert (await stranger.post(CODE, data={"code": codes[3]})).status_code == 401
    assert (await stranger.post(CODE, data={"code": anew[3]})).status_code == 303
    assert await one(app, "select count(*) from audit where what = 'recovery.used'") == 3


async def test_neither_key_nor_recovery_code_is_in_the_database(
    app: App, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, codes = await enrol(app, theirs)
    rows = []
    async with app.store.pool.connection() as connection:
        for table in ("factors", "recovery_codes", "challenges", "audit"):
            rows += await (await connection.execute(f"select t::text from {table} t")).fetchall()  # type: ignore[arg-type]
    everything = "\n".join(row[0] for row in rows)
    for secret in (key, key.replace(" ", ""), *codes, *(each.replace("-", "") for each in codes)):
        assert secret not in everything
        assert secret.encode().hex() not in everything


async def test_a_key_that_is_put_into_another_row_opens_nothing(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    dan = await add_member(app.store, "ann", "dan", "viewer")
    await set_password(app.store, "ann", await known(app.store, "dan"), WORDS)
    await run(
        app, "insert into factors select %s, sealed, 0, confirmed_at from factors where person <> %s", dan.id, dan.id
    )  # fmt: skip
    await tried(stranger, "dan", WORDS)
    refused = await stranger.post(CODE, data={"code": await code(app, key, 1)})
    assert (refused.status_code, "damaged" in refused.text) == (400, True)
    assert COOKIE not in stranger.cookies


async def test_to_show_that_it_is_still_you_takes_the_code_too(
    app: App, theirs: httpx.AsyncClient, bo: str
) -> None:
    key, _ = await enrol(app, theirs)
    await app_earlier(app, "sessions", "proved_at")
    assert (
        (await theirs.post("/account/second", data={"deed": "off"}))
        .headers["location"]
        .startswith("/confirm")
    )
    assert await asked_of(app.store, bo)
    sent = await theirs.post("/confirm", data={"password": WORDS, "next": "/account/second"})
    assert sent.headers["location"] == CODE
    still = await theirs.post("/account/second", data={"deed": "off"})
    assert still.headers["location"].startswith("/confirm")
    done = await theirs.post(CODE, data={"code": await code(app, key, 1)})
    assert done.headers["location"] == "/account/second"
    assert (await theirs.post("/account/second", data={"deed": "off"})).headers["location"] == "/account"
    assert not await asked_of(app.store, bo)


async def test_neither_a_new_password_nor_a_link_for_one_gets_past_it(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, bo: str
) -> None:
    await enrol(app, theirs)
    link = await invite(app.store, "ann", bo)
    form = {"key": link, "password": OTHER, "again": OTHER}
    assert (await stranger.post("/join", data=form)).headers["location"] == CODE
    assert COOKIE not in stranger.cookies
    await run(app, "update sessions set revoked_at = null")
    form = {"current": OTHER, "password": WORDS, "again": WORDS}
    assert (await theirs.post("/account/password", data=form)).headers["location"] == CODE


async def test_an_owner_of_their_home_takes_it_off_and_no_other(
    app: App, stranger: httpx.AsyncClient, theirs: httpx.AsyncClient, browser_of: SignIn, bo: str
) -> None:
    await enrol(app, theirs)
    person = (await known(app.store, bo)).id
    operator, owner = await browser_of("cleo", "operator"), await browser_of("ann")
    assert (await operator.post(f"/settings/people/{person}/factor")).status_code == 403
    assert "Remove the second factor" in (await owner.get(f"/settings/people/{person}")).text
    await run(app, "update people set home = 'other' where id = %s", person)
    assert (await owner.post(f"/settings/people/{person}/factor")).status_code == 403
    with pytest.raises(Forbidden, match="at home in another workspace"):
        await take_off(app.store, "ann", await known(app.store, bo))
    await run(app, "update people set home = 'default' where id = %s", person)
    assert (await owner.post(f"/settings/people/{person}/factor")).status_code == 303
    assert (await tried(stranger, bo, WORDS)).headers["location"] == "/"
    assert await one(app, "select who from audit where what = 'factor.removed'") == "ann"


async def test_where_everybody_needs_one_whoever_lacks_it_can_do_nothing_else(
    app: App, browser_of: SignIn, theirs: httpx.AsyncClient, bo: str
) -> None:
    owner = await browser_of("ann")  # by the printed link: the shell can do everything already
    assert (await owner.post("/settings/sign-in/second", data={"required": "yes"})).status_code == 303
    assert "must have one" in (await owner.get("/settings/sign-in")).text
    for path in ("/", "/runs", "/settings/people", "/inbox/live"):
        assert (await theirs.get(path)).headers["location"] == "/account/second", path
    assert (await theirs.get("/runs/newer", headers={"HX-Request": "true"})).headers[
        "hx-redirect"
    ] == "/account/second"
    assert (await theirs.get("/api/v1/runs")).status_code == 403
    assert (await theirs.post("/settings/sign-in/second", data={"required": "no"})).status_code == 303
    assert await one(app, "select second_factor from workspaces where name = 'default'")
    assert "asks everybody for a second factor" in (await theirs.get("/account/second")).text
    await enrol(app, theirs)
    assert (await theirs.get("/runs")).status_code == 200
    assert (await theirs.get("/api/v1/runs")).status_code == 200
    assert (await owner.get("/runs")).status_code == 200
    await require(app.store, "ann", False)
    assert await one(app, "select count(*) from audit where what = 'factor.required'") == 2


async def test_without_a_password_there_is_nothing_for_it_to_stand_beside(browser: httpx.AsyncClient) -> None:
    assert "you have none yet" in (await browser.get("/account/second")).text
    refused = await browser.post("/account/second", data={"deed": "begin"})
    assert (refused.status_code, "choose that first" in refused.text) == (422, True)
    assert (await browser.post("/account/second", data={"deed": "x"})).status_code == 422


async def test_a_key_that_was_begun_long_ago_is_not_shown_again(app: App, theirs: httpx.AsyncClient) -> None:
    await theirs.post("/account/second", data={"deed": "begin"})
    key = key_on((await theirs.get("/account/second")).text)
    await run(app, "update factors set coming_at = coming_at - interval '2 hours'")
    assert "<svg" not in (await theirs.get("/account/second")).text
    late = await theirs.post("/account/second", data={"deed": "confirm", "code": await code(app, key)})
    assert (late.status_code, "begin again" in late.text) == (422, True)
    with pytest.raises(UserError):
        await new_codes(app.store, await known(app.store, "bo@shop.example"))
