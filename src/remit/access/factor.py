"""A second factor beside the password: codes that an app counts from a secret and the time (TOTP, RFC 6238), each taken once.

The secret is sealed as secrets are, so that a copy of the database alone counts no codes. The time is the database's. Who
has lost the app signs in by a recovery code, of which there are ten, each good once.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from psycopg import AsyncConnection

from remit.access.audit import record
from remit.access.people import Member
from remit.errors import Forbidden, UserError
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP, DIGITS = 30, 6  # seconds of a code, and its length
AROUND = (0, -1, 1)  # steps that a clock may be wrong by
KEY = 20  # bytes, as RFC 4226 recommends
CODES, GROUPS = 10, 6  # recovery codes, and the groups of four characters in each: 120 bits
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
SET_UP_IN = timedelta(hours=1)
Taken = Literal["", "code", "recovery code"]


@dataclass(frozen=True, slots=True)
class Factor:
    """How somebody's second factor stands."""

    since: datetime | None  # None: there is none, and none is asked
    left: int  # recovery codes


async def factor_of(store: Store, person: int) -> Factor:
    query = """
        select (select confirmed_at from factors where person = %(person)s),
               (select count(*) from recovery_codes where person = %(person)s and used_at is null)
    """
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(query, {"person": person})).fetchone()
    assert row is not None
    return Factor(row[0], row[1] if row[0] else 0)


async def asked_of(store: Store, who: str) -> bool:
    """Whether a code is asked of them after their password."""
    query = """
        select true from factors join people on people.id = factors.person
        where lower(people.name) = lower(%s) and confirmed_at is not null
    """
    async with store.keeper.pool.connection() as connection:
        return await (await connection.execute(query, (who,))).fetchone() is not None


async def set_up(store: Store, person: Member) -> None:
    """Make a secret for them; nothing is asked before a code of it was shown. One that holds already holds until then."""
    if not person.password:
        raise UserError("A second factor stands beside a password: choose that first.")
    new = os.urandom(KEY)
    sealed = seal(key_of(store.settings, make=True), _bound(person.id), base64.b32encode(new).decode())
    query = """
        insert into factors (person, coming, coming_at) values (%s, %s, clock_timestamp())
        on conflict (person) do update set coming = excluded.coming, coming_at = excluded.coming_at
    """
    async with store.keeper.pool.connection() as connection:
        await connection.execute(query, (person.id, sealed))


async def coming(store: Store, person: int) -> str:
    """The secret that is being set up, in base32; empty where there is none, or it was begun long ago."""
    async with store.keeper.pool.connection() as connection:
        return await _coming(store, connection, person)


def address_of(secret: str, name: str, place: str) -> str:
    """What an app reads from the picture: otpauth://totp/…"""
    return _counter(secret).get_provisioning_uri(name, place)


async def confirm(store: Store, person: Member, code: str) -> list[str]:
    """From now on a code is asked; the recovery codes, told this once. Raises UserError for a wrong code."""
    async with store.keeper.pool.connection() as connection, connection.transaction():
        if not (secret := await _coming(store, connection, person.id)):
            raise UserError("That took too long: begin again, with a new key.")
        if not (step := _step(secret, _digits(code), await _now(connection), 0)):
            raise UserError(
                f"That is not the code of now. It has {DIGITS} digits, and changes every {STEP} seconds; is the phone's clock right?"
            )
        query = """
            update factors set sealed = coming, coming = null, coming_at = null, step = %s, confirmed_at = clock_timestamp()
            where person = %s
        """
        await connection.execute(query, (step, person.id))
        codes = await _new_codes(connection, person.id)
        await record(connection, person.name, "factor.added", person.name)
    return codes


async def new_codes(store: Store, person: Member) -> list[str]:
    """Recovery codes in place of those that they had. Raises UserError where no code is asked of them."""
    async with store.keeper.pool.connection() as connection, connection.transaction():
        query = "select true from factors where person = %s and confirmed_at is not null for update"
        if await (await connection.execute(query, (person.id,))).fetchone() is None:
            raise UserError("There is no second factor to recover.")
        codes = await _new_codes(connection, person.id)
        await record(connection, person.name, "recovery.made", person.name)
    return codes


