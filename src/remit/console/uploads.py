"""Files that come with a form: read as they come, to disk, and taken in for a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from remit.app import App
from remit.brought import FROM_A_BROWSER, Batch, Sent, arriving
from remit.errors import UserError

PARTS = 200  # files of a form that are read: beyond the limit, so that what is wrong is said at the field


class _ToDisk(MultiPartParser):
    """Files that are larger go to disk as they come."""

    spool_max_size = 64_000


@asynccontextmanager
async def sent_form(request: Request, fields: int = 1_000) -> AsyncIterator[FormData]:
    """What a form says, with its files, which are gone afterwards. Raises UserError for what cannot be read."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        parser = _ToDisk(request.headers, request.stream(), max_files=PARTS, max_fields=fields)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise UserError(f"the form cannot be read: {error.message}") from error
    else:
        form = await request.form(max_fields=fields)
    try:
        yield form
    finally:
        await form.close()


def sent_files(form: FormData, field: str = "files") -> list[Sent]:
    """Those that somebody chose; a field without any sends one without a name."""
    files = [one for one in form.getlist(field) if isinstance(one, UploadFile)]
    return [(one.filename, one.file) for one in files if one.filename]


def taken(app: App, files: Sequence[Sent]) -> AbstractAsyncContextManager[Batch | None]:
    """As `arriving`, by what a browser may send."""
    return arriving(app.settings.data_dir, app.root.store, files, FROM_A_BROWSER)
