"""An OpenID provider on loopback: real HTTP, real keys, a login page; and what a test makes it say wrongly."""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.live import answering

CLIENT, SECRET = "remit", "a secret / of the client: 1"
Claims = dict[str, Any]


def new_key(kid: str) -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"}, private=True)


@dataclass
class Provider:
    """One that is asked by its clients, and whose people are always ready to sign in."""

    issuer: str
    key: Any = field(default_factory=lambda: new_key("first"))
    person: Claims = field(default_factory=dict)  # whoever sits there: sub, email, …
    document: Claims = field(default_factory=dict)  # what it says of itself otherwise
    change: Callable[[Claims], None] = lambda claims: None  # what is wrong with its token
    sign: Callable[[Claims], str] | None = None  # how it signs it otherwise
    told: Claims | None = None  # of a person, when it is asked; None: nothing but in the token
    asks: bool = False  # whether people see a page first
    ends: bool = False  # whether people can be sent to sign out
    ended: list[Claims] = field(default_factory=list)  # what was said of those who were
    codes: dict[str, Claims] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def signed(self, claims: Claims) -> str:
        return str(jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key, algorithms=["ES256"]))


def app_of(provider: Provider) -> Starlette:
    async def document(request: Request) -> Response:
        provider.asked.append("document")
        here = provider.issuer
        return JSONResponse(
            {
                "issuer": here,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
                "userinfo_endpoint": f"{here}/userinfo",
                "jwks_uri": f"{here}/keys",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
            | ({"end_session_endpoint": f"{here}/end?by=page"} if provider.ends else {})
            | provider.document
        )

    async def keys(request: Request) -> Response:
        provider.asked.append("keys")
        return JSONResponse({"keys": [provider.key.as_dict(private=False)]})

    async def authorize(request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert given["code_challenge_method"] == "S256"
        assert "openid" in given["scope"].split()
        if provider.asks and "yes" not in given:
            return HTMLResponse(
                f'<!doctype html><title>Work</title><a href="/authorize?{urlencode(given | {"yes": "1"}).replace("&", "&amp;")}">Continue</a>'
            )
        code = base64.urlsafe_b64encode(hashlib.sha256(str(len(provider.codes)).encode()).digest()).decode()
        provider.codes[code] = given
        back = urlencode({"code": code, "state": given["state"], "iss": provider.issuer})
        return RedirectResponse(f"{given['redirect_uri']}?{back}", 303)

    async def token(request: Request) -> Response:
        provider.asked.append("token")
        form = {name: value[0] for name, value in parse_qs((await request.body()).decode()).items()}
        given = provider.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:a+secret+%2F+of+the+client%3A+1".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = (
            given is not None
            and request.headers.get("authorization") == f"Basic {basic}"
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == given["redirect_uri"]
            and base64.urlsafe_b64encode(digest).decode().rstrip("=") == given["code_challenge"]
        )
        if not fits or given is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims: Claims = {
            "iss": provider.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": given["nonce"],
        }
        if given.get("max_age") == "0":
            claims["auth_time"] = now
        claims |= provider.person
        provider.change(claims)
        signed = (provider.sign or provider.signed)(claims)
        return JSONResponse({"access_token": "told", "token_type": "Bearer", "id_token": signed})

    async def end(request: Request) -> Response:
        given = dict(request.query_params)
        said = {}
        if hint := given.pop("id_token_hint", ""):
            said = jwt.decode(hint, provider.key, algorithms=["ES256"]).claims
        provider.ended.append(given | {"of": said.get("sub"), "for": said.get("aud")})
        return RedirectResponse(given["post_logout_redirect_uri"], 303)

    async def userinfo(request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer told"
        return JSONResponse(provider.told or {"sub": provider.person["sub"]})

    paths = {"/.well-known/openid-configuration": document, "/keys": keys, "/authorize": authorize}
    routes = [
        Route(path, endpoint) for path, endpoint in (paths | {"/userinfo": userinfo, "/end": end}).items()
    ]
    return Starlette(routes=[*routes, Route("/token", token, methods=["POST"])])


@asynccontextmanager
async def providing(host: str = "127.0.0.1") -> AsyncIterator[Provider]:
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://{host}:{listening.getsockname()[1]}")
    async with answering(listening, app_of(provider)):
        yield provider
