"""HTTP within limits: only allowed hosts, at the address that was checked; redirects followed by hand, each checked
like the first, and to another site only where the agent's owner named it; bodies of bounded size, unpacked within the same bound.

`context.resources["http_allow"]` is the tuple of allowed hosts (see addresses.py); `context.connections` say which headers,
as one with a key, go along with requests to which origin, so that no model has to know them. Reading by URL is egress: what
stands in the URL leaves. httpx is imported when a tool runs, not before.
"""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import json
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from remit.errors import Mend
from remit.knowledge.page import text_of_page
from remit.tools import folder
from remit.tools.addresses import addresses_of, leads_away
from remit.tools.decorate import tool
from remit.tools.result import text_of
from remit.tools.thread import in_thread
from remit.tools.tool import Json, ToolContext

if TYPE_CHECKING:
    import httpx

SIZE = 2_000_000  # bytes of a body that are read, unpacked
SECONDS = 25.0  # for a call with all its redirects
REDIRECTS = 5
SHOWN = 20_000  # characters of a body that are returned; the whole of a longer one goes to the run's folder
_OURS = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "accept-encoding",
    ]
)
# Not whatever Python can decode: some of its codecs are slow, or no text encodings at all.
_CHARSET = re.compile(
    r"charset=[\"']?((?:utf-?8|utf-?16|us-ascii|iso-8859-|latin|windows-125|cp125|shift_jis|euc-|gb|big5|koi8-)\w{0,6})",
    re.IGNORECASE,
)
_TEXT = re.compile(r"text/|application/(json|xml|javascript|yaml|x-ndjson|graphql)|.*\+(json|xml)$")


@dataclass(frozen=True, slots=True)
class _Body:
    url: str
    status: int
    headers: Mapping[str, str]
    data: bytes
    cut: bool


@tool(effect="egress", sinks={"url": "url"}, settle="repeat")
async def http_get(context: ToolContext, url: str, headers: dict[str, str] = {}) -> Json:  # noqa: B006
    """Read a web page or another address. HTML becomes plain text; other files go to the run's folder.

    Args:
        url: Address to read, with http:// or https://.
        headers: Further request headers.
    """
    return await fetch(context, "GET", url, headers, None)


@tool(effect="destroy", sinks={"url": "url", "body": "text"})
async def http_request(
    context: ToolContext,
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    url: str,
    body: Any = None,
    headers: dict[str, str] = {},  # noqa: B006
) -> Json:
    """Send a request to a web service, which may change something there. A redirect is returned, not followed.

    Args:
        method: What to do.
        url: Address to send it to, with http:// or https://.
        body: What to send: text as it is, anything else as JSON.
        headers: Further request headers.
    """
    return await fetch(context, method, url, headers, body)


