"""Intents in the browser: taught, tried on a sentence, inferred and corrected; behaviours filled in and tried on people; and ready flows."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from remit.agents.spec import Connection
from remit.app import App
from remit.connections.kept import Linked, linked_of, set_connection
from remit.console.meaning import Meaning
from remit.decisions.kept import version_of
from remit.errors import WeightsError
from remit.graph.behaviours import behaviour_of, behaviours_of
from remit.graph.intents import Embedder, list_intents
from remit.graph.people import find
from remit.graph.readers import reader_of
from remit.graph.understand import understand
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, words
from tests.graph.conftest import row, taken
from tests.graph.test_intents import Words
from tests.graph.test_reading import NAME, all_read, keen

PRICES = {
    "intent": "coming-back",
    "when.0.kind": "page_view",
    "when.0.properties": "page=/pricing*, plan=team",
    "when.0.least": "2",
    "when.0.days": "7",
    "without.0.kind": "purchase",
    "at.silence": "",
    "at.confidence": "0.6",
    "at.outcome.kind": "purchase",
    "at.outcome.days": "30",
}


async def reads(_: Settings) -> Embedder:
    return Words()


@pytest.fixture(autouse=True)
def meaning(server: FastAPI) -> None:
    server.state.meaning = Meaning(reads)


@pytest.fixture
async def people(app: App) -> None:
    looks = {"kind": "page_view", "properties": {"page": "/pricing/team", "plan": "team"}}
    await taken(
        app.store,
        row("a1", 3, email="ann@x.example", name=f"Ann {EVIL}", **looks),
        row("a2", 2, email="ann@x.example", **looks),
        row("b1", 3, email="bob@x.example", **looks),
        row("b2", 2, email="bob@x.example", **looks),
        row("b3", 1, email="bob@x.example", kind="purchase"),
        row("c1", 2, email="cleo@x.example", kind="page_view", properties={"page": "/"}),
        row("m1", 1, email="ann@x.example", kind="message", channel="email", text="I want my money back now"),
        row("m2", 1, email="bob@x.example", kind="message", channel="email", text="zeppelin gravel hum"),
    )


async def teach(browser: httpx.AsyncClient) -> None:
    for intent, texts in (
        ("refund", "I want my money back\nplease refund my order\n\ngive me my money back"),
        ("parcel", "where is my parcel\nthe parcel is late"),
        ("none", "thank you so much\nhello there"),
    ):
        answer = await browser.post("/people/intents", data={"intent": intent, "texts": texts})
        assert answer.headers["location"] == f"/people/intents/taught/{intent}"


async def test_an_intent_is_taught_by_lines_and_each_example_can_be_taken_back(
    app: App, browser: httpx.AsyncClient
) -> None:
    await teach(browser)
    assert {one.name: one.examples for one in await list_intents(app.store)} == {
        "refund": 3,
        "parcel": 2,
        "": 2,
    }
    page = await browser.get("/people/intents/taught/parcel")
    assert "where is my parcel" in words(page)
    for number in re.findall(r"examples/(\d+)/remove", page.text):
        answer = await browser.post(f"/people/intents/taught/parcel/examples/{number}/remove")
    assert answer.headers["location"] == "/people/intents"
    assert [one.name for one in await list_intents(app.store)] == ["", "refund"]


async def test_what_is_taught_wrongly_stays_typed_and_says_what_to_do(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/people/intents", data={"intent": "Re Fund", "texts": "my words stay"})
    assert answer.status_code == 422
    assert "no name of an intent" in words(answer)
    assert "my words stay" in answer.text
    assert "one a line" in words(await browser.post("/people/intents", data={"intent": "refund"}))


async def test_a_sentence_is_tried_and_its_reasons_are_shown(browser: httpx.AsyncClient) -> None:
    early = await browser.post("/people/intents/try", data={"text": "money back"})
    assert early.status_code == 422
    await teach(browser)
    page = words(await browser.post("/people/intents/try", data={"text": "my money back please"}))
    assert "Taken for refund" in page
    assert "like “I want my money back”" in page


async def test_messages_are_looked_at_and_what_is_said_of_the_doubtful_ones_teaches(
    app: App, browser: httpx.AsyncClient, people: None
) -> None:
    await teach(browser)
    assert (await browser.post("/people/intents/infer")).headers["location"] == "/people/intents?seen=2"
    async with app.store.pool.connection() as connection:
        await connection.execute("update graph_inferred set probability = 0.4")
    page = (await browser.get("/people/intents")).text
    number = re.findall(r"/people/intents/messages/(\d+)[^§]*?</form>", page)
    assert len(number) == 2
    for one in number:
        await browser.post(f"/people/intents/messages/{one}", data={"intent": "parcel"})
    assert "Least sure" not in words(await browser.get("/people/intents"))
    assert {one.name: one.examples for one in await list_intents(app.store)}["parcel"] == 4
    assert "bob@x.example" in words(await browser.get("/people/intents/taught/parcel"))


async def test_messages_are_read_by_a_model_that_is_named_here_and_what_it_reads_is_shown_with_its_words(
    app: App, browser: httpx.AsyncClient, people: None
) -> None:
    await teach(browser)
    wrong = await browser.post("/people/intents/reader", data={"model": "scripted:test", "daily": "many"})
    assert "a number of messages" in words(wrong)
    wrong = await browser.post("/people/intents/reader", data={"model": " ", "daily": "5"})
    assert wrong.status_code == 422
    app.models[NAME] = ScriptedModel(keen, name=NAME)
    answer = await browser.post("/people/intents/reader", data={"model": NAME, "daily": "100"})
    assert answer.headers["location"] == "/people/intents#reader"
    assert await understand(app.store, None, None)
    assert "2 waiting" in words(await browser.get("/people/intents"))
    await all_read(app.store, app.model)
    page = words(await browser.get("/people/intents"))
    assert f"{NAME} reads messages as they come, up to 100 a day" in page
    assert "tried on enough examples" in page
    ann = await find(app.store, "ann@x.example")
    assert f"{NAME} read it so, by “money”" in words(await browser.get(f"/people/{ann.id}"))
    tried = words(await browser.post("/people/intents/try", data={"text": "my parcel, please"}))
    assert f"by “parcel” as {NAME} reads it" in tried
    async with app.store.pool.connection() as connection:
        await connection.execute(
            "insert into graph_unread (interaction, tries, due, why) select max(id), 5, null, 'it is away' from graph_interactions"
        )
    page = words(await browser.get("/people/intents"))
    assert "it is away; tried 5 times, and left to the embedding" in page
    assert (await browser.post("/people/intents/reader/retry")).status_code == 303
    await browser.post("/people/intents/reader", data={"do": "off"})
    assert await reader_of(app.store) is None
    assert "Have it read" in words(await browser.get("/people/intents"))


async def test_where_the_model_of_meaning_cannot_be_had_the_page_says_so_and_tries_anew(
    server: FastAPI, browser: httpx.AsyncClient
) -> None:
    async def fails(_: Settings) -> Embedder:
        raise WeightsError("connect to the internet")

    await teach(browser)
    server.state.meaning = Meaning(fails)
    assert "connect to the internet" in words(await browser.post("/people/intents/infer"))
    server.state.meaning.open = reads
    assert (await browser.post("/people/intents/infer")).status_code == 303


async def test_a_behaviour_is_tried_on_people_as_the_form_stands_and_saved(
    app: App, browser: httpx.AsyncClient, people: None
) -> None:
    assert "Within so many days" in words(await browser.get("/people/intents/behaviours/new"))
    piece = await browser.post("/people/intents/behaviours/tried", data=PRICES)
    assert "<main" not in piece.text
    assert "1 of 3 people" in words(piece)
    assert "Ann" in words(piece)
    assert await behaviours_of(app.store) == []
    answer = await browser.post("/people/intents/behaviours", data=PRICES | {"do": "save"})
    assert answer.headers["location"] == "/people/intents/behaviours/coming-back"
    pattern = (await behaviour_of(app.store, "coming-back")).pattern
    assert pattern.when[0].properties == {"page": "/pricing*", "plan": "team"}
    assert (pattern.without[0].kind, pattern.confidence) == ("purchase", 0.6)
    page = (await browser.get(answer.headers["location"])).text
    assert 'value="page=/pricing*, plan=team"' in page
    assert (await browser.post("/people/intents/behaviours/count")).status_code == 303
    assert "0 of 0" not in words(await browser.get("/people/intents"))
    await browser.post("/people/intents/behaviours/coming-back/forget")
    assert await behaviours_of(app.store) == []


async def test_a_behaviour_that_is_wrong_is_told_at_its_fields_and_keeps_what_was_typed(
    app: App, browser: httpx.AsyncClient
) -> None:
    form = PRICES | {"intent": "Coming Back", "when.0.days": "soon", "at.confidence": "7", "do": "save"}
    answer = await browser.post("/people/intents/behaviours", data=form)
    assert answer.status_code == 422
    for said in ('id="wrong-intent"', 'id="wrong-when.0.days"', 'id="wrong-confidence"', 'value="soon"'):
        assert said in answer.text, said
    nothing = await browser.post("/people/intents/behaviours", data={"intent": "x", "do": "save"})
    assert 'id="wrong-when"' in nothing.text
    assert await behaviours_of(app.store) == []


async def test_a_pattern_of_a_file_is_the_same_after_its_form_was_saved(
    app: App, browser: httpx.AsyncClient
) -> None:
    await browser.post("/decisions/flows/coming-back", data={"by.email": "desk"})
    before = (await behaviour_of(app.store, "coming-back")).pattern
    page = (await browser.get("/people/intents/behaviours/coming-back")).text
    inside = page.partition('id="behaviour"')[2].partition("</form>")[0]
    form = dict(re.findall(r'<input name="([^"]+)" value="([^"]*)"', inside))
    await browser.post("/people/intents/behaviours", data=form | {"do": "save"})
    assert (await behaviour_of(app.store, "coming-back")).pattern == before


async def test_a_ready_flow_is_added_by_the_connection_that_was_picked(
    app: App, browser: httpx.AsyncClient
) -> None:
    assert "No playbook yet" in words(await browser.get("/decisions"))
    assert "Dormant customers who come back" in words(await browser.get("/decisions/flows"))
    page = words(await browser.get("/decisions/flows/coming-back"))
    assert "No connection here writes by email yet" in page
    mail = {
        "address": "a@b.example",
        "imap": "imaps://mail.b.example",
        "smtp": "smtps://mail.b.example",
        "password": "secret:P",
    }
    await set_connection(app.store, "post", linked_of("post", {"mail": mail}), "ann")
    await set_connection(app.store, "crm", Linked(connection=Connection(http="https://crm.example")), "ann")
    shown = (await browser.get("/decisions/flows/coming-back")).text
    assert re.findall(r"<option selected>(\w+)</option>", shown) == ["post"]
    assert "crm" not in shown
    answer = await browser.post("/decisions/flows/coming-back", data={"by.email": "post"})
    assert answer.headers["location"] == "/decisions/coming-back"
    version = await version_of(app.store, "coming-back")
    assert (version.stage, dict(version.book.through)) == ("shadow", {"email": "post"})
    assert "decides here already" in words(await browser.get("/decisions/flows/coming-back"))
    assert (await browser.post("/decisions/flows/coming-back", data={"by.email": ""})).status_code == 422
    assert (await browser.get("/decisions/flows/nothing")).status_code == 404


async def test_who_only_looks_is_shown_intents_and_no_form(
    browser_of: SignIn, browser: httpx.AsyncClient
) -> None:
    await teach(browser)
    viewer = await browser_of("bo", "approver")
    page = (await viewer.get("/people/intents")).text
    assert "refund" in page
    assert "<textarea" not in page
    assert "/people/intents/infer" not in page
