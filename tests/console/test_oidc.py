"""Signing in by an OpenID provider: whom it lets in, and each thing that it must not be believed."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwk, jwt
from pydantic import SecretStr

from remit.access import providers as kept
from remit.access.identities import unbind
from remit.access.invitations import invite, set_password
from remit.access.oidc import Issuers, NotTrusted, document_of
from remit.access.people import add_member, disable, known
from remit.access.providers import list_providers, passwords_off, provider_of, secret_of
from remit.app import App, open_app
from remit.console.errand import COOKIE as ERRAND
from remit.console.server import make_server
from remit.console.session import COOKIE, Door, holds
from remit.errors import FieldError, UserError
from remit.workspaces import add_workspace
from tests.console.conftest import HERE, PORT, SignIn, client
from tests.console.provider import CLIENT, SECRET, Claims, Provider, new_key, providing
from tests.console.test_sign_in import WORDS, app_earlier, one, tried

BO = {"sub": "b0", "email": "bo@shop.example", "email_verified": True, "name": "Bo Lind"}
GO = "/sign-in/with/default/corp"


@pytest.fixture
async def provider(app: App) -> AsyncIterator[Provider]:
    """One whose person is Bo, known to the first workspace as corp."""
    async with providing() as opened:
        opened.person = dict(BO)
        await kept.keep(app.store, "ann", corp(opened), SECRET, ask=nothing)
        yield opened


@pytest.fixture
async def bo(app: App) -> str:
    await add_member(app.store, "ann", "Bo@shop.example", "approver")
    return "Bo@shop.example"


async def nothing(_: kept.Provider) -> None:
    """It is not asked."""


def corp(provider: Provider, **changes: Any) -> kept.Provider:
    made = kept.Provider("default", "corp", "Shop", provider.issuer, CLIENT, inner_net=True)
    return replace(made, **changes)


async def sent(browser: httpx.AsyncClient, path: str = GO, **query: str) -> str:
    """Off to the provider and through its page: the address at which it sends the browser back."""
    there = await browser.get(path, params=query)
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient() as outside:
        return (await outside.get(there.headers["location"])).headers["location"]


async def through(browser: httpx.AsyncClient, path: str = GO, **query: str) -> httpx.Response:
    """There and back. The way back is a navigation from another site."""
    return await browser.get(await sent(browser, path, **query), headers={"sec-fetch-site": "cross-site"})


async def test_who_was_invited_by_that_address_comes_in_and_goes_on_where_they_were(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    door = (await stranger.get("/sign-in", params={"next": "/runs?status=waiting"})).text
    assert "Sign in with Shop" in door
    landed = await through(stranger, next="/runs?status=waiting")
    assert landed.status_code == 200, landed.text
    assert 'content="0;url=/runs?status=waiting"' in landed.text
    cookies = {line.partition("=")[0]: line for line in landed.headers.get_list("set-cookie")}
    assert "SameSite=strict" in cookies[COOKIE]
    assert bo in (await stranger.get("/account")).text
    assert await one(app, "select how from sessions") == "oidc corp"
    assert await one(app, "select who from audit where what = 'identity.bound'") == bo
    assert await one(app, "select count(*) from errands") == 0
    assert await one(app, "select count(*) from tries") == 0


async def test_what_goes_along_is_new_each_time_and_the_cookie_is_for_this_server(
    stranger: httpx.AsyncClient, provider: Provider
) -> None:
    asked = [await stranger.get(GO) for _ in range(2)]
    queries = [parse_qs(urlsplit(answer.headers["location"]).query) for answer in asked]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name][0] for query in queries}) == 2
        assert len(queries[0][name][0]) >= 43
    assert queries[0]["redirect_uri"] == [f"{HERE}/sign-in/back/default/corp"]
    (line,) = asked[0].headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in line.split(";")}
    foreign = await stranger.get(GO, headers={"sec-fetch-site": "cross-site"})
    assert foreign.headers["location"] == "/sign-in"


def hs256_by_its_public_key(provider: Provider) -> Callable[[Claims], str]:
    pem = provider.key.as_pem(private=False)
    return lambda claims: str(
        jwt.encode({"alg": "HS256", "kid": "first"}, claims, jwk.OctKey.import_key(pem), algorithms=["HS256"])
    )


def unsigned(_: Provider) -> Callable[[Claims], str]:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return lambda claims: f"{part({'alg': 'none', 'kid': 'first'})}.{part(claims)}."


def by_another_key(provider: Provider) -> Callable[[Claims], str]:
    return Provider(provider.issuer, new_key("first")).signed


def by_the_secret(_: Provider) -> Callable[[Claims], str]:
    key = jwk.OctKey.import_key(SECRET)
    return lambda claims: str(jwt.encode({"alg": "HS256", "kid": "first"}, claims, key, algorithms=["HS256"]))


def with_a_key_of_its_own(_: Provider) -> Callable[[Claims], str]:
    key = new_key("mine")
    header = {"alg": "ES256", "jwk": key.as_dict(private=False), "kid": "mine"}
    return lambda claims: str(jwt.encode(header, claims, key, algorithms=["ES256"]))


def rubbish(_: Provider) -> Callable[[Claims], str]:
    return lambda claims: "a.b.c"


@pytest.mark.parametrize(
    "sign", [hs256_by_its_public_key, unsigned, by_another_key, by_the_secret, with_a_key_of_its_own, rubbish],
    ids=lambda one: one.__name__,
)  # fmt: skip
async def test_a_token_is_signed_by_a_key_of_the_providers_and_by_nothing_else(
    stranger: httpx.AsyncClient,
    provider: Provider,
    bo: str,
    sign: Callable[[Provider], Callable[[Claims], str]],
) -> None:
    provider.sign = sign(provider)
    await not_trusted(stranger, await through(stranger))


async def not_trusted(browser: httpx.AsyncClient, answer: httpx.Response) -> None:
    assert (answer.status_code, "not to be trusted" in answer.text) == (401, True), answer.text
    assert COOKIE not in browser.cookies


WRONG: dict[str, Claims] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another"},
    "several audiences, none of them named": {"aud": [CLIENT, "another"]},
    "another authorised party": {"azp": "another"},
    "another nonce": {"nonce": "guessed"},
    "no nonce": {"nonce": None},
    "over since two minutes": {"exp": -120},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "tomorrow"},
    "of the time to come": {"iat": 120},
    "not before": {"nbf": 120},
    "of nobody": {"sub": ""},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 7},
    "a subject that nobody sees": {"sub": "b0\x00"},
    "another access token's hash": {"at_hash": "x"},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_says_what_was_asked_for_or_it_is_not_believed(
    stranger: httpx.AsyncClient, provider: Provider, bo: str, wrong: str
) -> None:
    def change(claims: Claims) -> None:
        for name, value in WRONG[wrong].items():
            if value is None:
                del claims[name]
            else:
                claims[name] = claims["iat"] + value if isinstance(value, int) and name != "sub" else value

    provider.change = change
    await not_trusted(stranger, await through(stranger))


async def test_a_clock_may_differ_by_less_than_a_minute_and_one_of_several_audiences_may_be_this(
    stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    def change(claims: Claims) -> None:
        claims |= {"exp": claims["iat"] - 30, "iat": claims["iat"] + 30, "aud": ["x", CLIENT], "azp": CLIENT}

    provider.change = change
    assert (await through(stranger)).status_code == 200


async def test_keys_are_kept_and_asked_for_again_where_one_is_new(
    stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    for _ in range(2):
        assert (await through(stranger)).status_code == 200
    assert (provider.asked.count("keys"), provider.asked.count("document")) == (1, 1)
    provider.key = new_key("second")
    assert (await through(stranger)).status_code == 200
    assert provider.asked.count("keys") == 2


async def test_a_way_back_is_good_once_in_the_browser_that_was_sent_and_to_the_provider_that_was_asked(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    back = await sent(stranger)
    async with client(server) as thief:  # who has the address, or makes a victim open theirs
        assert (await thief.get(back)).status_code == 400
        await thief.get(GO)
        assert (await thief.get(back)).status_code == 400
    parts = urlsplit(back)
    await kept.keep(app.store, "ann", corp(provider, name="other"), SECRET, ask=nothing)
    assert (await stranger.get(f"/sign-in/back/default/other?{parts.query}")).status_code == 400
    assert (await stranger.get(back)).status_code == 400  # nor afterwards where it belongs
    back = await sent(stranger)
    changed = re.sub(r"state=[^&]+", "state=guessed", back)
    assert (await stranger.get(changed)).status_code == 400
    assert (
        await stranger.get(re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back))
    ).status_code == 401
    back = await sent(stranger)
    assert (await stranger.get(re.sub(r"&iss=[^&]+", "", back))).status_code == 401
    back = await sent(stranger)
    await app_earlier(app, "errands", "expires_at")
    assert (await stranger.get(back)).status_code == 400
    back = await sent(stranger)
    assert (await stranger.get(back)).status_code == 200
    assert (await stranger.get(back)).status_code == 400
    assert provider.asked.count("token") == 1


async def test_a_code_of_another_request_is_worth_nothing(
    server: FastAPI, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    async with client(server) as other:
        theirs = parse_qs(urlsplit(await sent(other)).query)["code"][0]
    mine = await sent(stranger)
    await not_trusted(stranger, await stranger.get(re.sub(r"code=[^&]+", f"code={theirs}", mine)))


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ({"email_verified": False}, "does not say that bo@shop.example is yours"),
        ({"email_verified": None}, "does not say that"),
        ({"email_verified": 1}, "does not say that"),
        ({"email": None}, "does not say which address"),
        ({"email": "eve@shop.example"}, "eve@shop.example is not invited here"),
        ({"email": "<script>x</script>@shop.example"}, "is not invited here"),
        ({"email": "bo@shop.example\u202e"}, "is not invited here"),
        ({"email": "bo@shop.example\x00"}, "is not invited here"),
    ],
)
async def test_nobody_else_comes_in(
    stranger: httpx.AsyncClient, provider: Provider, bo: str, person: Claims, said: str
) -> None:
    provider.person |= person
    provider.person = {name: value for name, value in provider.person.items() if value is not None}
    answer = await through(stranger)
    assert (answer.status_code, said in answer.text) == (403, True), answer.text
    assert "<script>x" not in answer.text
    assert "\u202e" not in answer.text
    assert COOKIE not in stranger.cookies


async def test_what_the_token_does_not_say_the_provider_is_asked_for_of_the_same_person(
    stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    provider.person = {"sub": "b0"}
    provider.told = BO | {"sub": "another"}
    await not_trusted(stranger, await through(stranger))
    provider.told = dict(BO)
    assert (await through(stranger)).status_code == 200


async def test_an_address_that_is_given_to_somebody_else_takes_no_account_over(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    assert (await through(stranger)).status_code == 200
    await stranger.post("/leave")
    provider.person = BO | {"sub": "e7e"}
    answer = await through(stranger)
    assert (answer.status_code, "by another account" in answer.text) == (403, True)
    provider.person = BO | {"email": "lind@shop.example", "email_verified": False}  # the same person, married
    assert (await through(stranger)).status_code == 200
    assert bo in (await stranger.get("/account")).text
    await unbind(app.store, "ann", await known(app.store, bo))
    provider.person = BO | {"sub": "e7e"}
    assert (await through(stranger)).status_code == 200
    await disable(app.store, "ann", bo)
    assert (await through(stranger)).status_code == 403


async def test_everybody_of_a_domain_comes_as_what_the_owner_says_and_of_no_other(
    app: App, stranger: httpx.AsyncClient, provider: Provider
) -> None:
    await kept.keep(app.store, "ann", corp(provider, domains=("shop.example",), role="viewer"), ask=nothing)
    provider.person = {"sub": "c1", "email": "cleo@shop.example", "email_verified": True, "name": "Cleo <b>"}
    for domain in ("evil.example", "xshop.example", "shop.example.evil.example", "a.shop.example"):
        provider.person["email"] = f"cleo@{domain}"
        assert (await through(stranger)).status_code == 403
    provider.person["email"] = "cleo@SHOP.example"
    provider.person["email_verified"] = False
    assert (await through(stranger)).status_code == 403
    provider.person["email_verified"] = True
    assert (await through(stranger)).status_code == 200
    made = await known(app.store, "cleo@shop.example")
    assert (made.role, made.shown, made.added_by) == ("viewer", "Cleo <b>", "oidc corp")
    with pytest.raises(FieldError):
        await kept.keep(
            app.store, "ann", corp(provider, domains=("shop.example",), role="owner"), ask=nothing
        )


async def test_a_provider_of_another_workspace_speaks_for_nobody_who_is_at_home_here(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    await add_workspace(app.store, "cleo", "acme", "Acme")
    theirs = corp(provider, workspace="acme", domains=("shop.example",), role="builder")
    acme = app.within("acme").store
    await add_member(acme, "cleo", bo, "viewer")  # a guest there
    await kept.keep(acme, "cleo", theirs, SECRET, ask=nothing)
    assert (await through(stranger, "/sign-in/with/acme/corp")).status_code == 403
    assert COOKIE not in stranger.cookies
    assert [one.workspace for one in await list_providers(app.store, "default")] == ["default"]
    assert "/sign-in/with/acme/corp" in (await stranger.get("/sign-in?workspace=acme")).text
    assert "/sign-in/with/acme/corp" not in (await stranger.get("/sign-in")).text


async def test_passwords_go_off_once_an_owner_has_come_by_it_and_come_back_with_it(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    await set_password(app.store, "ann", await known(app.store, bo), WORDS)
    off = corp(provider, required=True)
    with pytest.raises(FieldError, match="No owner has signed in by it yet"):
        await kept.keep(app.store, "ann", off, ask=nothing)
    await add_member(app.store, "ann", "olga@shop.example", "owner")
    provider.person = {"sub": "o1", "email": "olga@shop.example", "email_verified": True}
    assert (await through(stranger)).status_code == 200
    async with client(server) as other:
        await tried(other, bo, WORDS)
        await kept.keep(app.store, "ann", off, ask=nothing)
        assert (await other.get("/")).headers["location"] == "/sign-in"
        assert (await tried(other, bo, WORDS)).status_code == 401
        for refused in (
            invite(app.store, "ann", bo),
            set_password(app.store, "ann", await known(app.store, bo), WORDS),
        ):
            with pytest.raises(UserError, match="passwords are off"):
                await refused
        provider.person = dict(BO)
        assert (await through(other)).status_code == 200
        assert "sign in by your organisation" in (await other.get("/account")).text
        await kept.remove_provider(app.store, "ann", "default", "corp")
        assert (await other.get("/")).headers["location"] == "/sign-in"
        assert not await passwords_off(app.store, bo)
        assert (await tried(other, bo, WORDS)).status_code == 303


async def test_to_show_that_it_is_still_you_the_provider_asks_anew_and_only_you(
    app: App, stranger: httpx.AsyncClient, provider: Provider
) -> None:
    await add_member(app.store, "ann", "olga@shop.example", "owner")
    olga = {"sub": "o1", "email": "olga@shop.example", "email_verified": True}
    provider.person = olga
    await through(stranger)
    await app_earlier(app, "sessions", "proved_at")
    assert (await stranger.post("/settings/sign-in/second")).headers["location"].startswith("/confirm")
    assert "Confirm with Shop" in (await stranger.get("/confirm")).text
    again = {"next": "/settings/people", "again": "1"}
    provider.change = lambda claims: claims.update(auth_time=claims["auth_time"] - 600)
    assert (await through(stranger, **again)).status_code == 401
    provider.change = lambda claims: claims.pop("auth_time") and None
    assert (await through(stranger, **again)).status_code == 401
    provider.change = lambda claims: None
    await add_member(app.store, "ann", "bo@shop.example", "viewer")
    provider.person = dict(BO)
    other = await through(stranger, **again)
    assert (other.status_code, "and not olga@shop.example" in other.text) == (403, True)
    assert (await stranger.post("/settings/sign-in/second")).headers["location"].startswith("/confirm")
    provider.person = olga
    before = stranger.cookies[COOKIE]
    asked = parse_qs(urlsplit((await stranger.get(GO, params=again)).headers["location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert (await through(stranger, **again)).status_code == 200
    assert (await stranger.post("/settings/sign-in/second")).headers["location"] == "/settings/sign-in"
    stranger.cookies.delete(COOKIE)
    stranger.cookies.set(COOKIE, before, domain="127.0.0.1")
    assert (await stranger.get("/")).headers["location"] == "/sign-in"


async def test_an_owner_sets_one_up_and_its_secret_is_written_and_never_read(
    app: App, browser_of: SignIn, provider: Provider
) -> None:
    owner = await browser_of("ann")
    path = "/settings/sign-in/new"
    form = {"name": "two", "title": "<b>Two", "issuer": provider.issuer, "client": "c2", "secret": SECRET}
    form |= {"inner_net": "yes", "domains": "@Shop.example, a.example", "role": "viewer"}
    for wrong, said in (
        ({"name": "Two!"}, "small letter"),
        ({"name": "corp"}, "one of that name"),
        ({"issuer": "http://login.shop.example"}, "begins with https://"),
        ({"issuer": provider.issuer + "/other"}, "does not answer as one"),
        ({"inner_net": ""}, "begins with https://"),
        ({"domains": "*.example"}, "is no domain"),
        ({"role": ""}, "belong together"),
        ({"role": "owner"}, "New people come as"),
        ({"client": ""}, "The id"),
        ({"required": "yes"}, "No owner has signed in"),
    ):
        answer = await owner.post(path, data=form | wrong)
        assert (answer.status_code, said in answer.text) == (422, True), (wrong, answer.text)
        assert SECRET not in answer.text
    assert (await owner.post(path, data=form)).status_code == 303
    listed = (await owner.get("/settings/sign-in")).text
    assert "&lt;b&gt;Two" in listed
    assert "<b>Two" not in listed
    seen = (await owner.get("/settings/sign-in/two")).text
    assert "One is kept" in seen
    assert SECRET not in seen
    made = await provider_of(app.store, "default", "two")
    assert (made.domains, secret_of(app.store, made)) == (["shop.example", "a.example"], SECRET)
    assert SECRET not in str(await one(app, "select string_agg(p::text, '') from providers p"))
    assert (await owner.post("/settings/sign-in/two", data=form | {"secret": ""})).status_code == 303
    assert secret_of(app.store, await provider_of(app.store, "default", "two")) == SECRET
    moved = await owner.post("/settings/sign-in/two", data=form | {"secret": "", "client": "c3"})
    assert (moved.status_code, "give it again" in moved.text) == (422, True)
    assert (await owner.post("/settings/sign-in/two/remove")).status_code == 303
    assert "provider.removed" in (await owner.get("/settings/audit")).text


async def test_what_is_in_the_servers_own_network_is_asked_only_where_an_owner_says_so(
    provider: Provider,
) -> None:
    for inner, issuer in ((False, "https://127.0.0.1:1"), (True, "https://127.0.0.1:1")):
        with pytest.raises(NotTrusted) as caught:
            await document_of(Issuers(), corp(provider, issuer=issuer, inner_net=inner))
        assert ("not a public address" in str(caught.value)) is not inner
    for said in ({"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"},
                 {"jwks_uri": "file:///etc/passwd"}, {"code_challenge_methods_supported": ["plain"]}):  # fmt: skip
        provider.document = said
        with pytest.raises(NotTrusted):
            await document_of(Issuers(), corp(provider))


async def test_one_of_the_environment_speaks_for_all_workspaces(
    app: App, provider: Provider, bo: str
) -> None:
    await kept.remove_provider(app.store, "ann", "default", "corp")
    settings = app.settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_inner": True,
            "oidc_required": True,
        }
        | {"oidc_client_secret": SecretStr(SECRET)}
    )
    async with open_app(settings) as other, client(make_server(other, Door("ann"), PORT)) as browser:
        door = (await browser.get("/sign-in")).text
        assert "Sign in with your organisation" in door
        assert 'type="password"' not in door
        assert (await through(browser, "/sign-in/with/default/server")).status_code == 200
        assert bo in (await browser.get("/account")).text
        session = browser.cookies[COOKIE]
    async with client(make_server(app, Door("ann"), PORT)) as browser:  # without it in the environment
        browser.cookies.set(COOKIE, session, domain="127.0.0.1")
        assert (await browser.get("/account")).headers["location"].startswith("/sign-in")
        assert not await holds(app.store, session)


async def test_whoever_is_sent_too_often_waits(
    app: App, stranger: httpx.AsyncClient, provider: Provider
) -> None:
    query = "insert into tries (key) select 'address 127.0.0.1' from generate_series(1, 50)"
    async with app.store.pool.connection() as connection:
        await connection.execute(query)
    answer = await stranger.get(GO)
    assert (answer.status_code, ERRAND in stranger.cookies) == (429, False)
    for path in ("default/none", "none/corp", "%00/corp", "default/%00"):
        assert (await stranger.get(f"/sign-in/with/{path}")).status_code in (404, 429)
    refused = await stranger.get("/sign-in/back/default/corp?error=access_denied&state=x")
    assert refused.status_code == 400


async def signed_out(browser: httpx.AsyncClient) -> str:
    """Signs out, and says where one could at the provider too; empty where nowhere."""
    answer = await browser.post("/leave")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    if answer.status_code == 303:
        assert answer.headers["location"] == "/sign-in"
        return ""
    assert "Signed out" in answer.text
    assert 'action="/leave"' not in answer.text
    return html.unescape(re.findall(r'class="button first" href="([^"]+)"', answer.text)[0])


async def test_who_signs_out_here_is_led_to_the_sign_out_there(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    provider.ends = True
    await through(stranger)
    token = await one(app, "select encode(id_token, 'escape') from sessions")
    assert token
    assert "ey" not in token[:2]  # sealed
    there = await signed_out(stranger)
    assert await one(app, "select count(id_token) from sessions") == 0
    assert "by=page" in there
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(there)).headers["location"]
    assert back == f"{HERE}/sign-in"
    asked = {"by": "page", "client_id": CLIENT, "post_logout_redirect_uri": back, "of": "b0", "for": CLIENT}
    assert provider.ended == [asked]
    assert "Sign in with Shop" in (await stranger.get("/sign-in")).text


async def test_a_token_of_another_client_goes_to_nobody(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    provider.ends = True
    await through(stranger)
    await kept.keep(app.store, "ann", corp(provider, client="another"), SECRET, ask=nothing)
    assert "id_token_hint" not in (there := await signed_out(stranger))
    assert "client_id=another" in there


@pytest.mark.parametrize(
    "document",
    [{}, {"end_session_endpoint": 7}, {"end_session_endpoint": "http://evil.example/end"},
     {"end_session_endpoint": "javascript:alert(1)"}],
)  # fmt: skip
async def test_signing_out_here_hangs_on_nothing_that_a_provider_offers(
    stranger: httpx.AsyncClient, provider: Provider, bo: str, document: Claims
) -> None:
    provider.document = document
    await through(stranger)
    assert await signed_out(stranger) == ""


async def test_signing_out_here_does_not_wait_for_a_provider_that_is_away(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    provider.ends = True
    await through(stranger)
    server.state.issuers.documents.clear()
    provider.document = {"issuer": "https://evil.example"}
    assert await signed_out(stranger) == ""
    await through_again(server, stranger, provider)
    await kept.remove_provider(app.store, "ann", "default", "corp")
    assert await signed_out(stranger) == ""


async def through_again(server: FastAPI, browser: httpx.AsyncClient, provider: Provider) -> None:
    provider.document = {}
    server.state.issuers.documents.clear()
    assert (await through(browser)).status_code == 200


async def test_who_came_by_a_provider_is_signed_out_when_its_word_for_them_ends(
    app: App, server: FastAPI, stranger: httpx.AsyncClient, browser_of: SignIn, provider: Provider, bo: str
) -> None:
    provider.ends = True
    owner = await browser_of("ann")
    await set_password(app.store, "ann", await known(app.store, bo), WORDS)
    async with client(server) as other:
        await tried(other, bo, WORDS)
        await through(stranger)
        person = await known(app.store, bo)
        answer = await owner.post(f"/settings/people/{person.id}/identity")
        assert answer.status_code == 303
        assert (await stranger.get("/")).headers["location"] == "/sign-in"
        assert (await other.get("/")).status_code == 200  # the password is theirs still
        assert await one(app, "select count(id_token) from sessions") == 0
        detail = await one(app, "select detail from audit where what = 'identity.removed'")
        assert detail == {"issuers": [provider.issuer], "sessions": 1}
        await through(stranger)
        await kept.remove_provider(app.store, "ann", "default", "corp")
        assert (await stranger.get("/")).headers["location"] == "/sign-in"
        assert (await other.get("/")).status_code == 200


async def test_a_provider_of_the_same_name_elsewhere_ends_nobodys_session_here(
    app: App, stranger: httpx.AsyncClient, provider: Provider, bo: str
) -> None:
    await add_workspace(app.store, "cleo", "acme", "Acme")
    acme = app.within("acme").store
    await kept.keep(acme, "cleo", corp(provider, workspace="acme"), SECRET, ask=nothing)
    await add_member(acme, "cleo", bo, "viewer")
    await through(stranger)
    await unbind(acme, "cleo", await known(acme, bo))
    await kept.remove_provider(acme, "cleo", "acme", "corp")
    assert bo in (await stranger.get("/account")).text
