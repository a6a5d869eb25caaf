"""Clients that cannot be given a token call with one all the same."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class SignedIn:
    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app, self.header = app, (b"authorization", f"Bearer {secret}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not any(name == b"authorization" for name, _ in scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], self.header]}
        await self.app(scope, receive, send)


def signed_in(server: FastAPI, secret: str) -> None:
    """Before its first request."""
    server.add_middleware(SignedIn, secret=secret)