async def fetch(
    context: ToolContext, method: str, url: str, headers: Mapping[str, str], body: Any
) -> dict[str, Json]:
    """One request within the limits of this module; the answer as the tools give it."""
    import httpx

    sent, content = _headers(headers), b""
    if body is not None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        sent.setdefault(
            "content-type", "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        )
    if method != "GET":
        sent.setdefault("idempotency-key", context.key)
    try:
        async with asyncio.timeout(SECONDS), bare_client() as client:
            got = await _follow(client, method, url, sent, content, context)
    except TimeoutError as error:
        raise TimeoutError(f"{_shown(url)} did not answer within {SECONDS:g} s") from error
    except httpx.TransportError as error:
        raise ConnectionError(f"{_shown(url)} could not be read: {error or type(error).__name__}") from error
    return await in_thread(lambda: _answer(context, got))


def bare_client() -> httpx.AsyncClient:
    """Without the environment's proxies: a proxy would resolve the name again, to an address nobody checked."""
    import httpx

    return httpx.AsyncClient(trust_env=False, verify=_tls(), timeout=SECONDS)


async def _follow(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: dict[str, str],
    content: bytes,
    context: ToolContext,
) -> _Body:
    import httpx

    allowed = _allowed(context)
    for _ in range(REDIRECTS + 1):
        got = await once(client, method, url, headers | _granted(context, url), content, allowed)
        target = got.headers.get("location")
        if method != "GET" or got.status not in (301, 302, 303, 307, 308) or not target:
            return got
        try:
            onward = str(client.build_request("GET", url).url.join(target))
        except (httpx.InvalidURL, ValueError) as error:
            raise Mend(f"{_shown(url)} redirects to {target[:200]!r}, which is no URL") from error
        if _elsewhere(url, onward, allowed):
            return got  # a call of its own, which the gate judges by its address
        if _origin(onward) != _origin(url):  # what the caller gave for one site is not for another
            headers = {key: value for key, value in headers.items() if key == "accept"}
        url = onward
    raise Mend(f"more than {REDIRECTS} redirects, the last to {_shown(url)}")


async def once(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    allowed: tuple[str, ...],
) -> _Body:
    """One request, to an address that has been checked and is the one connected to."""
    import httpx

    target = checked(url)
    host = target.raw_host.decode("ascii").lower()
    port = target.port or (443 if target.scheme == "https" else 80)
    failure: httpx.TransportError | None = None
    for address in (await addresses_of(host, port, allowed))[:3]:
        request = client.build_request(
            method,
            target.copy_with(host=address),
            headers={
                "accept-encoding": "gzip, deflate",
                "user-agent": "remit",
                **headers,
                "host": _netloc(target),
            },
            content=content or None,
            extensions={"sni_hostname": host.strip("[]")},
        )
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
        ) as error:  # nothing was sent yet: try its next address
            failure = error
            continue
        try:
            data, cut = await _bounded(response.aiter_raw(), response.headers.get("content-encoding", ""))
        finally:
            await response.aclose()
        return _Body(str(target), response.status_code, response.headers, data, cut)
    raise failure or ConnectionError(f"{host} has no address")


def _granted(context: ToolContext, url: str) -> dict[str, str]:
    """The headers that the agent's spec gives to requests of this origin, over those of the model. Raises UserError."""
    found: dict[str, str] = {}
    for one in context.connections.values():
        if one.get("http") and _site(one["http"]) == _site(url):
            found |= {key.lower(): value for key, value in one["headers"].items()}
    secrets = context.secrets
    return {key: secrets.expand(value) if secrets else value for key, value in found.items()}


def _site(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the port also where it goes without saying."""
    target = checked(url)
    default = 443 if target.scheme == "https" else 80
    return target.scheme, target.raw_host.decode("ascii").lower(), target.port or default


def checked(url: str) -> httpx.URL:
    import httpx

    if len(url) > 8_000:
        raise Mend("url: longer than 8,000 characters")
    try:
        target = httpx.URL(url)
        host = target.raw_host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Mend(f"url: {url[:200]!r} is not a URL: {error}") from error
    if target.scheme not in ("http", "https") or not host:
        raise Mend(f"url: {url[:200]!r} must start with http:// or https:// and name a host")
    if target.userinfo:
        raise Mend("url: it must not hold a user name or password")
    return target.copy_with(fragment=None)


def _netloc(target: httpx.URL) -> str:
    return target.netloc.decode("ascii")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _elsewhere(url: str, onward: str, allowed: tuple[str, ...]) -> bool:
    """Whether a redirect leads to a site that neither the caller nor the agent's owner has named. What the caller put into
    an address would go there: an open redirect makes of any site a way out. `www.` and https are the same site."""
    before, after = urlsplit(url), urlsplit(onward)
    old, new = ((parts.hostname or "").removeprefix("www.") for parts in (before, after))
    ports = (_port(url), _port(onward))
    if old == new and (ports[0] == ports[1] or ports == (80, 443)):
        return before.scheme == "https" and after.scheme == "http"  # what was sealed would be sent open
    return leads_away(after.hostname or "", ports[1], allowed)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _shown(url: str) -> str:
    """The address without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:300]


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, value in given.items():
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", key) or not re.fullmatch(r"[\t\x20-\x7e]{0,4000}", value):
            raise Mend(f"headers: {key[:70]!r} is not a header that can be sent")
        if key.lower() in _OURS or key.lower().startswith("proxy-"):
            raise Mend(f"headers: {key!r} is set by the tool itself")
        headers[key.lower()] = value
    return headers


