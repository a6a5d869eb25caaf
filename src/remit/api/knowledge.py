"""What agents may look up: sources, their documents, and finding something in them."""

from __future__ import annotations

import base64 as coding
import binascii
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Keeps, Looks, Served, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Name, Sent, Sought, Text
from remit.app import App
from remit.errors import FieldError, UnknownName, UserError
from remit.knowledge import kept
from remit.knowledge.kept import About, Document, File, Source, open_to
from remit.knowledge.search import LONGEST, MOST, near, read_on, search
from remit.knowledge.text import named, read
from remit.tools.thread import in_thread

router = APIRouter(prefix="/knowledge", tags=["knowledge"])
Confidentiality = Literal["public", "workspace", "person", "secret"]
Of = Annotated[
    Sought,
    Query(
        alias="document", min_length=1, max_length=300, description="Its name in the source: returns/late.md."
    ),
]
Listed = Annotated[int, Query(ge=1, le=200)]
After = Annotated[Sought, Query(max_length=300, description="The last name of the page before.")]


class Said(Sent):
    """What is said of a source, in place of what was."""

    title: Text = Field("", max_length=kept.TITLE, description="Its name for people.")
    about: Text = Field("", max_length=kept.ABOUT, description="What it holds, in words.")
    confidentiality: Confidentiality = Field("workspace", description="Who may have what stands in it.")
    language: Text = Field("english", max_length=20, description=f"One of {', '.join(kept.LANGUAGES)}.")
    vouched: bool = Field(
        False,
        description="Whether we vouch for what stands in it. Else it is read as strangers' words, and is evidence for nothing.",
    )

    @property
    def whole(self) -> About:
        return About(self.title, self.about, self.confidentiality, self.language, self.vouched)


class NewSource(Said):
    """A source, still without documents."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="As agents have it.", examples=["handbook"]
    )


class SourceOut(BaseModel):
    """A source, and how much is in it."""

    name: str
    title: str
    about: str
    confidentiality: Confidentiality
    language: str
    by: str = Field(description="Who made it.")
    at: datetime
    vouched_by: str | None = Field(description="null: nobody; what stands in it is strangers' words.")
    vouched_at: datetime | None
    documents: int
    size: int = Field(description="Bytes of the files.")
    characters: int = Field(description="Of their texts.")
    changed_at: datetime | None = Field(description="When a document last came.")


class SourcePage(BaseModel):
    """All of them, by name."""

    sources: list[SourceOut]


class NewDocument(Sent):
    """A file: its kind is told by the end of its name."""

    content: Text = Field(max_length=1_900_000, description="Its text; of a PDF its bytes in base64.")
    base64: bool = Field(False, description="Whether `content` is base64.")


class DocumentOut(BaseModel):
    """A document, without its text."""

    name: str
    title: str
    kind: str = Field(description="Media type.")
    sha256: str = Field(description="Of the file, in hexadecimal.")
    size: int = Field(description="Bytes of the file.")
    characters: int
    folder: str = Field(description="That it was synced from; empty: somebody added it.")
    by: str
    at: datetime

    @classmethod
    def of(cls, one: Document) -> Self:
        return cls(
            name=one.name, title=one.title, kind=one.kind, sha256=one.sha256.hex(), size=one.size,
            characters=one.characters, folder=one.folder, by=one.by, at=one.at,
        )  # fmt: skip


class DocumentPage(BaseModel):
    """Documents, by name."""

    documents: list[DocumentOut]


class DocumentText(BaseModel):
    """A part of a document's text."""

    document: str
    title: str
    by: str
    heading: str = Field(description="Those above its beginning.")
    starts: int = Field(description="Characters of the text before it.")
    text: str
    next: int | None = Field(description="Where the next part begins; null: this is the last.")
    characters: int = Field(description="Of the whole text.")


class PassageOut(BaseModel):
    """A passage that was found."""

    source: str
    document: str
    title: str
    by: str
    heading: str = Field(description="Those above it.")
    starts: int = Field(description="Characters of the document's text before it.")
    text: str
    score: float = Field(description="How well it fits; to be compared within one answer only.")


class PassagePage(BaseModel):
    """The best passages, best first."""

    passages: list[PassageOut]


@router.get("", summary="List sources", **documented("agents:read"))
async def list_sources(app: Served, caller: Looks) -> SourcePage:
    """What agents may look up."""
    return SourcePage(sources=[_out(one) for one in await kept.list_sources(app.store)])


@router.post("", status_code=201, summary="Make a source", **documented("knowledge:write", 400))
async def add_source(app: Served, caller: Keeps, wanted: NewSource) -> SourceOut:
    """Without documents."""
    try:
        return _out(await kept.add_source(app.store, wanted.name, wanted.whole, caller.who))
    except FieldError as error:
        raise at(f"/{error.field}", str(error)) from error


