"""Describe what you want: a model drafts an agent, and a person looks at what that would change, and takes it over or not."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.describe import described
from remit.catalogue.differ import compared
from remit.catalogue.offered import Wrong
from remit.catalogue.sentences import sentences
from remit.console.pages.builder import FIELDS, as_diff, form_page, offered, save_form
from remit.console.show import here, needs, page
from remit.errors import RemitError
from remit.outfit import outfit

router = APIRouter(dependencies=[needs("agents:write")])


@router.post("/agents/{name}/describe")
async def describe(request: Request, name: str) -> Response:
    """The form is saved as the draft first, so that nothing that was typed is lost whatever becomes of the proposal."""
    form = await request.form(max_fields=FIELDS)
    if (instead := await save_form(request, name, form)) is not None:
        return instead
    return await propose(request, name, str(form.get("words", "")))


async def propose(request: Request, name: str, words: str) -> HTMLResponse:
    """What a model makes of the words, against the draft; it is kept nowhere before somebody takes it over."""
    app = here(request)
    now = await store_of.kept(app.store, name)
    offer = await offered(app, name, now)
    try:
        before, _ = await work.judged(app, name, now.text)
        model = await app.model(before.model if before else "auto")
        text = await described(model, words, now.text, offer)
        after = await work.require_usable(app, name, text, browser=True, base=now.text)
    except RemitError as error:
        wrong = [Wrong(("words",), str(error))]
        return await form_page(request, app, name, now, now.text, offer, wrong, 422, words=words)
    old = sentences(before, outfit(before).tools) if before else []
    new = sentences(after, outfit(after).tools)
    told = [line for line in compared("\n".join(old), "\n".join(new), 0) if line.kind != "gap"]
    return page(
        request,
        "agent_described.html",
        name=name,
        kept=now,
        words=words,
        text=text,
        model=model.name,
        changed=as_diff(told),
        lines=as_diff(compared(now.text, text)),
    )
