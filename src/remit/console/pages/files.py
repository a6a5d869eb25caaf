"""Files of a run on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from remit.app import App
from remit.console.show import here, needs_of_agent
from remit.journal.events import Started
from remit.run_files import MEDIA, RunFile, list_files, open_file

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
MOST = 200  # files that a page lists


@dataclass(frozen=True, slots=True)
class Files:
    """What a page lists of a run's files."""

    came: Sequence[RunFile] = ()
    made: Sequence[RunFile] = ()
    more: bool = False


async def files_of(app: App, run: UUID, started: Started | None) -> Files:
    """Those that lie on this machine, and those that came with it wherever they lie."""
    found = await list_files(app.settings.data_dir, run, started, MOST + 1)
    came, made = [one for one in found if one.came], [one for one in found if not one.came]
    return Files(came, made[:MOST], len(found) > MOST)


@router.get("/runs/{prefix}/file")
async def download(request: Request, prefix: str, path: str = "") -> StreamingResponse:
    """One of them, always as a file to be saved. Raises NoSuchRun where there is none, and for whoever does not see the run."""
    app = here(request)
    opened = await open_file(app.settings.data_dir, await app.find(prefix), path)
    return StreamingResponse(opened.pieces(), headers=opened.headers, media_type=MEDIA)