async def _bounded(raw: AsyncIterator[bytes], encoding: str) -> tuple[bytes, bool]:
    """Up to SIZE bytes of a body, unpacked; and whether there was more. A bomb is unpacked no further than that."""
    coding = encoding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise ConnectionError(f"the body came in an encoding that was not asked for: {coding[:40]!r}")
    unpack = (
        zlib.decompressobj(wbits=47 if "gzip" in coding else 15) if coding not in ("", "identity") else None
    )
    body = bytearray()
    async for chunk in raw:
        if unpack is None:
            body += chunk[: SIZE + 1 - len(body)]
        else:
            try:
                body += unpack.decompress(chunk, SIZE + 1 - len(body))
            except zlib.error as error:
                raise ConnectionError(f"the body is not the {coding} that it says it is") from error
        if len(body) > SIZE:
            return bytes(body[:SIZE]), True
    return bytes(body), False


def _answer(context: ToolContext, got: _Body) -> dict[str, Json]:
    got = _without_secrets(context, got)
    kind = got.headers.get("content-type", "")
    plain = kind.partition(";")[0].strip().lower()
    answer: dict[str, Json] = {"url": got.url, "status": got.status, "content_type": plain}
    if location := got.headers.get("location"):
        answer["location"] = text_of(location[:2000])
        answer["note"] = "this leads elsewhere and was not followed; read that address if it is wanted"
    if got.cut:
        answer["truncated"] = f"only the first {SIZE:,} bytes were read"
    if not _TEXT.match(plain) and (plain or b"\0" in got.data[:1000]):
        return answer | _saved(context, got, got.data, _extension(got.url, plain))
    source = got.data.decode(_charset(kind), "replace")
    source = context.secrets.hide(source) if context.secrets else source
    text = (
        text_of_page(source, got.url) if plain in ("text/html", "application/xhtml+xml") else text_of(source)
    )
    if len(text) <= SHOWN:
        return answer | {"text": text}
    kept = _saved(context, got, text.encode("utf-8", "replace"), "txt")
    return (
        answer
        | kept
        | {"text": text[:SHOWN], "note": "the text goes on in the file; files_read pages through it"}
    )


def _without_secrets(context: ToolContext, got: _Body) -> _Body:
    """The body as it may be kept in a file, or cut: a part of a secret would not be known for one afterwards."""
    if context.secrets is None:
        return got
    data = context.secrets.hide(got.data)
    return replace(got, data=context.secrets.trim(data) if got.cut else data)


def _saved(context: ToolContext, got: _Body, data: bytes, extension: str) -> dict[str, Json]:
    name = hashlib.sha256(got.url.encode()).hexdigest()[:12]
    path = f"downloads/{name}.{extension}"
    folder.write(context.root, path, data)
    return {"file": path, "bytes": len(data)}


def _extension(url: str, kind: str) -> str:
    last = urlsplit(url).path.rpartition("/")[2]
    found = re.fullmatch(r".*\.([A-Za-z0-9]{1,8})", last)
    return found[1].lower() if found else re.sub(r"[^a-z0-9]", "", kind.partition("/")[2])[:8] or "bin"


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    try:
        return codecs.lookup(found[1]).name if found else "utf-8"
    except LookupError:
        return "utf-8"


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are checked against the usual authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
    import httpx

    return httpx.create_ssl_context()


def _allowed(context: ToolContext) -> tuple[str, ...]:
    given = context.resources.get("http_allow", ())
    return (
        tuple(re.split(r"[,\s]+", given.strip()))
        if isinstance(given, str) and given.strip()
        else tuple(given)
    )


TOOLS = (http_get, http_request)
