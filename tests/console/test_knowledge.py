"""Knowledge in the browser: sources made, filled, searched and removed; agents given them by a tick."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from remit.access.audit import entries
from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue.kept import kept
from remit.catalogue.text import document
from remit.knowledge.kept import (
    About,
    add_source,
    change_source,
    list_documents,
    put,
    remove_source,
    source_of,
)
from remit.knowledge.text import read
from tests.console.conftest import SignIn
from tests.console.test_agents import begun, saved
from tests.console.test_inbox import EVIL, SAFE, words
from tests.knowledge.conftest import File, file, filled


def upload(*files: tuple[str, bytes]) -> list[Any]:
    return [("files", one) for one in files]


async def names(app: App, source: str = "handbook") -> list[str]:
    return [one.name for one in await list_documents(app.store, await source_of(app.store, source))]


async def test_without_any_it_says_what_it_is_for(browser: httpx.AsyncClient) -> None:
    assert "Nothing to look up yet" in words(await browser.get("/knowledge"))


async def test_a_source_is_made_filled_searched_read_and_removed(
    app: App, browser: httpx.AsyncClient
) -> None:
    form = {"name": "handbook", "title": "Our handbook", "about": "How we work.", "vouched": "yes"}
    made = await browser.post("/knowledge/new", data=form)
    assert (made.status_code, made.headers["location"]) == (303, "/knowledge/handbook")
    files = upload(
        ("returns.md", b"# Returns\n\nWorn shoes stay."), ("sub\\fees.csv", b"what,fee\nlabel,2.00\n")
    )
    assert (await browser.post("/knowledge/handbook/documents", files=files)).status_code == 303
    assert await names(app) == ["fees.csv", "returns.md"]
    page = words(await browser.get("/knowledge/handbook"))
    assert "✓ by ann" in page
    assert "2 documents" in page
    found = words(await browser.get("/knowledge?q=shoes"))
    assert "1 passage Returns handbook/returns.md, kept by ann # Returns Worn shoes stay." in found
    assert "Nothing was found" in words(await browser.get("/knowledge/handbook?q=zebra"))
    assert "what: label; fee: 2.00" in words(await browser.get("/knowledge/handbook/read?document=fees.csv"))
    gone = await browser.get("/knowledge/handbook/read?document=fee.csv")
    assert (gone.status_code, "fees.csv" in gone.text) == (400, True)
    await browser.post("/knowledge/handbook/documents/remove", data={"document": "fees.csv"})
    assert await names(app) == ["returns.md"]
    asked = await browser.post("/knowledge/handbook/remove")
    assert "1 document goes with it" in words(asked)
    assert await names(app) == ["returns.md"], "it is asked first"
    await browser.post("/knowledge/handbook/remove", data={"sure": "handbook"})
    assert (await browser.get("/knowledge/handbook")).status_code == 404
    told = [one.what for one in await entries(app.store, about="handbook")]
    assert told == ["knowledge.removed", "knowledge.documents", "knowledge.documents", "knowledge.added"]


async def test_of_several_files_those_that_can_be_read_are_kept_and_the_others_told(
    app: App, browser: httpx.AsyncClient
) -> None:
    await filled(app.store)
    files = upload(
        ("new.md", b"new"), (f"{EVIL}.exe", b"x"), ("broken.pdf", b"%PDF-1.4 x"), ("zero.txt", b"a\0b")
    )
    answer = await browser.post("/knowledge/handbook/documents", files=files)
    assert answer.status_code == 422
    said = words(answer)
    assert "1 document added. Not added:" in said
    assert "this PDF cannot be read" in said
    assert "zero.txt: is no text" in said
    assert "<script>" not in answer.text
    assert "new.md" in await names(app)
    nothing = await browser.post("/knowledge/handbook/documents", files=upload(("", b"")))
    assert (nothing.status_code, "choose one file" in nothing.text) == (422, True)


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({"name": "Hand book"}, "name", "no name for a source"),
        ({"name": "handbook"}, "name", "there is a source handbook already"),
        ({"name": "new", "title": "x" * 101}, "title", "100 are the most"),
        ({"name": "new", "confidentiality": "own"}, "confidentiality", "is none of"),
        ({"name": "new", "language": "klingon"}, "language", "is none of"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    app: App, browser: httpx.AsyncClient, form: dict[str, str], field: str, says: str
) -> None:
    await filled(app.store)
    answer = await browser.post("/knowledge/new", data={"about": "kept as typed", **form})
    assert answer.status_code == 422
    assert f'aria-describedby="wrong-{field}"' in answer.text
    assert says in words(answer)
    assert "kept as typed" in answer.text
    assert form["name"] in answer.text


async def test_a_source_is_changed_and_who_vouches_is_shown(app: App, browser: httpx.AsyncClient) -> None:
    await filled(app.store)
    form = {"title": "Anew", "about": "", "language": "simple", "confidentiality": "secret", "vouched": "yes"}
    assert (await browser.post("/knowledge/handbook/change", data=form)).status_code == 303
    page = words(await browser.get("/knowledge/handbook"))
    assert "Anew" in page
    assert "✓ by ann" in page
    assert "Any: words as they are" in page
    assert 'value="secret" selected' in (await browser.get("/knowledge/handbook/change")).text


async def test_whatever_a_document_or_a_colleague_says_is_only_text(
    app: App, browser: httpx.AsyncClient
) -> None:
    await add_source(app.store, "evil", About(EVIL, EVIL), EVIL)
    data = f"# {EVIL}\n\n{EVIL}".encode()
    await put(app.store, "evil", [File("evil.md", data, read("evil.md", data))], EVIL)
    for path in ("/knowledge?q=alert", "/knowledge/evil?q=alert", "/knowledge/evil/read?document=evil.md",
                 "/knowledge/evil/change", f"/knowledge?q={EVIL}"):  # fmt: skip
        answer = await browser.get(path)
        assert "<script>alert" not in answer.text, path
        shown = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", answer.text)  # to be changed as it is
        assert "\u202e" not in shown, path
    assert SAFE in (await browser.get("/knowledge?q=alert")).text


async def test_who_may_not_change_knowledge_sees_no_way_to_and_no_secret_text(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    await filled(app.store)
    await change_source(app.store, "people", About("People", confidentiality="secret"), "ann")
    vera = await browser_of("vera", "viewer")
    page = await vera.get("/knowledge/handbook")
    assert "Add documents" not in page.text
    assert "Remove" not in page.text
    assert "ann.lee@acme.example" not in (await vera.get("/knowledge?q=returns")).text
    assert "1 source not searched" in words(await vera.get("/knowledge?q=returns"))
    closed = await vera.get("/knowledge/people/read?document=people.csv")
    assert "ann.lee" not in closed.text
    assert "ann.lee" not in (await vera.get("/knowledge/people?q=ann")).text
    assert (await vera.post("/knowledge/handbook/documents", files=upload(("a.md", b"x")))).status_code == 403
    assert "ann.lee@acme.example" in (await browser.get("/knowledge?q=returns")).text


async def test_an_agent_is_given_sources_by_ticking_and_keeps_what_else_its_file_says(
    app: App, browser: httpx.AsyncClient
) -> None:
    await filled(app.store)
    page = await begun(browser)
    assert "Who does what" in page
    page = await saved(browser, page, knowledge=["people", "handbook"])
    assert plain(document((await kept(app.store, "desk")).text))["knowledge"] == ["people", "handbook"]
    listed = words(await browser.get("/knowledge/people"))
    assert "Looked up by desk" in listed
    page = await saved(browser, page, knowledge=["handbook"])
    assert plain(document((await kept(app.store, "desk")).text))["knowledge"] == ["handbook"]
    page = await saved(browser, page, knowledge=[])
    assert "knowledge" not in plain(document((await kept(app.store, "desk")).text))


async def test_a_source_that_is_gone_is_said_at_its_tick_and_can_be_unticked(
    app: App, browser: httpx.AsyncClient
) -> None:
    await filled(app.store)
    page = await saved(browser, await begun(browser), knowledge=["people"])
    await remove_source(app.store, "people", "ann")
    shown = await browser.get("/agents/desk")
    assert "is no longer kept" in words(shown)
    assert "unknown source" in words(shown)
    wrong = await browser.post(
        "/agents/desk/yaml", data={"base": "9", "text": "name: desk\nknowledge: [handbok]\n"}
    )
    assert (wrong.status_code, "Did you mean &#39;handbook&#39;" in wrong.text) == (422, True)
    await saved(browser, page.replace('value="people" checked', 'value="people"'), knowledge=[])
    assert "is no longer kept" not in words(await browser.get("/agents/desk"))


async def test_more_documents_than_a_page_holds_are_on_the_next(app: App, browser: httpx.AsyncClient) -> None:
    await filled(app.store)
    await put(app.store, "handbook", [file(f"n{number:03}.md", "x") for number in range(220)], "ann")
    first = await browser.get("/knowledge/handbook")
    assert "after=n198.md" in first.text
    second = await browser.get("/knowledge/handbook?after=n198.md")
    assert "n199" in second.text
    assert "n198" not in words(second)
