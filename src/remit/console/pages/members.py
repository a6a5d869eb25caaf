"""Settings: who may come to the workspace, as what, and where they are signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.access.factor import take_off
from remit.access.identities import bound, unbind
from remit.access.invitations import invite
from remit.access.people import (
    Member,
    add_member,
    disable,
    enable,
    list_members,
    member_of,
    set_agent_role,
    set_role,
)
from remit.access.providers import passwords_off
from remit.access.roles import MEANS, OF_AGENT
from remit.catalogue.find import names_known, require_known
from remit.console.session import end_sessions, sessions_of
from remit.console.show import here, needs, page, require_sure
from remit.console.signing import address_here
from remit.errors import UnknownName, UserError

router = APIRouter()
READ, WRITE = [needs("settings:read")], [needs("settings:write")]
OWN = ("http://127.", "http://localhost", "http://[::1]")  # addresses that lead nowhere from another machine
Typed = Annotated[str, Form()]


@router.get("/settings")
async def settings(request: Request) -> Response:
    first = "people" if "settings:read" in request.state.rights else "tokens"
    return RedirectResponse(f"/settings/{first}", 303)


@router.get("/settings/people", dependencies=READ)
async def people(request: Request) -> HTMLResponse:
    return await _list(request, {}, {"name": "", "shown": "", "role": "viewer"})


@router.post("/settings/people", dependencies=WRITE)
async def add(request: Request, name: Typed = "", shown: Typed = "", role: Typed = "") -> Response:
    require_sure(request)
    try:
        made = await add_member(here(request).store, request.state.who, name, role, shown)
    except UserError as error:
        field = "role" if isinstance(error, UnknownName) else "shown" if "is called" in str(error) else "name"
        return await _list(request, {field: str(error)}, {"name": name, "shown": shown, "role": role}, 422)
    off = await passwords_off(here(request).store, made.name)
    return await _one(request, made, link="" if off else await _link(request, made))


@router.get("/settings/people/{id}", dependencies=READ)
async def person(request: Request, id: int) -> HTMLResponse:
    return await _one(request, await member_of(here(request).store, id))


@router.post("/settings/people/{id}/role", dependencies=WRITE)
async def change_role(request: Request, id: int, role: Typed = "") -> Response:
    return await _changed(request, id, "role", role)


@router.post("/settings/people/{id}/agents", dependencies=WRITE)
async def change_agent_role(request: Request, id: int, agent: Typed = "", role: Typed = "") -> Response:
    """What they are for one agent; nothing any more where no role is named."""
    require_sure(request)
    store = here(request).store
    one = await member_of(store, id)
    try:
        if role:
            await require_known(store, [agent])
        await set_agent_role(store, request.state.who, one.name, agent, role)
    except UserError as error:
        return await _one(request, one, wrong=str(error), at="agent", status=422)
    return RedirectResponse(f"/settings/people/{id}", 303)


@router.post("/settings/people/{id}/disable", dependencies=WRITE)
async def shut_out(request: Request, id: int) -> Response:
    return await _changed(request, id, "disable")


@router.post("/settings/people/{id}/enable", dependencies=WRITE)
async def let_in(request: Request, id: int) -> Response:
    return await _changed(request, id, "enable")


@router.post("/settings/people/{id}/link", dependencies=WRITE)
async def link(request: Request, id: int) -> Response:
    """A new link by which they set their password; it is on this page and nowhere else."""
    require_sure(request)
    one = await member_of(here(request).store, id)
    try:
        return await _one(request, one, link=await _link(request, one))
    except UserError as error:
        return await _one(request, one, wrong=str(error), status=422)


@router.post("/settings/people/{id}/factor", dependencies=WRITE)
async def no_factor(request: Request, id: int) -> Response:
    """No code is asked of them any more: they have lost what counted it."""
    require_sure(request)
    one = await member_of(here(request).store, id)
    await take_off(here(request).store, request.state.who, one)
    return RedirectResponse(f"/settings/people/{id}", 303)


@router.post("/settings/people/{id}/identity", dependencies=WRITE)
async def no_identity(request: Request, id: int) -> Response:
    """Their next account at a provider is theirs."""
    require_sure(request)
    one = await member_of(here(request).store, id)
    await unbind(here(request).store, request.state.who, one)
    return RedirectResponse(f"/settings/people/{id}", 303)


@router.post("/settings/people/{id}/sessions/all/end", dependencies=WRITE)
async def sign_out_everywhere(request: Request, id: int) -> Response:
    return await _end(request, id, None)


@router.post("/settings/people/{id}/sessions/{session}/end", dependencies=WRITE)
async def sign_out(request: Request, id: int, session: int) -> Response:
    return await _end(request, id, session)


async def _end(request: Request, id: int, session: int | None) -> Response:
    store = here(request).store
    one = await member_of(store, id)
    await end_sessions(store, request.state.who, one.name, only=session)
    return RedirectResponse(f"/settings/people/{id}", 303)


async def _changed(request: Request, id: int, what: str, role: str = "") -> Response:
    require_sure(request)
    store, who = here(request).store, request.state.who
    one = await member_of(store, id)
    try:
        match what:
            case "role":
                await set_role(store, who, one.name, role)
            case "disable":
                await disable(store, who, one.name)
            case _:
                await enable(store, who, one.name)
    except UserError as error:
        return await _one(request, one, wrong=str(error), status=422)
    return RedirectResponse(f"/settings/people/{id}", 303)


async def _link(request: Request, one: Member) -> str:
    token = await invite(here(request).store, request.state.who, one.name)
    at = address_here(request)
    return f"{at}/join?key={token}"


async def _list(
    request: Request, wrong: dict[str, str], typed: dict[str, str], status: int = 200
) -> HTMLResponse:
    return page(
        request,
        "people.html",
        status,
        people=await list_members(here(request).store),
        roles=MEANS,
        wrong=wrong,
        typed=typed,
        sure=request.state.session.sure,
    )


async def _one(
    request: Request, one: Member, *, link: str = "", wrong: str = "", at: str = "", status: int = 200
) -> HTMLResponse:
    return page(
        request,
        "person.html",
        status,
        one=one,
        roles=MEANS,
        link=link,
        here_only=link.startswith(OWN),
        issuers=await bound(here(request).store, one.id),
        off=await passwords_off(here(request).store, one.name),
        wrong={at: wrong} if wrong else {},
        agent_roles={role: MEANS[role] for role in OF_AGENT},
        agents=await names_known(here(request).store),
        sessions=await sessions_of(here(request).store, one.name),
        mine=request.state.session.id,
        sure=request.state.session.sure,
    )
