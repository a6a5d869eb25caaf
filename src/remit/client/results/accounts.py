"""Accounts, to which people belong, and how people stand to each other."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from remit.client.results.people import FoundPerson
from remit.client.results.result import Result


class FoundAccount(Result):
    """An account in a list; `people`: who belong to it now."""

    id: int
    called: str
    by: str
    people: int


class AccountName(Result):
    """An identifier of an account."""

    id: int
    kind: str
    value: str
    verified: bool


class AccountLink(Result):
    """Why two identifiers are taken for one account's; `held`: why they are not."""

    id: int
    a: int
    b: int
    how: str
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str
    withdrawn_at: datetime | None


class AccountState(Result):
    """What its people come to together. `stages`, `wants`, `may_mail`: how many of them; `brief` and `lasting`: of `count`, of which half
    is forgotten in the short and in the long half-life."""

    people: int
    stages: dict[str, int]
    count: int
    brief: float
    lasting: float
    last: datetime | None
    spent: dict[str, Decimal]
    wants: dict[str, int]
    may_mail: dict[str, int]


class Member(Result):
    """Who belongs to an account, and as what."""

    person: int
    called: str
    by: str
    last: datetime | None
    role: str
    since: datetime
    until: datetime | None


class KnownAccount(Result):
    """What is one account, as far as is known. `state`: null where another moment was asked for; `proposed`: by their address alone."""

    id: int
    name: str
    about: dict[str, Any]
    names: list[AccountName]
    links: list[AccountLink]
    state: AccountState | None
    members: list[Member]
    proposed: list[FoundPerson]


class Statement(Result):
    """That something was said once. `how`: said by a source, proposed by an address, or a person's yes or no."""

    id: int
    how: str
    at: datetime
    since: datetime
    until: datetime | None
    role: str
    source: str
    event: str
    by: str


class Belonging(Result):
    """An account to which somebody belongs, or was ever said to."""

    account: int
    called: str
    by: str
    belongs: bool
    role: str
    since: datetime | None
    statements: list[Statement]


class Relation(Result):
    """Somebody to whom a person stands so (`way` to), or they to the person (from)."""

    kind: str
    way: str
    person: int
    called: str
    holds: bool
    since: datetime | None
    statements: list[Statement]


class Ties(Result):
    """To what somebody belongs, and how they stand to others."""

    accounts: list[Belonging]
    relations: list[Relation]
