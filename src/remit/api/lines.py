"""Where Twilio tells what came in, and what became of what went out: POST /hooks/WORKSPACE/~CONNECTION. Whoever is not Twilio is told the
same whether there is such a connection or not."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response

from remit.app import App
from remit.channels.line import Line
from remit.channels.twilio import became_of, signed, written_of
from remit.connections.kept import connection_of
from remit.errors import UnknownName, UserError
from remit.secrets import open_text
from remit.store.guest import NAME
from remit.texting import became, written
from remit.webhooks.sign import BadSignature

NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'  # TwiML: nothing is answered at once


async def told(app: App, request: Request, workspace: str, name: str, body: bytes) -> Response:
    """Raises BadSignature."""
    here, line = await _known(app, workspace, name)
    form = _form(body)
    address = line.callback or _address(app, request)
    if request.url.query:
        address = f"{address}?{request.url.query}"
    said = request.headers.get("x-twilio-signature", "")
    try:
        token = await open_text(line.token, here.store)
    except UserError as error:
        raise BadSignature(str(error)) from error
    if why := signed(address, form, said, token):
        raise BadSignature(why)
    fields: Mapping[str, str] = dict(form)
    if (status := became_of(fields)) is not None:
        await became(here.store, status)
    elif (came := written_of(fields)) is not None:
        await written(here, name, came)
    return Response(NOTHING, media_type="text/xml")


async def _known(app: App, workspace: str, name: str) -> tuple[App, Line]:
    """Raises BadSignature where there is none."""
    if not NAME.fullmatch(workspace) or "\0" in name:
        raise BadSignature("there is no such workspace")
    here = app.within(workspace)
    try:
        line = (await connection_of(here.store, name)).linked.connection.twilio
    except UnknownName as error:
        raise BadSignature(str(error)) from error
    if line is None:
        raise BadSignature("the connection is no number")
    return here, line


def _form(body: bytes) -> list[tuple[str, str]]:
    """Raises BadSignature for what is no form."""
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict"
        )
    except ValueError as error:
        raise BadSignature(f"it is no form: {error}") from error


def _address(app: App, request: Request) -> str:
    """As it was called, by the server's public name where it has one."""
    base = (
        app.settings.public_url.rstrip("/") if app.settings.public_url else str(request.base_url).rstrip("/")
    )
    path = request.scope.get("root_path", "") + request.scope["path"].removeprefix(
        request.scope.get("root_path", "")
    )
    return f"{base.removesuffix('/hooks')}{path}"
