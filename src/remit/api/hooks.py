"""Where webhooks of others are delivered to: POST /hooks/WORKSPACE/AGENT/TRIGGER for a trigger, POST /hooks/WORKSPACE/INTAKE for the
graph; `lines.py` has what Twilio tells. Whoever does not show that they are the sender is told the same whether there is such a one or not."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from psycopg import OperationalError
from pydantic_core import from_json
from starlette.exceptions import HTTPException

from remit.api import lines
from remit.api.problems import Refused, away, fault, problem, refused, told
from remit.app import App
from remit.channels import slack
from remit.channels.port import Incoming
from remit.connections.signing import signing_of
from remit.decisions.contacts import lately_reached
from remit.errors import Busy, RemitError, UnknownName, UserError
from remit.graph.identifiers import identifier
from remit.graph.ingest import BATCH, Taken, take
from remit.intake import kept as intakes
from remit.intake.kept import Kept
from remit.intake.mapping import Came, rows_of
from remit.store.guest import NAME
from remit.store.store import Store
from remit.triggers import firing, kept
from remit.triggers.kept import Standing
from remit.triggers.refusals import note
from remit.webhooks.sign import BadSignature, check

LOG = logging.getLogger(__name__)
LARGEST, LARGEST_INTAKE = 100_000, 2_000_000  # bytes of a body
LONGEST = 200  # characters of a delivery's id
PAUSED = 300  # seconds after which a sender may try again
OFTEN = 1.0  # seconds between two refusals of a trigger that are written down by a process
NOWHERE = Refused(404, "there is nothing here for this sender: the address or the signature is wrong")


def make_hooks(app: App) -> FastAPI:
    """The addresses of webhooks, to be mounted at /hooks."""
    hooks = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    noted: dict[tuple[str, str], float] = {}

    @hooks.post("/{workspace}/{agent}/{name}")
    async def deliver(request: Request, workspace: str, agent: str, name: str) -> Response:
        body = await _body(request)
        found = await _known(app, workspace, agent, name)
        if found is None:
            with suppress(BadSignature):
                _key("hmac", request.headers, body, ["nobody's"])  # so that it takes as long
            raise NOWHERE
        store, known = found
        try:
            if known.kind == "slack":
                return JSONResponse(await _heard(store, known, request.headers, body))
            taken = await _taken(store, known, request.headers, body)
        except (Refused, Busy, BadSignature) as error:
            await _note(noted, store, known, str(error))
            if isinstance(error, BadSignature):
                raise NOWHERE from error
            raise
        return JSONResponse({"taken": taken} if taken else {"taken": False, "why": "it came before"}, 202)

    @hooks.post("/{workspace}/~{name}")
    async def hear_line(request: Request, workspace: str, name: str) -> Response:
        body = await _body(request)
        try:
            return await lines.told(app, request, workspace, name, body)
        except BadSignature as error:
            LOG.info("what claims to be told by Twilio to %s/%s was refused: %s", workspace, name, error)
            raise NOWHERE from error

    @hooks.post("/{workspace}/{name}")
    async def take_in(request: Request, workspace: str, name: str) -> Response:
        body = await _body(request, LARGEST_INTAKE)
        found = await _intake(app, workspace, name)
        if found is None:
            with suppress(BadSignature):
                _key("hmac", request.headers, body, ["nobody's"])
            raise NOWHERE
        store, known = found
        try:
            taken = await _into_graph(store, known, request.headers, body)
        except (Refused, BadSignature) as error:
            if _seldom(noted, store.workspace, known.name):
                await intakes.went_wrong(store, known.name, f"a delivery was refused: {error}")
            if isinstance(error, BadSignature):
                raise NOWHERE from error
            raise
        said = {"taken": taken.new, "known": taken.known, "set_aside": len(taken.set_aside)}
        return JSONResponse(said, 202)

    for kind, handler in (
        (Refused, refused),
        (HTTPException, _http),
        (RemitError, told),
        (OperationalError, away),
        (Exception, fault),
    ):
        hooks.add_exception_handler(kind, handler)
    return hooks


async def _taken(store: Store, known: Standing, headers: Mapping[str, str], body: bytes) -> bool:
    """Raises BadSignature where the sender is not known, Refused and Busy where it is and this cannot be taken."""
    kind = known.trigger.webhook or ""
    try:
        keys = await kept.keys(store, known.agent, known.name)
    except UserError as error:
        raise BadSignature(str(error)) from error
    key = _key(kind, headers, body, keys)
    if known.paused_at is not None:
        words = f"trigger {known.called} is paused: send it again later"
        raise Refused(503, words, headers={"Retry-After": str(PAUSED)})
    try:
        said = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    try:
        return await firing.deliver(store, known, key, said)
    except UserError as error:
        raise Refused(422, str(error)) from error


async def _into_graph(store: Store, known: Kept, headers: Mapping[str, str], body: bytes) -> Taken:
    """Raises BadSignature where the sender is not known, Refused where it is and this cannot be taken."""
    intake = known.intake
    try:
        secrets = await intakes.keys(store, known.name)
    except UserError as error:
        raise BadSignature(str(error)) from error
    key = _key(intake.webhook or "", headers, body, secrets).partition(" ")[2]
    if known.paused_at is not None:
        words = f"intake {known.name} is paused: send it again later"
        raise Refused(503, words, headers={"Retry-After": str(PAUSED)})
    try:
        said = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    rows = rows_of(intake, Came(said, key, datetime.now(UTC)))
    if len(rows) > BATCH:
        raise Refused(422, f"a delivery has at most {BATCH:,} events, and this one has {len(rows):,}")
    taken = await take(store, rows, intake.name, frozenset(intake.verified))
    await intakes.heard(store, known.name, taken)
    return taken


async def _heard(store: Store, known: Standing, headers: Mapping[str, str], body: bytes) -> dict[str, object]:
    """An event of Slack: what it is answered. Raises BadSignature where Slack has not signed it, Refused and Busy."""
    try:
        secret = await signing_of(store, known.agent, known.trigger.slack or "")
    except UserError as error:
        raise BadSignature(str(error)) from error
    if why := slack.signed(body, headers, secret, time.time()):
        raise BadSignature(why)
    try:
        said = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    if isinstance(said, Mapping) and said.get("type") == "url_verification":
        return {"challenge": str(said.get("challenge", ""))[:1000]}
    found = await _slack_into_graph(store, said)
    if found is None or known.paused_at is not None:
        return {"taken": False}
    came, where = found
    return {"taken": await firing.hear(store, known, f"slack {came.id}", slack.as_event(came, where))}


async def _slack_into_graph(store: Store, said: Any) -> tuple[Incoming, dict[str, str]] | None:
    """What somebody did there is a part of their history, once whichever triggers hear it; the message, if it is one."""
    found, at = slack.event_of(said), datetime.now(UTC)
    row = slack.reaction_of(said, at)
    if found is not None:
        came, where = found
        who = identifier("handle", slack.handle(came.sender.address))
        answers = bool(came.answers) or await lately_reached(store, who, "slack", at)
        row = slack.heard(came, where, at, answers)
    if row is not None:
        await take(store, [(1, row)], "slack", frozenset(["handle"]))
    return found


def _key(kind: str, headers: Mapping[str, str], body: bytes, keys: Sequence[str]) -> str:
    """By what the delivery is known again; signed by the sender where it signs. Raises BadSignature."""
    if not keys:
        raise BadSignature("no secret has been made for it yet")
    if kind == "standard":
        return f"id {_short(_signed(keys, headers, body))}"
    if kind == "hmac":
        said = headers.get("x-hub-signature-256", "").strip().lower()
        marks = ["sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest() for key in keys]
        if not any(hmac.compare_digest(mark.encode(), said.encode()) for mark in marks):
            raise BadSignature(
                "the signature is by another secret" if said else "there is no X-Hub-Signature-256"
            )
        return f"body {hashlib.sha256(body).hexdigest()}"  # no other header is under the signature
    how, _, token = headers.get("authorization", "").partition(" ")
    same = [hmac.compare_digest(key.encode(), token.strip().encode()) for key in keys]
    if how.lower() != "bearer" or not any(same):
        raise BadSignature("the token is another" if how else "there is no Authorization: Bearer")
    said = headers.get("idempotency-key") or headers.get("webhook-id") or uuid4().hex
    return f"id {_short(said)}"


def _signed(keys: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    wrong = BadSignature("")
    for key in keys:
        try:
            return check(body, headers, key)
        except BadSignature as error:
            wrong = error
    raise wrong


def _short(said: str) -> str:
    return said if len(said) <= LONGEST and said.isprintable() else hashlib.sha256(said.encode()).hexdigest()


async def _known(app: App, workspace: str, agent: str, name: str) -> tuple[Store, Standing] | None:
    if not NAME.fullmatch(workspace) or "\0" in agent + name:
        return None
    store = app.root.store.within(workspace)
    try:
        known = await kept.get_trigger(store, agent, name)
    except UnknownName:
        return None
    return (store, known) if known.kind in ("webhook", "slack") else None


async def _intake(app: App, workspace: str, name: str) -> tuple[Store, Kept] | None:
    if not NAME.fullmatch(workspace) or "\0" in name:
        return None
    store = app.root.store.within(workspace)
    try:
        known = await intakes.get_intake(store, name)
    except UnknownName:
        return None
    return (store, known) if known.path else None


async def _body(request: Request, most: int = LARGEST) -> bytes:
    """Raises HTTPException where it is too large, whatever it says of its length."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise HTTPException(413, f"a delivery has at most {most:,} bytes")
    return body


def _seldom(noted: dict[tuple[str, str], float], workspace: str, called: str) -> bool:
    """Whether it is time to write down a refusal again: anybody can have something refused."""
    now = time.monotonic()
    if now - noted.get((workspace, called), -OFTEN) < OFTEN:
        return False
    noted[workspace, called] = now
    return True


async def _note(noted: dict[tuple[str, str], float], store: Store, known: Standing, why: str) -> None:
    """Not more is written down of it than somebody would read."""
    if _seldom(noted, known.workspace, known.called):
        await note(store, known.agent, known.name, why)
    LOG.info("webhook %s refused: %s", known.called, why)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        404: str(NOWHERE),
        405: "deliveries are sent by POST",
    }
    return problem(error.status_code, words.get(error.status_code, str(error.detail)), headers=error.headers)
