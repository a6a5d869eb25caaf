"""Agents: those at hand, and the drafts and versions of those that are built here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, Field, model_validator

from remit.api.guard import Builds, Looks, Served, documented
from remit.api.problems import FieldError, Refused, pointer
from remit.api.schemas import Facts, Sent, Text
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.find import Found, find_named, library_of, list_at_hand
from remit.catalogue.kept import Kept
from remit.catalogue.text import readable, written
from remit.errors import UnknownName, UserError

router = APIRouter(tags=["agents"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Match = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=40,
        description="The `ETag` of the draft that you have looked at: what somebody else has changed meanwhile is not overwritten.",
    ),
]


class AgentRow(BaseModel):
    """An agent at hand."""

    name: str = Field(examples=["support"])
    source: Literal["workspace", "library"] = Field(description="Of one name, the workspace's is meant.")
    version: int | None = Field(description="The one that runs; null for the library's.")
    description: str
    autonomy: Literal["shadow", "draft", "ask", "act"] = Field(description="How far it may go by itself.")
    tools: list[str]


class AgentPage(BaseModel):
    """The agents at hand."""

    agents: list[AgentRow]


class AgentOut(AgentRow):
    """An agent with its spec."""

    spec: dict[str, Any] = Field(description="As its file has it; what is left out is at its default.")


class WrongOut(BaseModel):
    """What keeps a draft from being used."""

    pointer: str = Field(description="Where in the spec, as a JSON pointer.", examples=["/rules/0"])
    detail: str


class DraftOut(BaseModel):
    """What people work on; nothing of it runs until it is published."""

    name: str
    rev: int = Field(description="Counts every change; the `ETag` has it.")
    yaml: str = Field(description="As the agent's file has it, comments included.")
    changed: bool = Field(description="Whether it differs from what is published.")
    by: str = Field(description="Who changed it last.")
    at: datetime | None
    published: int | None = Field(description="The version that runs.")
    archived: bool
    wrong: list[WrongOut] = Field(description="What has to be mended before it can be published.")


class DraftIn(Sent):
    """A draft: as YAML, or as a spec."""

    yaml: Text | None = Field(None, max_length=200_000, description="As the agent's file has it.")
    spec: Facts | None = Field(
        None, description="The same as JSON.", examples=[{"name": "desk", "tools": ["files.*"]}]
    )

    @model_validator(mode="after")
    def _one(self) -> DraftIn:
        if (self.yaml is None) == (self.spec is None):
            raise ValueError("send either yaml or spec")
        return self


class VersionOut(BaseModel):
    """What was published once; it never changes."""

    version: int
    note: str
    by: str
    at: datetime
    same_as: int | None = Field(description="The version that it went back to.")
    runs: bool = Field(description="Whether it is the one that runs.")


class VersionWhole(VersionOut):
    """A version with its text."""

    yaml: str


class VersionPage(BaseModel):
    """Versions, the newest first."""

    versions: list[VersionOut]


class Publish(Sent):
    """Which text should run."""

    note: Text = Field("", max_length=2000, description="Why, for the record.")
    version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Go back to this version; the draft, where it is left out."
    )


@router.get("/agents", summary="List agents", **documented("agents:read"))
async def list_agents(app: Served, caller: Looks) -> AgentPage:
    """The agents that can be run by name: the workspace's that are published, and the library's."""
    return AgentPage(agents=[AgentRow(**row(one)) for one in await list_at_hand(app.store)])


@router.get("/agents/{name}", summary="See an agent", **documented("agents:read", 404))
async def get_agent(app: Served, caller: Looks, name: str) -> AgentOut:
    """An agent as it runs, with its whole spec. Secrets stand in it as references only."""
    try:
        found = await find_named(app.store, name)
    except UserError as error:
        raise Refused(404, str(error)) from error
    spec = found.agent.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return AgentOut(**row(found), spec=spec)


@router.get("/agents/{name}/draft", summary="See an agent's draft", **documented("agents:read", 404))
async def get_draft(app: Served, caller: Looks, name: str, response: Response) -> DraftOut:
    """The text that people work on, and what is wrong with it; what is published, where nobody has changed it."""
    return await _draft(app, await _kept(app, name), response)


@router.put("/agents/{name}/draft", summary="Save a draft", **documented("agents:write", 400, 412, 428))
async def put_draft(
    app: Served, caller: Builds, name: str, wanted: DraftIn, response: Response, match: Match = None
) -> DraftOut:
    """Save the draft of an agent, a new one where there is none of that name. It passes the checks that a file passes, and
    runs nowhere until it is published."""
    now = await store_of.find_kept(app.store, name)
    if wanted.yaml is not None:
        text, under = wanted.yaml, "yaml"
    else:
        text, under = written(readable({"name": name, **(wanted.spec or {})})), "spec"
    base = _base(match, now) if now is not None or match is not None else None
    try:
        saved = await work.save(app, name, text, caller.who, base, caller.in_browser)
    except work.Unusable as error:
        raise _unusable(error, under) from error
    return await _draft(app, saved, response)


@router.delete(
    "/agents/{name}/draft", summary="Drop a draft", **documented("agents:write", 400, 404, 412, 428)
)
async def delete_draft(
    app: Served, caller: Builds, name: str, response: Response, match: Match = None
) -> DraftOut:
    """Go back to what is published."""
    base = _base(match, await _kept(app, name))
    return await _draft(app, await store_of.drop_draft(app.store, name, caller.who, base), response)


@router.get("/agents/{name}/versions", summary="List an agent's versions", **documented("agents:read", 404))
async def list_versions(app: Served, caller: Looks, name: str) -> VersionPage:
    """What was published, by whom and why; the newest first."""
    now = await _kept(app, name)
    found = await store_of.versions(app.store, name)
    return VersionPage(versions=[VersionOut(**_version(one, now)) for one in found])


@router.get("/agents/{name}/versions/{version}", summary="See a version", **documented("agents:read", 404))
async def get_version(app: Served, caller: Looks, name: str, version: Number) -> VersionWhole:
    """A version with its text, as the agent's file has it."""
    now = await _kept(app, name)
    try:
        found = await store_of.version_of(app.store, name, version)
    except UserError as error:
        raise Refused(404, str(error)) from error
    return VersionWhole(**_version(found, now), yaml=found.yaml)


