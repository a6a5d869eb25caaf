"""Files of a run: what there is, and each as it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from remit.api.guard import Reads, Served, documented
from remit.api.problems import Refused
from remit.app import App
from remit.errors import UserError
from remit.journal.events import Started
from remit.journal.window import single
from remit.run_files import MEDIA, RunFile, list_files, open_file

router = APIRouter(prefix="/runs/{run}/files", tags=["runs"])
HELD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What it holds, to be saved: Content-Disposition has its name.",
        "content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class RunFileOut(BaseModel):
    """A file of a run. What it holds, and how it is called, may be a stranger's."""

    name: str = Field(description="Its path in the run's folder.", examples=["out/report.md"])
    kind: Literal["came", "made"] = Field(description="It came with the run, or lies in its folder since.")
    bytes: int = Field(description="As it is now; of one that is not here, as it came.")
    sha256: str | None = Field(
        description="In hex, of one that came: as it came, whatever was done to it since."
    )
    here: bool = Field(description="false: it was removed, or lies on another machine.")


class RunFilePage(BaseModel):
    """Some of a run's files, by name."""

    files: list[RunFileOut]
    next: str | None = Field(
        description="Send it as `after` for the page after this one; null: there is none."
    )


@router.get("", summary="List a run's files", **documented("runs:read", 404))
async def list_run_files(
    app: Served,
    caller: Reads,
    run: UUID,
    after: Annotated[str, Query(max_length=4000, description="Only those after this name.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> RunFilePage:
    """Those that came with it, and those that it made and left in its folder, on the machine that answers."""
    found = await list_files(app.settings.data_dir, run, await _started(app, run))
    rest = [one for one in found if one.name > after]
    more = rest[limit - 1].name if len(rest) > limit else None
    return RunFilePage(files=[_out(one) for one in rest[:limit]], next=more)


_READ = documented("runs:read", 404)


@router.get(
    "/{path:path}",
    summary="Read a run's file",
    response_class=StreamingResponse,
    responses=HELD | _READ["responses"],
    openapi_extra=_READ["openapi_extra"],
)
async def read_run_file(app: Served, caller: Reads, run: UUID, path: str) -> StreamingResponse:
    """What it holds, as it is now, whole."""
    await _started(app, run)
    try:
        opened = await open_file(app.settings.data_dir, run, path)
    except UserError as error:
        raise Refused(404, f"{error}: GET /runs/{run}/files lists those that there are") from error
    return StreamingResponse(opened.pieces(), headers=opened.headers, media_type=MEDIA)


async def _started(app: App, run: UUID) -> Started | None:
    """How it began. Raises Refused where there is no such run for the caller, or none any more."""
    found = await single(app.store, run, [1])
    if not found:
        try:
            await app.find(str(run))
        except UserError as error:
            raise Refused(404, str(error)) from error
    body = found[0].body if found else None
    return body if isinstance(body, Started) else None


def _out(one: RunFile) -> RunFileOut:
    return RunFileOut(
        name=one.name,
        kind="came" if one.came else "made",
        bytes=one.bytes,
        sha256=one.came.sha256 if one.came else None,
        here=one.here,
    )
