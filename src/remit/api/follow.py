"""Where links of mail lead on, /c/WORD/SIGNATURE?to=ADDRESS, and the picture by which it is heard that it was opened, /o/WORD.gif. Nobody is led where no
mail of ours had a link to."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from psycopg import OperationalError

from remit.api.leave import LONGEST, nowhere
from remit.api.problems import away, fault, told
from remit.app import App
from remit.decisions.tracked import hit, leads, machine_of
from remit.errors import RemitError

POINT = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def make_follow(app: App) -> FastAPI:
    """To be mounted at /c."""
    made = _bare()

    @made.api_route("/{word}/{signature}", methods=["GET", "HEAD"])
    async def follow(request: Request, word: str, signature: str, to: str = "") -> Response:
        if len(word) > LONGEST or not leads(app.root.store, word, signature, to):
            return await nowhere(app, request)
        await hit(app.root.store, word, to, machine_of(request.method, request.headers))
        return RedirectResponse(to, 302, HEADERS)

    return made


def make_opened(app: App) -> FastAPI:
    """To be mounted at /o. What is none is a picture too: a mail shows no holes."""
    made = _bare()

    @made.api_route("/{name}", methods=["GET", "HEAD"])
    async def opened(request: Request, name: str) -> Response:
        word = name.removesuffix(".gif")
        if len(word) <= LONGEST:
            await hit(app.root.store, word, "", machine_of(request.method, request.headers))
        return Response(POINT, media_type="image/gif", headers=HEADERS)

    return made


def _bare() -> FastAPI:
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for kind, handler in ((RemitError, told), (OperationalError, away), (Exception, fault)):
        made.add_exception_handler(kind, handler)
    return made