@router.post(
    "/agents/{name}/versions",
    status_code=201,
    summary="Publish a draft, or go back to a version",
    **documented("agents:write", 400, 404, 412, 428),
)
async def publish_agent(
    app: Served, caller: Builds, name: str, wanted: Publish, response: Response, match: Match = None
) -> VersionOut:
    """Let the draft run from now on; or an old version, which becomes a new one: nothing that was published is lost."""
    base = _base(match, await _kept(app, name))
    try:
        if wanted.version is None:
            made = await work.publish(app, name, caller.who, base, wanted.note)
        else:
            made = await work.roll_back(app, name, wanted.version, caller.who, base, wanted.note)
    except work.Unusable as error:
        raise Refused(422, f"the agent cannot be used: {error}") from error
    response.headers["ETag"] = f'"{made.rev}"'
    assert made.version is not None
    return VersionOut(**_version(await store_of.version_of(app.store, name, made.version), made))


@router.post(
    "/agents/{name}/archive", summary="Archive an agent", **documented("agents:write", 404, 412, 428)
)
async def archive_agent(
    app: Served, caller: Builds, name: str, response: Response, match: Match = None
) -> DraftOut:
    """Take it out of use. Runs that it has go on, and nothing of it is lost."""
    base = _base(match, await _kept(app, name))
    return await _draft(app, await store_of.archive(app.store, name, caller.who, base), response)


@router.post(
    "/agents/{name}/restore", summary="Restore an agent", **documented("agents:write", 404, 412, 428)
)
async def restore_agent(
    app: Served, caller: Builds, name: str, response: Response, match: Match = None
) -> DraftOut:
    """Take an archived agent back into use."""
    base = _base(match, await _kept(app, name))
    return await _draft(app, await store_of.archive(app.store, name, caller.who, base, False), response)


def row(found: Found) -> dict[str, Any]:
    return {
        "name": found.agent.name,
        "source": found.source,
        "version": found.version,
        "description": found.agent.description,
        "autonomy": found.agent.remit.autonomy,
        "tools": list(found.agent.tools),
    }


async def _kept(app: App, name: str) -> Kept:
    """Raises Refused."""
    try:
        return await store_of.kept(app.store, name)
    except UnknownName as error:
        if name not in library_of(app.store):
            raise Refused(404, str(error)) from error
        what = (
            f"agent {name} is the library's and has no draft: save one, from the spec of `GET /agents/{name}`"
        )
        raise Refused(404, what) from error


async def _draft(app: App, now: Kept, response: Response) -> DraftOut:
    _, wrong = await work.judged(app, now.name, now.text)
    response.headers["ETag"] = f'"{now.rev}"'
    return DraftOut(
        name=now.name,
        rev=now.rev,
        yaml=now.text,
        changed=now.draft is not None,
        by=now.drafted_by,
        at=now.drafted_at,
        published=now.version,
        archived=now.archived_at is not None,
        wrong=[WrongOut(pointer=pointer(("body", *one.where)), detail=one.what) for one in wrong],
    )


def _version(one: store_of.Version, now: Kept) -> dict[str, Any]:
    return {
        "version": one.version,
        "note": one.note,
        "by": one.who,
        "at": one.at,
        "same_as": one.same_as,
        "runs": one.version == now.version and now.archived_at is None,
    }


def _base(match: str | None, now: Kept | None) -> int:
    """Raises Refused where nothing is said, or what is no ETag of ours."""
    if match is None:
        raise Refused(428, "say with If-Match what you have looked at: the ETag of the draft")
    number = match.strip().removeprefix("W/").strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        raise Refused(412, f"{match!r} is no ETag of a draft; `GET /agents/{{name}}/draft` gives it")
    if now is None:
        raise Refused(412, "there is no such agent: leave If-Match out to make it")
    return int(number)


def _unusable(error: work.Unusable, under: str) -> Refused:
    """Of a spec with the place of each part; a text in YAML is one part."""
    spec = under == "spec"
    errors = [
        FieldError(
            pointer=pointer(("body", under, *(one.where if spec else ()))),
            detail=one.what if spec else work.said(one),
        )
        for one in error.wrong
    ]
    return Refused(422, f"the agent cannot be used: {error}", errors)
