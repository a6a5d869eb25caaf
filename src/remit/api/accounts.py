"""Accounts of the conversation graph: what people belong to, and how they stand to each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from remit.api.guard import Hears, Meets, Served, documented
from remit.api.people import FoundOut, Listed, Whom, person_in
from remit.api.problems import Refused
from remit.api.problems import at as placed
from remit.api.schemas import Name, Sent, Sought
from remit.app import App
from remit.errors import UserError
from remit.graph.accounts import look
from remit.graph.accounts.relations import Related, relate, relations_of, unrelate
from remit.graph.accounts.sums import sums_of
from remit.graph.accounts.ties import Said
from remit.graph.accounts.word import belongs, found_or_made, say_accounts, take_back
from remit.graph.people import NoSuchPerson, Person

router = APIRouter(tags=["people"])
Which = Annotated[
    Name, Path(max_length=320, description="A domain, `kind:value` as crm:A-77, or an account's number.")
]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of a statement, as a person's ties have it.")]
Moment = Annotated[AwareDatetime | None, Query(description="As of that moment; left out: now.")]
Since = Annotated[AwareDatetime | None, Field(description="From when on; left out: from now on.")]


class AccountFoundOut(BaseModel):
    """An account in a list."""

    id: int
    called: str
    by: str
    people: int = Field(description="Who belong to it now.")


class AccountPage(BaseModel):
    """Accounts that were found."""

    accounts: list[AccountFoundOut]


class AccountNameOut(BaseModel):
    """An identifier of an account."""

    id: int
    kind: str
    value: str
    verified: bool


class AccountLinkOut(BaseModel):
    """Why two identifiers are taken for one account's, or are not."""

    id: int
    a: int
    b: int
    how: str = Field(description="`verified`, `seen`, or a person's word: `same`, `apart`.")
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str = Field(description="Why it does not join them; empty: it does.")
    withdrawn_at: datetime | None


class AccountStateOut(BaseModel):
    """What its people come to together, now."""

    people: int
    stages: dict[str, int] = Field(
        description="How many are new, active, quiet, dormant, or silent: never heard of."
    )
    count: int = Field(description="Of what came from them.")
    brief: float = Field(description="The same, of which half is forgotten in the short half-life.")
    lasting: float = Field(description="And in the long one.")
    last: datetime | None
    spent: dict[str, Decimal] = Field(description="By currency.")
    wants: dict[str, int] = Field(description="How many wrote that they want it.")
    may_mail: dict[str, int] = Field(
        description="How many consented to marketing by e-mail: yes, no, unknown."
    )


class MemberOut(BaseModel):
    """Who belongs to it."""

    person: int
    called: str
    by: str
    last: datetime | None
    role: str
    since: datetime
    until: datetime | None

    @classmethod
    def of(cls, one: look.Member) -> Self:
        tie = one.tie
        return cls(
            person=one.person, called=one.called, by=one.by, last=one.last, role=tie.role, since=tie.since, until=tie.until
        )  # fmt: skip


class AccountOut(BaseModel):
    """What is one account, as far as is known."""

    id: int
    name: str
    about: dict[str, Any] = Field(
        description="Of each attribute what was said last, when, and by which source."
    )
    names: list[AccountNameOut]
    links: list[AccountLinkOut]
    state: AccountStateOut | None = Field(description="null: another moment than now was asked for.")
    members: list[MemberOut]
    proposed: list[FoundOut] = Field(
        description="Who may belong to it by their address, and counts for nothing."
    )


class StatementOut(BaseModel):
    """That it was said once."""

    id: int
    how: str = Field(description="`said` by a source; `proposed` by an address; a person's `yes` or `no`.")
    at: datetime
    since: datetime
    until: datetime | None
    role: str
    source: str
    event: str
    by: str


class BelongingOut(BaseModel):
    """An account to which somebody belongs, or was ever said to."""

    account: int
    called: str
    by: str
    belongs: bool
    role: str
    since: datetime | None
    statements: list[StatementOut]


class RelationOut(BaseModel):
    """Somebody to whom a person stands so, or was ever said to."""

    kind: str
    way: str = Field(description="`to`: the person to them; `from`: they to the person.")
    person: int
    called: str
    holds: bool
    since: datetime | None
    statements: list[StatementOut]


class TiesOut(BaseModel):
    """To what somebody belongs, and how they stand to others."""

    accounts: list[BelongingOut]
    relations: list[RelationOut]


class Belongs(Sent):
    """To what, and as what."""

    account: Name = Field(description="A domain, `kind:value`, or a number. One that is not known is made.")
    role: Name = ""
    since: Since = None
    until: AwareDatetime | None = None
    no: bool = Field(False, description="They do not, whatever comes in.")


class Stands(Sent):
    """How, and to whom."""

    kind: Name = Field(
        description="reports_to, household, referred_by, buys_for, or a small word of your own."
    )
    to: Name = Field(description="Any identifier of theirs, or a person's number.")
    since: Since = None
    until: AwareDatetime | None = None
    no: bool = Field(False, description="They do not, whatever comes in.")


class TwoAccounts(Sent):
    """Two accounts, each by any identifier or number."""

    a: Name
    b: Name
    apart: bool = Field(False, description="That they are two instead.")


@router.get("/accounts", summary="Find accounts", **documented("persons:read"))
async def list_accounts(
    app: Served,
    caller: Meets,
    text: Annotated[
        Sought, Query(max_length=320, description="How a name or an identifier begins; empty: the latest.")
    ] = "",
    limit: Listed = 50,
) -> AccountPage:
    """By name, domain or another identifier."""
    found = await look.search_accounts(app.store, text, limit)
    return AccountPage(accounts=[AccountFoundOut.model_validate(one, from_attributes=True) for one in found])


