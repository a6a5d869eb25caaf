"""What goes wrong, as `application/problem+json` (RFC 9457): what, why, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from remit.errors import (
    Busy,
    Forbidden,
    ModelError,
    NoSuchRun,
    NotWaiting,
    Overtaken,
    RemitError,
    StaleWriter,
    StoreError,
    UnknownName,
    UserError,
)

LOG = logging.getLogger(__name__)
MEDIA = "application/problem+json"
Sent = Mapping[str, str]  # headers
MOST_WORDS = 1000  # of what was sent, as an error repeats it
TITLES = {  # by status: what is said of it, and what the document says when it happens
    400: ("Bad request", "The request cannot be read."),
    401: ("Not signed in", "There is no valid token, nor a session of the console."),
    403: ("Not allowed", "The token lacks a scope, or it is not the caller's to decide."),
    404: ("Not found", "There is no such thing; or no longer, and the detail says since when."),
    405: ("Method not allowed", "The path knows other methods; the header Allow names them."),
    409: ("Conflict", "It does not fit what has happened meanwhile."),
    412: ("Changed meanwhile", "Somebody else has changed it; look again, and send its ETag as If-Match."),
    413: ("Too large", "The body is larger than is read."),
    415: ("Unsupported media type", "The body is not JSON, or does not say so."),
    421: ("Misdirected request", "The server is called by a name that is not its own."),
    422: ("Unusable input", "Something in it cannot be used; `errors` says where."),
    428: (
        "Precondition required",
        "Say with If-Match what you have looked at, so that nobody's change is lost.",
    ),
    429: ("Too much at once", "Too many runs are open; the header Retry-After says when to try again."),
    500: ("Fault of the server", "A mistake of Remit's; its log has more."),
    503: ("Unavailable", "The database or a model's provider cannot be reached now; try again."),
}


class FieldError(BaseModel):
    """What is wrong with one part of the input."""

    pointer: str = Field(
        description="A JSON pointer (RFC 6901) into the body, or the name of a parameter, as `?limit` or `header:Last-Event-ID`.",
        examples=["/agent/rules/0"],
    )
    detail: str = Field(description="What is wrong with it.", examples=["Field required"])


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(
        description="A name for this kind of problem.", examples=["urn:remit:problem:not-found"]
    )
    title: str = Field(description="The same for people.", examples=["Not found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What is wrong, and what to do.", examples=["there is no run '3f2a…'"])
    errors: list[FieldError] = Field(
        default=[], description="By part of the input, where that is what is wrong."
    )


class Refused(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Sent | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, headers


def at(pointer: str, detail: str) -> Refused:
    """A part of the input that cannot be used."""
    return Refused(422, f"{pointer}: {detail}", [FieldError(pointer=pointer, detail=detail)])


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: Sent | None = None
) -> JSONResponse:
    title = TITLES[status][0] if status in TITLES else HTTPStatus(status).phrase
    kind = "urn:remit:problem:" + title.lower().replace(" ", "-")
    body = Problem(type=kind, title=title, status=status, detail=printable(detail), errors=list(errors))
    return JSONResponse(body.model_dump(), status, dict(headers or {}), MEDIA)


Tell = Callable[[int, str, Sequence[FieldError], Sent | None], JSONResponse]


def tell(
    request: Request, status: int, detail: str, errors: Sequence[FieldError] = (), headers: Sent | None = None
) -> JSONResponse:
    """A problem, in the shape that clients of this application know; RFC 9457 where it has none of its own."""
    shape: Tell = getattr(request.app.state, "tell", problem)
    return shape(status, detail, errors, headers)


def printable(text: str) -> str:
    """Valid Unicode, not too long: it may repeat what was sent."""
    return text[:MOST_WORDS].encode("utf-8", "replace").decode()


def missing(request: Request, error: Exception) -> bool:
    """Whether what the address names is not there, rather than something that was sent."""
    named = error.name if isinstance(error, UnknownName) else ""
    return isinstance(error, NoSuchRun) or (bool(named) and named in map(str, request.path_params.values()))


async def refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return tell(request, error.status, error.detail, error.errors, error.headers)


async def told(request: Request, error: Exception) -> JSONResponse:
    """One of our own errors: by whose fault it is."""
    detail = str(error)
    if isinstance(error, NotWaiting | StaleWriter):
        return tell(request, 409, detail)
    if isinstance(error, Overtaken):
        return tell(request, 412, detail)
    if isinstance(error, Busy):
        return tell(request, 429, detail, headers={"Retry-After": str(max(1, round(error.retry_after)))})
    if isinstance(error, Forbidden):
        return tell(request, 403, detail)
    if missing(request, error):
        return tell(request, 404, detail)
    if isinstance(error, UserError):
        return tell(request, 422, detail)
    if isinstance(error, StoreError | ModelError):
        return tell(request, 503, detail, headers={"Retry-After": "5"})
    assert isinstance(error, RemitError)
    LOG.error("%s %s: %s", request.method, request.url.path, error)
    return tell(request, 500, detail)


async def invalid(request: Request, error: Exception) -> JSONResponse:
    """What does not fit the document, each with where it stands."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        return tell(request, 400, f"the body is not JSON: {found[0].get('ctx', {}).get('error', '')}")
    errors = [
        FieldError(pointer=pointer(one["loc"]), detail=printable(str(one["msg"]))) for one in found[:20]
    ]
    first = f"{errors[0].pointer}: {errors[0].detail}" if errors else "the input cannot be used"
    return tell(
        request,
        422,
        f"{first}; {request.scope.get('root_path', '')}/openapi.json says what is wanted",
        errors,
    )


def pointer(loc: Sequence[Any]) -> str:
    """Where a part of the input stands. Lone numbers after the body's name come from unions and stay: they are places."""
    where, *rest = [printable(str(part)) for part in loc] or [""]
    if where == "body":
        return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in rest)
    mark = {"query": "?", "header": "header:", "path": "path:", "cookie": "cookie:"}.get(where, "")
    return mark + ".".join(rest)


async def http(request: Request, error: Exception) -> JSONResponse:
    """Unknown paths, wrong methods, bodies that are too large."""
    assert isinstance(error, HTTPException)
    root, path = request.scope.get("root_path", ""), request.url.path
    details = {
        404: f"there is nothing at {path}; {root}/openapi.json lists what there is",
        405: f"{request.method} is nothing that {path} knows; {root}/openapi.json lists what it does",
        413: "the body is too large: 2 MB are read, and of one that begins a run 16 MB, for the files that come with it",
    }
    return tell(
        request, error.status_code, details.get(error.status_code, str(error.detail)), headers=error.headers
    )


async def away(request: Request, error: Exception) -> JSONResponse:
    """The database cannot be reached."""
    return unreachable(request)


def unreachable(request: Request) -> JSONResponse:
    detail = (
        "the database cannot be reached; try again, and if it stays so, `remit doctor` on the server says why"
    )
    return tell(request, 503, detail, headers={"Retry-After": "5"})


async def fault(request: Request, error: Exception) -> JSONResponse:
    """Whatever nobody expected. It is raised on after the answer, so that the log has it."""
    return tell(request, 500, "a mistake of Remit's own; the server's log says more")
