"""What the API answers where something is wrong.

ApiError                 it answered with a problem; `detail` says what to do, `errors` where
├── NotSignedIn          401  the token is missing, expired or revoked
├── NotAllowed           403  the token lacks a scope, or it is not the caller's to decide
├── NotFound             404
├── Conflict             409, 412  it does not fit what has happened meanwhile
├── Unusable             400, 413, 422  something in the input
├── TooMuch              429  tried again as often as was allowed
└── Unavailable          500 and above
Unreachable              there was no answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remit.errors import RemitError


@dataclass(frozen=True, slots=True)
class Wrong:
    """One part of the input: a JSON pointer into the body, or `?limit`."""

    pointer: str
    detail: str


class ApiError(RemitError):
    """A problem (RFC 9457)."""

    def __init__(self, status: int, title: str, detail: str, errors: Sequence[Wrong] = ()) -> None:
        super().__init__(f"{detail} ({status} {title})")
        self.status, self.title, self.detail, self.errors = status, title, detail, tuple(errors)


class NotSignedIn(ApiError):
    """The token is missing, expired or revoked."""


class NotAllowed(ApiError):
    """The token lacks a scope, or it is not the caller's to decide."""


class NotFound(ApiError):
    """There is no such thing, or no longer."""


class Conflict(ApiError):
    """It does not fit what has happened meanwhile."""


class Unusable(ApiError):
    """Something in the input cannot be used; `errors` says where."""


class TooMuch(ApiError):
    """Too much at once, also after it was tried again."""


class Unavailable(ApiError):
    """The server, its database or a model's provider is at fault; also after it was tried again."""


class Unreachable(RemitError):
    """There was no answer."""


KINDS: dict[int, type[ApiError]] = {
    400: Unusable,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: Unusable,
    422: Unusable,
    429: TooMuch,
}


def problem(status: int, body: Any) -> ApiError:
    """The error that an answer is. What is no problem of ours came from something in between."""
    found: Mapping[str, Any] = body if isinstance(body, dict) else {}
    kind = KINDS.get(status, Unavailable if status >= 500 else ApiError)
    detail = str(
        found.get("detail") or f"the server answered {status} without saying why: is the address Remit's?"
    )
    wrong = [Wrong(str(one.get("pointer")), str(one.get("detail"))) for one in found.get("errors") or []]
    return kind(status, str(found.get("title") or "no problem document"), detail, wrong)
