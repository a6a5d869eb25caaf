"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com): who holds the secret knows that a message is
ours, whole, and no old one sent again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

PREFIX = "whsec_"
LATE = 300  # seconds that a message may be old, or ahead


class BadSignature(Exception):
    """A message that is not to be believed; the text says why."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(number: str, at: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers of a message: one signature a secret, while the one takes the other's place."""
    marks = [f"v1,{base64.b64encode(_mark(number, str(at), body, key)).decode()}" for key in keys]
    return {"webhook-id": number, "webhook-timestamp": str(at), "webhook-signature": " ".join(marks)}


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: float | None = None) -> Any:
    """What a message says, as JSON; `headers` as they came, `body` before anything reads it. Raises BadSignature, ValueError for
    what is signed and no JSON. The same `webhook-id` may come more than once: keep those that you have dealt with."""
    check(body, headers, secret, now)
    return json.loads(body)


def check(body: bytes, headers: Mapping[str, str], secret: str, now: float | None = None) -> str:
    """The `webhook-id` of a message that whoever holds the secret has signed, lately. Raises BadSignature."""
    found = {name.lower(): value for name, value in headers.items()}
    try:
        number, at, marks = (found[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        sent = int(at)
    except (KeyError, ValueError) as error:
        raise BadSignature("a header of the signature is missing, or none that can be read") from error
    if abs((time.time() if now is None else now) - sent) > LATE:
        raise BadSignature(f"it was sent more than {LATE} s ago, or a clock is wrong")
    mine = _mark(number, at, body, secret)
    for mark in marks.split():
        version, _, text = mark.partition(",")
        try:
            theirs = base64.b64decode(text, validate=True)
        except ValueError:  # not base64, or not even ASCII
            continue
        if version == "v1" and hmac.compare_digest(mine, theirs):
            return number
    raise BadSignature("no signature is by this secret")


def _mark(number: str, at: str, body: bytes, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSignature(f"the secret is none: it begins with {PREFIX} and goes on in base64") from error
    return hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()
