"""The API as an application of its own, and the document that says all of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from psycopg import OperationalError
from starlette.exceptions import HTTPException

import remit
from remit.access.roles import RIGHTS
from remit.api import (
    accounts,
    agents,
    asks,
    budgets,
    catalog,
    connections,
    contacts,
    conversations,
    decided,
    events,
    files,
    intakes,
    interactions,
    keeping,
    keys,
    knowledge,
    looking,
    people,
    playbooks,
    privacy,
    purposes,
    retention,
    runs,
    segments,
    triggers,
    webhooks,
)
from remit.api.guard import Guarded
from remit.api.problems import (
    MEDIA,
    TITLES,
    FieldError,
    Problem,
    Refused,
    Tell,
    away,
    fault,
    http,
    invalid,
    refused,
    told,
)
from remit.api.routes import routes_of
from remit.api.tokens import PREFIX
from remit.app import App
from remit.errors import RemitError

TAGS = {
    "runs": "An agent at work on a goal. What happens in it is its journal, and all else is read from that.",
    "events": "The journal of a run, by page or as a stream.",
    "approvals": "What runs ask people. A word is that of the token's owner: nobody can speak for somebody else.",
    "effects": "What was done to the world, once each, with its key.",
    "agents": "What can be run by name, and the drafts and versions of what is built here.",
    "triggers": "What begins runs of published agents without a person at a keyboard: times, deliveries, runs that have ended.",
    "webhooks": "Who is told over HTTP of what happens in runs.",
    "budgets": "What the workspace and its agents may spend on models.",
    "retention": "How long ended runs are kept, and what is known of people.",
    "connections": "Outside systems that agents may be connected to.",
    "knowledge": "What agents may look up: sources of documents.",
    "people": "The conversation graph: what happened on every channel, to whom, and who is one person.",
    "decisions": "The next best action: playbooks, what was chosen for whom and why, and what it brings.",
    "contacts": "Who is reached, by which rules, and who is left alone.",
    "conversations": "With people, by chat, mail, SMS and WhatsApp: read, taken over from an agent, handed back.",
    "keys": "Keys of model providers that the workspace has: written, and never read.",
    "catalog": "What there is to work with: tools, models.",
}
PARTS = (
    runs,
    events,
    looking,
    files,
    asks,
    agents,
    triggers,
    catalog,
    webhooks,
    budgets,
    retention,
    keeping,
    connections,
    knowledge,
    interactions,
    intakes,
    accounts,
    people,
    contacts,
    conversations,
    privacy,
    purposes,
    segments,
    decided,
    playbooks,
    keys,
)
ROUTES = routes_of(*(part.router for part in PARTS))
ABOUT = f"""Runs of agents within their remit.

Send a token as `Authorization: Bearer {PREFIX}…`; `remit tokens add --help` makes one. Errors are
`application/problem+json` (RFC 9457), and their `detail` says what to do. Times are RFC 3339, money is in US dollars as
a decimal in a string. Fields may be added to answers; what a body does not know is refused."""


def make_api(app: App) -> FastAPI:
    """The API over one App, to be mounted at /api/v1."""
    api = guarded(app, "Remit", "1")
    api.router.routes += ROUTES
    document: dict[str, Any] = {}

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        document.update(document or describe(api))
        return document

    return api


def guarded(app: App, title: str, version: str, tells: Tell | None = None) -> FastAPI:
    """An application over one App for callers with a token, whose errors are told as `tells` shapes them."""
    api = FastAPI(
        title=title,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.remit = app
    if tells is not None:
        api.state.tell = tells
    api.add_middleware(Guarded, remit=app)
    for kind, handler in (
        (Refused, refused),
        (RequestValidationError, invalid),
        (HTTPException, http),
        (RemitError, told),
        (OperationalError, away),
        (Exception, fault),
    ):
        api.add_exception_handler(kind, handler)
    return api


def describe(api: FastAPI) -> dict[str, Any]:
    """The document: what the routes say, with every error as what it is."""
    document = get_openapi(
        title=api.title,
        version=remit.__version__,
        description=ABOUT,
        routes=api.routes,
        tags=[{"name": name, "description": words} for name, words in TAGS.items()],
        servers=[{"url": "/api/v1"}],
    )
    schemas = document["components"]["schemas"]
    for model in (FieldError, Problem):
        schemas[model.__name__] = model.model_json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        schemas[model.__name__].pop("$defs", None)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": scopes_in_words()},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "remit_session",
            "description": "Whoever is signed in to the console, from its own pages; all scopes but persons:assert.",
        },
    }
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    _as_problem(answer, int(status))
    return document


def scopes_in_words() -> str:
    return "A token, for what its scopes say.\n\n" + "\n".join(
        f"- `{name}`: {what}" for name, what in RIGHTS.items()
    )


def _as_problem(answer: dict[str, Any], status: int) -> None:
    title, description = TITLES[status]
    schema = {"$ref": "#/components/schemas/Problem"}
    answer.clear()
    answer["description"] = f"{title}. {description}"
    answer["content"] = {MEDIA: {"schema": schema}}
    if status == 401:
        answer["headers"] = {
            "WWW-Authenticate": {"schema": {"type": "string"}, "description": "How to call."}
        }
    if status in (429,):
        answer["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
