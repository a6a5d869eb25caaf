"""Passwords: kept as argon2id hashes, long rather than complicated, and none that is guessed early.

Length and guessing as NIST SP 800-63B-4 and OWASP ASVS 5.0 have it: no rules of composition, no expiry, a bound that no
passphrase reaches, and a check against what people use often, their own name among it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from remit.errors import UserError

SHORTEST, LONGEST = 12, 256  # characters
GUESSES = 8  # powers of ten that a guesser needs at least, by zxcvbn
LOOKED_AT = 72  # characters by which guessing is estimated
OURS = ("remit", "agent", "console")
HASHER = PasswordHasher(
    time_cost=1, memory_cost=47_104, parallelism=1
)  # OWASP's first for argon2id: 46 MiB, once
THREADS = ThreadPoolExecutor(4, "passwords")  # so that a flood of tries takes no more than 4 × 46 MiB


async def hashed(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(THREADS, HASHER.hash, password)


async def fits(hash: str | None, password: str) -> bool:
    """Whether it is the password. Where there is none it takes as long to say no."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, _fits, hash, password)


def old(hash: str) -> bool:
    """Whether it was hashed with other parameters than those of now."""
    return HASHER.check_needs_rehash(hash)


def require_strong(password: str, *names: str) -> None:
    """Raises UserError for a password that is too short, too long, or guessed early by whoever knows these names."""
    if len(password) < SHORTEST:
        raise UserError(
            f"That has {len(password)} characters: {SHORTEST} at least. A few words in a row are easy to keep in mind."
        )
    if len(password) > LONGEST:
        raise UserError(f"That has {len(password)} characters: {LONGEST} at most.")
    if warning := guessable(password, names):
        raise UserError(f"That is guessed early. {warning}")


def guessable(password: str, names: Sequence[str]) -> str:
    """Why it would be; empty where it would not."""
    from zxcvbn import zxcvbn  # its lists of words are read when a password is set, and not before

    known = [part for name in (*names, *OURS) for part in (name, *name.replace("@", ".").split(".")) if part]
    found = zxcvbn(password[:LOOKED_AT], user_inputs=known)
    if found["guesses_log10"] >= GUESSES:
        return ""
    said = found["feedback"]
    return " ".join([said["warning"], *said["suggestions"]]).strip() or "Add another word or two."


def _fits(hash: str | None, password: str) -> bool:
    try:
        fitting = HASHER.verify(hash or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return fitting and hash is not None


@cache
def _nobodys() -> str:
    return HASHER.hash("the password of nobody at all")
