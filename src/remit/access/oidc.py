"""OpenID Connect, as one who relies on a provider (Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0): where to send a browser, and
whom the provider means with the code that the browser brings back. Whatever the provider says is held against what was asked.

Of the flows there is one: a code, bound to the browser by state, to the request by PKCE, and the ID token by a nonce. It is
signed by a key of the provider's, never by a secret that both know.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from remit.access.providers import Provider, require_sealed
from remit.errors import FieldError, Mend, RemitError
from remit.tools.http import bare_client, once

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
SCOPE = "openid email profile"
SIGN_OUT = "end_session_endpoint"
SECONDS = 10.0  # for one answer of the provider
KEPT = 3600.0  # seconds that what it says of itself is believed
SKEW = 60  # seconds that its clock may differ
LONGEST = 6_000  # characters of an ID token that goes along in an address


class NotTrusted(RemitError):
    """What a provider said is not to be trusted, or it said nothing; the words are for the log and the owner."""


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the provider means."""

    subject: str
    email: str
    verified: bool  # whether it says that the address is theirs
    name: str
    proved_at: int  # when they showed it who they are, in seconds; 0: it does not say
    token: str = field(default="", repr=False)  # the ID token, where the provider wants it at the sign-out


@dataclass
class Issuers:
    """What providers say of themselves, and their keys, for as long as they are believed."""

    documents: dict[tuple[str, bool], tuple[float, dict[str, Any]]] = field(default_factory=dict)
    keys: dict[tuple[str, bool], list[dict[str, Any]]] = field(default_factory=dict)


async def document_of(issuers: Issuers, provider: Provider) -> dict[str, Any]:
    """What the provider says of itself. Raises NotTrusted where it is another one, or names an address in the clear."""
    kept = issuers.documents.get(provider.source)
    if kept and kept[0] > time.monotonic() - KEPT:
        return kept[1]
    url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    found = await _json(provider, "GET", url)
    if found.get("issuer") != provider.issuer:
        raise NotTrusted(f"{url} speaks for {str(found.get('issuer'))[:200]!r}, not for {provider.issuer!r}")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        address = found.get(name)
        if not isinstance(address, str):
            raise NotTrusted(f"{url} names no {name}")
        try:
            require_sealed(provider, address, name)
        except FieldError as error:
            raise NotTrusted(f"{name}: {error}") from error
    methods = found.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise NotTrusted(f"{url} does not offer PKCE with S256")
    issuers.documents[provider.source] = (time.monotonic(), found)
    issuers.keys.pop(provider.source, None)
    return found