@router.put("/{name}", summary="Say something else of a source", **documented("knowledge:write", 400, 404))
async def change_source(app: Served, caller: Keeps, name: Name, wanted: Said) -> SourceOut:
    """All that is said of it, in place of what was. Who vouched for it first stays, as long as it is vouched for."""
    await _source(app, name)
    try:
        return _out(await kept.change_source(app.store, name, wanted.whole, caller.who))
    except FieldError as error:
        raise at(f"/{error.field}", str(error)) from error


@router.delete("/{name}", status_code=204, summary="Remove a source", **documented("knowledge:write", 404))
async def remove_source(app: Served, caller: Keeps, name: Name) -> None:
    """With all its documents, at once. What runs have read of it stays in their journals."""
    await _source(app, name)
    await kept.remove_source(app.store, name, caller.who)


@router.get("/{name}/documents", summary="List documents", **documented("agents:read", 404))
async def list_documents(
    app: Served, caller: Looks, name: Name, after: After = "", limit: Listed = 100
) -> DocumentPage:
    """Of a source, by name."""
    found = await kept.list_documents(app.store, await _source(app, name), after, limit)
    return DocumentPage(documents=[DocumentOut.of(one) for one in found])


@router.put("/{name}/documents", summary="Keep a document", **documented("knowledge:write", 400, 404))
async def put_document(
    app: Served, caller: Keeps, name: Name, document: Of, wanted: NewDocument
) -> DocumentOut:
    """In place of the one of its name. What is larger than a body may be comes by `remit knowledge`."""
    source = await _source(app, name)
    try:
        kept_as = named(document)
    except UserError as error:
        raise at("/document", str(error)) from error
    try:
        data = coding.b64decode(wanted.content, validate=True) if wanted.base64 else wanted.content.encode()
        file = File(kept_as, data, await in_thread(lambda: read(kept_as, data)))
        await kept.put(app.store, name, [file], caller.who)
    except (UserError, binascii.Error, ValueError) as error:
        raise at("/content", str(error)) from error
    found = await kept.find_document(app.store, source, kept_as)
    if found is None:  # removed meanwhile
        raise Refused(404, f"{name} has no document {kept_as!r} any more")
    return DocumentOut.of(found)


@router.delete(
    "/{name}/documents", status_code=204, summary="Remove a document", **documented("knowledge:write", 404)
)
async def remove_document(app: Served, caller: Keeps, name: Name, document: Of) -> None:
    """With its passages, at once. What runs have read of it stays in their journals."""
    await _source(app, name)
    try:
        await kept.remove_document(app.store, name, document, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error


@router.get("/{name}/text", summary="Read a document", **documented("agents:read", 404))
async def read_document(
    app: Served,
    caller: Looks,
    name: Name,
    document: Of,
    start: Annotated[int, Query(ge=0, le=2**31 - 1, description="Character to begin at.")] = 0,
) -> DocumentText:
    """A part of its text. Of a source that is `person` or `secret` whoever has `knowledge:write` reads it, and nobody else."""
    source = await _source(app, name)
    _require_open(source, caller.scopes)
    page = await read_on(app.store, source, document, start)
    if page is None:
        raise Refused(
            404, str(UnknownName("document", document, await near(app.store, source, document), name))
        )
    return DocumentText.model_validate(page, from_attributes=True)


@router.get("/{name}/search", summary="Search a source", **documented("agents:read", 404))
async def search_source(
    app: Served,
    caller: Looks,
    name: Name,
    question: Annotated[Sought, Query(max_length=LONGEST, description="In words that the answer would use.")],
    limit: Annotated[int, Query(ge=1, le=MOST)] = 5,
) -> PassagePage:
    """As agents do it: by words, the best first."""
    source = await _source(app, name)
    _require_open(source, caller.scopes)
    hits = await search(app.store, [source], question, limit)
    return PassagePage(passages=[PassageOut.model_validate(one, from_attributes=True) for one in hits])


async def _source(app: App, name: str) -> Source:
    """Raises Refused."""
    try:
        return await kept.source_of(app.store, name)
    except UnknownName as error:
        raise Refused(404, str(error)) from error


def _require_open(source: Source, scopes: frozenset[str]) -> None:
    if not open_to([source], scopes):
        what = f"what stands in {source.name} is {source.confidentiality}: reading it"
        raise Refused(403, f"{what} needs the scope knowledge:write")


def _out(source: Source) -> SourceOut:
    return SourceOut.model_validate(source, from_attributes=True)