async def take_off(store: Store, by: str, person: Member, *, anywhere: bool = False) -> None:
    """No code is asked of them any more. It guards all workspaces of theirs: raises Forbidden for an owner of another one
    than their home, unless it is done at the shell (`anywhere`) or they do it themselves."""
    async with store.keeper.pool.connection() as connection, connection.transaction():
        query = "select home = %s from people where id = %s"
        row = await (await connection.execute(query, (store.workspace, person.id))).fetchone()
        if not (anywhere or by.casefold() == person.name.casefold() or (row and row[0])):
            raise Forbidden(f"{person.name} is at home in another workspace, whose owners help with that")
        query = "delete from factors where person = %s and confirmed_at is not null returning true"
        gone = await (await connection.execute(query, (person.id,))).fetchone()
        await connection.execute("delete from recovery_codes where person = %s", (person.id,))
        if gone:
            await record(connection, by, "factor.removed", person.name)


async def take(store: Store, who: str, typed: str) -> Taken:
    """Whether it is a code of theirs, which is good for nothing from now on; empty where it is none."""
    digits = _digits(typed)
    query = """
        select people.id, people.name, sealed, step from factors join people on people.id = factors.person
        where lower(people.name) = lower(%s) and confirmed_at is not null for update of factors
    """
    async with store.keeper.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (who,))).fetchone()
        if row is None:
            return ""
        id, name, sealed, last = row
        if len(digits) == DIGITS and digits.isascii() and digits.isdigit():
            secret = unseal(key_of(store.settings), _bound(id), bytes(sealed))
            step = _step(secret, digits, await _now(connection), last)
            if step:
                await connection.execute("update factors set step = %s where person = %s", (step, id))
            return "code" if step else ""
        query = """
            update recovery_codes set used_at = clock_timestamp()
            where person = %s and code = %s and used_at is null returning true
        """
        if await (await connection.execute(query, (id, _hash(typed)))).fetchone() is None:
            return ""
        await record(connection, name, "recovery.used", name)
    return "recovery code"


async def required(store: Store) -> bool:
    """Whether whoever comes to this workspace by a password must have a second factor."""
    query = "select second_factor from workspaces where name = %s"
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return bool(row and row[0])


async def require(store: Store, by: str, yes: bool) -> None:
    query = "update workspaces set second_factor = %s where name = %s and second_factor <> %s"
    async with store.keeper.pool.connection() as connection, connection.transaction():
        if (await connection.execute(query, (yes, store.workspace, yes))).rowcount:
            await record(connection, by, "factor.required", store.workspace, {"required": yes})


async def _coming(store: Store, connection: AsyncConnection[Any], person: int) -> str:
    query = "select coming from factors where person = %s and coming_at > clock_timestamp() - %s for update"
    row = await (await connection.execute(query, (person, SET_UP_IN))).fetchone()
    return unseal(key_of(store.settings), _bound(person), bytes(row[0])) if row and row[0] else ""


async def _new_codes(connection: AsyncConnection[Any], person: int) -> list[str]:
    codes = [
        "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(GROUPS))
        for _ in range(CODES)
    ]
    await connection.execute("delete from recovery_codes where person = %s", (person,))
    query = "insert into recovery_codes (person, code) select %s, unnest(%s::bytea[])"
    await connection.execute(query, (person, [_hash(code) for code in codes]))
    return codes


async def _now(connection: AsyncConnection[Any]) -> int:
    query = "select extract(epoch from clock_timestamp())::bigint"
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return int(row[0])


def _step(secret: str, digits: str, now: int, last: int) -> int:
    """Of which step the code is, later than the last that was taken; 0: of none."""
    counter = _counter(secret)
    for at in AROUND:
        step = now // STEP + at
        if step > last and secrets.compare_digest(
            counter.generate(step * STEP), digits.encode("utf-8", "replace")
        ):
            return step
    return 0


def _counter(secret: str) -> TOTP:
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    # SHA-1, six digits, 30 seconds: what every app counts by; as a keyed hash it holds
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP)


def _digits(typed: str) -> str:
    return "".join(typed.split())[:40]


def _hash(code: str) -> bytes:
    letters = "".join(letter for letter in code.lower()[:100] if letter in LETTERS)
    return hashlib.sha256(letters.encode()).digest()


def _bound(person: int) -> str:
    """What a sealed secret opens for: put into another's row it does not."""
    return f"second factor/{person}"
