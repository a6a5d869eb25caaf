"""Knowledge: what agents may look up. Sources with what is said of them, their documents, and a search as agents make it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from remit.agents.yaml import plain
from remit.catalogue.form import strings
from remit.catalogue.kept import list_kept
from remit.catalogue.text import data_of
from remit.console.show import here, needs, page
from remit.errors import FieldError, SpecError, UnknownName, UserError
from remit.knowledge.kept import (
    LANGUAGES,
    About,
    File,
    Source,
    add_source,
    change_source,
    list_documents,
    list_sources,
    open_to,
    put,
    remove_document,
    remove_source,
    source_of,
)
from remit.knowledge.search import near, read_on, search
from remit.knowledge.text import KINDS, named, read
from remit.store.store import Store
from remit.tools.thread import in_thread

router = APIRouter(dependencies=[needs("agents:read")])
CHANGES = [needs("knowledge:write")]
LISTED = 200  # documents on a page
FILES = 200  # of one upload
WHO = {  # may have what stands in a source, in words
    "workspace": "Whoever works here; it may go out where a rule or a person lets it",
    "public": "Anybody",
    "person": "Nobody else: it is about people, and nobody can tell about whom",
    "secret": "Nobody else, ever by itself",
}


@router.get("/knowledge")
async def knowledge(request: Request, q: str = "") -> HTMLResponse:
    """The sources; with `q` also what a search of all of them finds."""
    app = here(request)
    sources = await list_sources(app.store)
    return page(
        request,
        "knowledge.html",
        sources=sources,
        users=await users(app.store),
        **await _found(request, sources, q),
    )


async def _found(request: Request, sources: Sequence[Source], question: str) -> dict[str, Any]:
    """What a search finds, in the sources that whoever asks may read."""
    readable = open_to(sources, request.state.rights)
    hits = await search(here(request).store, readable, question, 8) if question.strip() else []
    return {"q": question, "hits": hits, "closed": len(sources) - len(readable)}


async def users(store: Store) -> dict[str, list[str]]:
    """Which agents may look into which source, drafts too."""
    found: dict[str, list[str]] = {}
    for agent in await list_kept(store, archived=False):
        for name in sorted(_named(text for text in (agent.draft, agent.published) if text)):
            found.setdefault(name, []).append(agent.name)
    return found


def _named(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        try:
            found |= set(strings(plain(data_of(text)).get("knowledge")))
        except SpecError:
            continue
    return found


@router.get("/knowledge/new", dependencies=CHANGES)
async def new(request: Request) -> HTMLResponse:
    return form_page(request, "", About(""))


@router.post("/knowledge/new", dependencies=CHANGES)
async def add(request: Request) -> Response:
    given = await _given(request)
    name, about = given.get("name", ""), _about(given)
    try:
        await add_source(here(request).store, name, about, request.state.who)
    except FieldError as error:
        return form_page(request, name, about, error, new=True)
    return RedirectResponse(f"/knowledge/{name}", 303)


@router.get("/knowledge/{name}")
async def one(request: Request, name: str, q: str = "", after: str = "") -> HTMLResponse:
    return await one_page(request, await source_of(here(request).store, name), q, after)


@router.get("/knowledge/{name}/change", dependencies=CHANGES)
async def change(request: Request, name: str) -> HTMLResponse:
    source = await source_of(here(request).store, name)
    return form_page(request, name, source.as_said)


@router.post("/knowledge/{name}/change", dependencies=CHANGES)
async def changed(request: Request, name: str) -> Response:
    about = _about(await _given(request))
    try:
        await change_source(here(request).store, name, about, request.state.who)
    except FieldError as error:
        return form_page(request, name, about, error)
    return RedirectResponse(f"/knowledge/{name}", 303)


@router.post("/knowledge/{name}/documents", dependencies=CHANGES)
async def upload(request: Request, name: str) -> Response:
    """Several files at once: those that can be read are kept, and of the others it is said why not."""
    app = here(request)
    source = await source_of(app.store, name)
    form = await request.form(max_files=FILES)
    files, left_out = await _files([one for one in form.getlist("files") if isinstance(one, UploadFile)])
    if not files and not left_out:
        left_out = {"": "choose one file or more"}
    try:
        if files:
            await put(app.store, name, files, request.state.who)
    except FieldError as error:
        left_out |= {"": str(error)}
    if left_out:
        source = await source_of(app.store, name)
        return await one_page(request, source, "", "", left_out=left_out, kept=len(files), status=422)
    return RedirectResponse(f"/knowledge/{name}#documents", 303)


async def _files(sent: Sequence[UploadFile]) -> tuple[list[File], dict[str, str]]:
    files, left_out = dict[str, File](), dict[str, str]()
    for upload in sent:
        if not upload.filename:  # nothing was chosen
            continue
        data = await upload.read()
        try:
            name = named(upload.filename.replace("\\", "/").rpartition("/")[2])
            files[name] = File(name, data, await in_thread(lambda n=name, d=data: read(n, d)))  # type: ignore[misc]
        except UserError as error:
            left_out[upload.filename] = str(error)
    return list(files.values()), left_out


@router.get("/knowledge/{name}/read")
async def text(request: Request, name: str, document: str = "", start: int = 0) -> HTMLResponse:
    """The text of a document, a page at a time."""
    app = here(request)
    source = await source_of(app.store, name)
    (readable,) = open_to([source], request.state.rights) or (None,)
    found = await read_on(app.store, source, document, max(0, start)) if readable else None
    if readable and found is None:
        raise UnknownName("document", document, await near(app.store, source, document), name)
    return page(request, "knowledge_text.html", source=source, document=document, text=found)


@router.post("/knowledge/{name}/documents/remove", dependencies=CHANGES)
async def forget(request: Request, name: str) -> Response:
    document = (await _given(request)).get("document", "")
    await remove_document(here(request).store, name, document, request.state.who)
    return RedirectResponse(f"/knowledge/{name}#documents", 303)


@router.post("/knowledge/{name}/remove", dependencies=CHANGES)
async def remove(request: Request, name: str) -> Response:
    """With everything in it, so it is asked once more."""
    app, given = here(request), await _given(request)
    source = await source_of(app.store, name)
    if given.get("sure") != name:
        users_ = (await users(app.store)).get(name, [])
        return page(request, "knowledge_remove.html", source=source, users=users_)
    await remove_source(app.store, name, request.state.who)
    return RedirectResponse("/knowledge", 303)


async def one_page(
    request: Request,
    source: Source,
    question: str,
    after: str,
    *,
    left_out: Mapping[str, str] | None = None,
    kept: int = 0,
    status: int = 200,
) -> HTMLResponse:
    app = here(request)
    documents = await list_documents(app.store, source, after, LISTED + 1)
    more = documents[LISTED - 1].name if len(documents) > LISTED else ""
    return page(
        request,
        "knowledge_source.html",
        status,
        source=source,
        documents=documents[:LISTED],
        after=after,
        more=urlencode({"after": more}) if more else "",
        users=(await users(app.store)).get(source.name, []),
        who_may=WHO,
        taken=",".join(KINDS),
        left_out=left_out or {},
        added=kept,
        **await _found(request, [source], question),
    )


def form_page(
    request: Request, name: str, about: About, wrong: FieldError | None = None, new: bool = False
) -> HTMLResponse:
    return page(
        request,
        "knowledge_form.html",
        422 if wrong else 200,
        name=name,
        about=about,
        fresh=new or not name,
        wrong={wrong.field: str(wrong)} if wrong else {},
        languages=LANGUAGES,
        who_may=WHO,
    )


async def _given(request: Request) -> dict[str, str]:
    return {key: str(value).strip() for key, value in (await request.form()).items()}


def _about(given: Mapping[str, str]) -> About:
    return About(
        title=given.get("title", ""),
        about=given.get("about", "").replace("\r\n", "\n"),
        confidentiality=given.get("confidentiality", "workspace"),
        language=given.get("language", "english"),
        vouched=given.get("vouched") == "yes",
    )