@router.post("/accounts/same", summary="Say that two are one account", **documented("persons:write", 404))
async def say_same_account(app: Served, caller: Hears, two: TwoAccounts) -> AccountOut:
    """Or two. It is the caller's word, a link that can be withdrawn; the first of the two is answered."""
    a, b = await _account(app, two.a), await _account(app, two.b)
    with _placed("/b"):
        await say_accounts(app.store, a, b, "apart" if two.apart else "same", caller.who)
    return await _told(app, await _account(app, two.a), None, 50)


@router.get("/accounts/{account}", summary="Look at an account", **documented("persons:read", 404))
async def get_account(
    app: Served, caller: Meets, account: Which, at: Moment = None, limit: Listed = 50
) -> AccountOut:
    """What it is, who belongs to it, and what its people come to."""
    return await _told(app, await _account(app, account), at, limit)


@router.post(
    "/accounts/statements/{number}/withdraw", status_code=204, summary="Withdraw who belongs to what", **documented("persons:write", 404)
)  # fmt: skip
async def withdraw_belonging(app: Served, caller: Hears, number: Number) -> None:
    """Whoever said it; it counts for nothing from now on."""
    with _there():
        await take_back(app.store, number, caller.who)


@router.post(
    "/relations/{number}/withdraw", status_code=204, summary="Withdraw how two stand to each other", **documented("persons:write", 404)
)  # fmt: skip
async def withdraw_relation(app: Served, caller: Hears, number: Number) -> None:
    """Whoever said it; it counts for nothing from now on."""
    with _there():
        await unrelate(app.store, number, caller.who)


@router.get("/people/{person}/ties", summary="To what a person belongs", **documented("persons:read", 404))
async def get_ties(app: Served, caller: Meets, person: Whom, at: Moment = None) -> TiesOut:
    """And how they stand to others, now or at another moment, with all that was ever said of it."""
    return await _ties(app, await person_in(app, person), at)


@router.post(
    "/people/{person}/accounts", summary="Say to what a person belongs", **documented("persons:write", 404)
)
async def say_belongs(app: Served, caller: Hears, person: Whom, said: Belongs) -> TiesOut:
    """It is the caller's word, and can be withdrawn."""
    found = await person_in(app, person)
    with _placed("/account"):
        account = await (look.find_account if said.no else found_or_made)(app.store, said.account)
        await belongs(
            app.store,
            found,
            account,
            caller.who,
            role=said.role,
            since=said.since,
            until=said.until,
            no=said.no,
        )
    return await _ties(app, found, None)


@router.post(
    "/people/{person}/relations", summary="Say how two people stand", **documented("persons:write", 404)
)
async def say_relation(app: Served, caller: Hears, person: Whom, said: Stands) -> TiesOut:
    """From the person of the address to the one that is named. It is the caller's word, and can be withdrawn."""
    found, other = await person_in(app, person), await person_in(app, said.to)
    with _placed("/kind"):
        await relate(
            app.store, found, said.kind, other, caller.who, since=said.since, until=said.until, no=said.no
        )
    return await _ties(app, found, None)


async def _account(app: App, text: str) -> look.Account:
    with _there():
        return await look.find_account(app.store, text)


@contextmanager
def _there() -> Iterator[None]:
    """What is asked for must be there, or the answer is 404."""
    try:
        yield
    except UserError as error:
        raise Refused(404, str(error)) from error


@contextmanager
def _placed(where: str) -> Iterator[None]:
    try:
        yield
    except (NoSuchPerson, look.NoSuchAccount) as error:
        raise Refused(404, str(error)) from error
    except UserError as error:
        raise placed(where, str(error)) from error


async def _told(app: App, found: look.Account, at: datetime | None, limit: int) -> AccountOut:
    now = datetime.now(UTC)
    people = await look.members(app.store, found, at or now, limit=limit)
    sums = None if at else await sums_of(app.store, found, now)
    about = {
        key: {"value": value, "at": when, "source": of} for key, (value, when, of) in found.about.items()
    }
    return AccountOut(
        id=found.id, name=found.name, about=about,
        names=[AccountNameOut.model_validate(one, from_attributes=True) for one in found.names],
        links=[AccountLinkOut.model_validate(one, from_attributes=True) for one in found.evidence],
        state=AccountStateOut.model_validate(sums, from_attributes=True) if sums else None,
        members=[MemberOut.of(one) for one in people],
        proposed=[FoundOut.model_validate(one, from_attributes=True) for one in await look.proposed(app.store, found)],
    )  # fmt: skip


async def _ties(app: App, person: Person, at: datetime | None) -> TiesOut:
    moment = at or datetime.now(UTC)
    return TiesOut(
        accounts=[_belonging(one) for one in await look.accounts_of(app.store, person, moment)],
        relations=[_relation(one) for one in await relations_of(app.store, person, moment)],
    )


def _belonging(one: look.Belonging) -> BelongingOut:
    return BelongingOut(
        account=one.account, called=one.called, by=one.by, belongs=one.tie is not None,
        role=one.tie.role if one.tie else "", since=one.tie and one.tie.since, statements=_statements(one.said),
    )  # fmt: skip


def _relation(one: Related) -> RelationOut:
    return RelationOut(
        kind=one.kind, way=one.way, person=one.person, called=one.called, holds=one.tie is not None,
        since=one.tie and one.tie.since, statements=_statements(one.said),
    )  # fmt: skip


def _statements(said: tuple[Said, ...]) -> list[StatementOut]:
    return [StatementOut.model_validate(one, from_attributes=True) for one in said]