async def address_for(
    issuers: Issuers,
    provider: Provider,
    *,
    state: str,
    nonce: str,
    verifier: str,
    back: str,
    again: bool,
    hint: str,
) -> str:
    """Where to send the browser. `again`: they show the provider anew who they are, though it knows them still."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    document = await document_of(issuers, provider)
    more = {"prompt": "login", "max_age": "0"} if again else {}
    if hint:
        more["login_hint"] = hint
    return str(
        prepare_grant_uri(
            document["authorization_endpoint"],
            provider.client,
            "code",
            back,
            SCOPE,
            state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            **more,
        )
    )


async def end_address(issuers: Issuers, provider: Provider, token: str, back: str) -> str:
    """Where a browser is signed out at the provider; empty where it offers that not. `token`: the ID token of the sign-in, by which
    it asks no more who signs out. Raises NotTrusted."""
    from authlib.common.urls import add_params_to_uri

    address = (await document_of(issuers, provider)).get(SIGN_OUT)
    if not isinstance(address, str):
        return ""
    try:
        require_sealed(provider, address, SIGN_OUT)
    except FieldError as error:
        raise NotTrusted(f"{SIGN_OUT}: {error}") from error
    hint = [("id_token_hint", token)] if token else []
    more = [*hint, ("client_id", provider.client), ("post_logout_redirect_uri", back)]
    return str(add_params_to_uri(address, more))


async def redeem(
    issuers: Issuers,
    provider: Provider,
    secret: str,
    *,
    code: str,
    nonce: str,
    verifier: str,
    back: str,
    said: str,
) -> Told:
    """Whom the provider means with a code. `said`: the issuer that came along with it, if one did. Raises NotTrusted."""
    document = await document_of(issuers, provider)
    if (
        said or document.get("authorization_response_iss_parameter_supported") is True
    ) and said != provider.issuer:
        raise NotTrusted(f"the answer comes from {said[:200]!r}, not from {provider.issuer!r}")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if not secret:
        form["client_id"] = provider.client
    elif "client_secret_basic" in methods:
        pair = f"{quote_plus(provider.client)}:{quote_plus(secret)}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": provider.client, "client_secret": secret}
    answer = await _json(provider, "POST", document["token_endpoint"], headers, urlencode(form).encode())
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise NotTrusted("the answer to the code has no ID token")
    access = answer.get("access_token")
    claims = await _claims(issuers, provider, token, nonce, access if isinstance(access, str) else "")
    if (
        not claims.get("email")
        and isinstance(access, str)
        and isinstance(document.get("userinfo_endpoint"), str)
    ):
        claims = await _more(provider, document["userinfo_endpoint"], access, claims)
    proved = claims.get("auth_time")
    return Told(
        claims["sub"],
        _text(claims.get("email")).strip(),
        claims.get("email_verified") is True or claims.get("email_verified") == "true",
        _text(claims.get("name")),
        int(proved) if isinstance(proved, int | float) and 0 < proved < 1e12 else 0,
        token if isinstance(document.get(SIGN_OUT), str) and len(token) <= LONGEST else "",
    )


async def _claims(
    issuers: Issuers, provider: Provider, token: str, nonce: str, access: str
) -> dict[str, Any]:
    """What a token says that the provider has signed for this client and this request. Raises NotTrusted."""
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError

    header = _header(token)
    key = await _key(issuers, provider, header)
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client},
    }
    try:
        found = jwt.decode(token, key, algorithms=list(ALGORITHMS))
        params = {"nonce": nonce, "client_id": provider.client, "access_token": access}
        claims = CodeIDToken(found.claims, found.header, options, params)
        claims.validate(now=int(time.time()), leeway=SKEW)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise NotTrusted(f"the ID token does not hold: {error}") from error
    if not claims["sub"] or len(claims["sub"]) > 255 or not claims["sub"].isprintable():
        raise NotTrusted("the ID token names nobody")
    return dict(claims)


def _header(token: str) -> dict[str, Any]:
    try:
        head = token.split(".")[0]
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError) as error:
        raise NotTrusted("the ID token is none") from error
    if not isinstance(found, dict) or found.get("alg") not in ALGORITHMS:
        alg = found.get("alg") if isinstance(found, dict) else None
        raise NotTrusted(f"the ID token is signed by {str(alg)[:40]!r}, which is not taken")
    return found


async def _key(issuers: Issuers, provider: Provider, header: Mapping[str, Any]) -> Any:
    """The provider's key that a token names. One that is not known may be new: its keys are asked for once more."""
    for anew in (provider.source not in issuers.keys, True):
        if anew:
            document = await document_of(issuers, provider)
            found = (await _json(provider, "GET", document["jwks_uri"])).get("keys")
            issuers.keys[provider.source] = (
                [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
            )
        if (key := _fitting(issuers.keys[provider.source], header)) is not None:
            return key
    raise NotTrusted(f"the provider has no key {str(header.get('kid'))[:100]!r} for {header['alg']}")


def _fitting(keys: list[dict[str, Any]], header: Mapping[str, Any]) -> Any:
    """The one public key that may have signed it; None where there is none, or several and the token does not say which."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    kind = {"R": "RSA", "P": "RSA", "E": "EC"}[header["alg"][0]] if header["alg"][:2] != "Ed" else "OKP"
    found = [
        one
        for one in keys
        if one.get("kty") == kind
        and one.get("use", "sig") == "sig"
        and one.get("alg", header["alg"]) == header["alg"]
        and ("kid" not in header or one.get("kid") == header["kid"])
    ]
    if len(found) != 1:
        return None
    public = {name: value for name, value in found[0].items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        return jwk.import_key(public)
    except (JoseError, ValueError, TypeError):
        return None


async def _more(provider: Provider, url: str, access: str, claims: dict[str, Any]) -> dict[str, Any]:
    """With what the provider says only when it is asked: of the same person, or nothing."""
    try:
        require_sealed(provider, url, "userinfo_endpoint")
    except FieldError as error:
        raise NotTrusted(str(error)) from error
    headers = {"authorization": f"Bearer {access}", "accept": "application/json"}
    found = await _json(provider, "GET", url, headers)
    if found.get("sub") != claims["sub"]:
        raise NotTrusted("what it says of the person is about somebody else")
    return {name: found[name] for name in ("email", "email_verified", "name") if name in found} | claims


async def _json(
    provider: Provider, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> dict[str, Any]:
    """An answer of the provider's, from an address that was checked and is the one connected to. No redirect is followed: what is
    sent along would go there. Raises NotTrusted."""
    import httpx

    place = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}{urlsplit(url).path}"[:200]
    try:
        async with asyncio.timeout(SECONDS), bare_client() as client:
            got = await once(client, method, url, headers or {}, body, provider.reaches)
    except Mend as error:
        raise NotTrusted(f"{place}: {error}") from error
    except TimeoutError as error:
        raise NotTrusted(f"{place} did not answer within {SECONDS:g} s") from error
    except (httpx.HTTPError, OSError) as error:
        raise NotTrusted(f"{place}: {error or type(error).__name__}") from error
    try:
        found = json.loads(got.data)
    except (ValueError, RecursionError):
        found = None
    if got.status != 200 or not isinstance(found, dict):
        why = found.get("error") if isinstance(found, dict) else ""
        raise NotTrusted(f"{place} answered {got.status} {str(why or '')[:100]}".rstrip())
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
