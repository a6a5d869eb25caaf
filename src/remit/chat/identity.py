"""Who a visitor is, as the site's own server has signed it: a JWT (HS256) by the secret of the chat. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remit.errors import UserError

LONGEST = 8_000  # characters of a token
LASTS = 86_400  # seconds that one may hold at most
SKEW = 60  # seconds that clocks may differ


@dataclass(frozen=True, slots=True)
class Visitor:
    """Empty: nobody knows."""

    subject: str = ""
    email: str = ""
    name: str = ""


class NotSigned(UserError):
    """It does not say who the visitor is."""


def visitor_of(token: str, keys: Sequence[str], audience: str, now: float) -> Visitor:
    """`audience`: the agent. Raises NotSigned."""
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    wrong: Exception = NotSigned("no secret has been made for it yet")
    for key in keys if len(token) <= LONGEST else ():
        try:
            said = jwt.decode(token, jwk.OctKey.import_key(key), algorithms=["HS256"]).claims
            return _read(said, audience, now)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            wrong = error
    raise NotSigned(f"the identity does not hold: {wrong}")


def _read(said: dict[str, object], audience: str, now: float) -> Visitor:
    """Raises ValueError."""
    expires, subject = said.get("exp"), said.get("sub")
    if not isinstance(expires, int | float) or not now - SKEW < expires <= now + LASTS + SKEW:
        raise ValueError(f"exp: in seconds since 1970, at most {LASTS} ahead")
    if said.get("aud") != audience:
        raise ValueError(f"aud: the agent's name, {audience}")
    if not isinstance(subject, str) or not subject or len(subject) > 255 or not subject.isprintable():
        raise ValueError("sub: who they are, as your system knows them")
    email, name = said.get("email", ""), said.get("name", "")
    for called, value, most in (("email", email, 254), ("name", name, 200)):
        if not isinstance(value, str) or len(value) > most or (value and not value.isprintable()):
            raise ValueError(f"{called}: a text of at most {most} characters")
    return Visitor(subject, str(email).strip().lower(), str(name).strip())
