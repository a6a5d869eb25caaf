"""Signing in and out: by the link that `remit up` prints, by a password, and by an invitation to set one."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.access.audit import record
from remit.access.invitations import accept, invited
from remit.access.passwords import fits, hashed, old
from remit.access.people import arrive, home_of
from remit.access.providers import any_provider, list_providers, of_environment, passwords_off
from remit.access.tries import forgive, try_once
from remit.console.challenge import answer, challenged
from remit.console.session import Door, knows
from remit.console.show import here, page
from remit.console.signing import address_of, challenge_of, go_on, let_in, local, mark_of
from remit.errors import Busy, UserError
from remit.store.guest import DEFAULT
from remit.store.store import Store

router = APIRouter()
LOG = logging.getLogger(__name__)
NO = "That name and password do not fit together, or may not come here."
Typed = Annotated[str, Form()]


@router.get("/enter")
async def enter(request: Request, key: str = "") -> Response:
    """The printed link, once."""
    door: Door = request.app.state.door
    if key and door.open(key):
        return await let_in(request, (await arrive(here(request).store, door.who)).name, "link")
    store = here(request).store
    ways = await any_password(store) or await any_provider(store)
    return page(request, "enter.html", 403, passwords=ways)


@router.get("/sign-in")
async def ask(request: Request, next: str = "/", workspace: str = DEFAULT) -> Response:
    """`workspace`: whose providers are offered, for people of another one than the first."""
    if request.state.who is not None:
        return RedirectResponse(local(next), 303)
    return await door(request, workspace, next)


async def door(
    request: Request,
    workspace: str = DEFAULT,
    next: str = "/",
    name: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    """The page at which people sign in, by whatever there is."""
    store = here(request).store
    providers, passwords = await list_providers(store, workspace), await any_password(store)
    if not providers and not passwords and not wrong:
        return page(request, "enter.html", 401, passwords=False)
    return page(
        request,
        "sign_in.html",
        status,
        name=name,
        next=local(next),
        wrong={"": wrong} if wrong else {},
        providers=providers,
        passwords=passwords,
    )


@router.post("/sign-in")
async def sign_in(request: Request, name: Typed = "", password: Typed = "", next: Typed = "/") -> Response:
    """The same answer, as late, whether there is nobody of that name, or the password is another one."""
    try:
        if who := await prove(request, name, password):
            return await go_on(request, who, "password", next)
        wrong, status = NO, 401
    except Busy as error:
        wrong, status = str(error), 429
    return await door(request, next=next, name=name[:200], wrong=wrong, status=status)


@router.get("/sign-in/code")
async def ask_code(request: Request) -> Response:
    if (asked := await challenged(here(request).store, challenge_of(request))) is None:
        return RedirectResponse("/sign-in", 303)
    return page(request, "code.html", name=asked.who, wrong={})


@router.post("/sign-in/code")
async def take_code(request: Request, code: Typed = "") -> Response:
    """The second step, after the password."""
    store, token = here(request).store, challenge_of(request)
    if (asked := await challenged(store, token)) is None:
        return RedirectResponse("/sign-in", 303)
    try:
        if how := await answer(store, token, code, mark_of(request), address_of(request)):
            return await let_in(request, asked.who, how, asked.onward)
        wrong, status = "That is no code of now, or it was used already.", 401
    except Busy as error:
        wrong, status = str(error), 429
    if await challenged(store, token) is None:
        return RedirectResponse("/sign-in", 303)
    return page(request, "code.html", status, name=asked.who, wrong={"code": wrong})


@router.get("/join")
async def join(request: Request, key: str = "") -> Response:
    return page(request, "join.html", name=await invited(here(request).store, key), key=key, wrong={})


@router.post("/join")
async def set_password(
    request: Request, key: Typed = "", password: Typed = "", again: Typed = ""
) -> Response:
    store = here(request).store
    name = await invited(store, key)
    if password != again:
        return page(request, "join.html", 422, name=name, key=key, wrong={"again": "That is another one."})
    try:
        who = await accept(store, key, password)
    except UserError as error:
        return page(request, "join.html", 422, name=name, key=key, wrong={"password": str(error)})
    return await go_on(request, who, "invitation")


@router.get("/confirm")
async def ask_again(request: Request, next: str = "/") -> Response:
    return await _confirm(request, next)


@router.post("/confirm")
async def confirm(request: Request, password: Typed = "", next: Typed = "/") -> Response:
    """Show that it is you still, before what changes who may do what."""
    try:
        if who := await prove(request, request.state.who, password):
            return await go_on(request, who, "password", next)
        wrong, status = "That is not your password.", 401
    except Busy as error:
        wrong, status = str(error), 429
    return await _confirm(request, next, {"password": wrong}, status)


async def _confirm(
    request: Request, next: str, wrong: dict[str, str] | None = None, status: int = 200
) -> Response:
    store, session = here(request).store, request.state.session
    home = await home_of(store, session.who)
    return page(
        request,
        "confirm.html",
        status,
        next=local(next),
        wrong=wrong or {},
        providers=await list_providers(store, home) if session.provider else [],
        passwords=not session.provider or (session.password and not await passwords_off(store, session.who)),
    )


async def prove(request: Request, name: str, password: str) -> str:
    """Who they are, where the password is theirs; else empty. Raises Busy after too many tries."""
    store, name = here(request).store, name.strip().replace("\x00", "")
    address, mark = address_of(request), await knows(store, mark_of(request), name)
    tries = await try_once(store, name, mark, address)
    query = """
        select people.name, people.password, members.person is not null
        from people left join members on members.person = people.id and members.disabled_at is null
        where lower(people.name) = lower(%s)
    """
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(query, (name,))).fetchone()
    who, hash, may_come = row or ("", None, False)
    if await fits(hash, password) and may_come and not await passwords_off(store, who):
        await forgive(store, tries)
        if old(hash):
            await _rehash(store, who, hash, password)
        return str(who)
    LOG.warning("a sign-in was refused, from %s", address)
    if row is not None:
        async with store.keeper.pool.connection() as connection:
            await record(connection, who, "session.refused", who, {"address": address})
    return ""


async def _rehash(store: Store, who: str, before: str, password: str) -> None:
    hash = await hashed(password)
    async with store.keeper.pool.connection() as connection:
        query = "update people set password = %s where name = %s and password = %s"
        await connection.execute(query, (hash, who, before))


async def any_password(store: Store) -> bool:
    """Whether anybody can sign in by one."""
    if (ours := of_environment(store.settings)) and ours.required:
        return False
    query = """
        select true from people join members on members.person = people.id
        where people.password is not null and members.disabled_at is null limit 1
    """
    async with store.keeper.pool.connection() as connection:
        return await (await connection.execute(query)).fetchone() is not None
