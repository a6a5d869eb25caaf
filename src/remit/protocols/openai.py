"""`/v1` as OpenAI's clients know it: models, completions and responses, over agents and their runs."""

from __future__ import annotations

from fastapi import FastAPI

from remit.api.routes import routes_of
from remit.api.server import guarded
from remit.app import App
from remit.protocols.chat import server as chat
from remit.protocols.responses import server as responses

ROUTES = routes_of(chat.router, responses.router)


def make_openai(app: App) -> FastAPI:
    """To be mounted at /v1."""
    made = guarded(app, "Remit, for clients of OpenAI", "1", chat.shaped)
    made.router.routes += ROUTES
    return made
