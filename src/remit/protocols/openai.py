"""`/v1` as OpenAI's clients know it: models, completions and responses, over agents and their runs."""

from __future__ import annotations

from fastapi import FastAPI

from remit.api.server import guarded
from remit.app import App
from remit.protocols.chat import server as chat
from remit.protocols.responses import server as responses


def make_openai(app: App) -> FastAPI:
    """To be mounted at /v1."""
    made = guarded(app, "Remit, for clients of OpenAI", "1", chat.shaped)
    made.include_router(chat.router)
    made.include_router(responses.router)
    return made
