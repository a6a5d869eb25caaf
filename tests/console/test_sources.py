"""Sources in the browser: files whose columns are settled and looked at before they come in, webhooks and databases drawn from examples."""

from __future__ import annotations

import html
import json
import re

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from remit.access.invitations import set_password
from remit.access.people import known
from remit.app import App
from remit.connections.kept import linked_of, set_connection
from remit.console.intaking import drawn, given
from remit.graph.people import find, search, timeline
from remit.intake import kept
from remit.intake.spec import intake_of
from remit.intake.sync import look
from remit.store.secrets import set_secret
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, words
from tests.intake.test_sync import TABLE

PEOPLE = f"E-Mail,Full name,City\nann@x.example,Ann {EVIL},Bonn\nno address,Bob,Wien\n"
PAID = {
    "type": "order.paid",
    "data": {"number": "o-1", "customer": {"email": "ann@x.example"}, "total": 12.5, "currency": "EUR"},
}


async def send(browser: httpx.AsyncClient, name: str, data: str | bytes) -> httpx.Response:
    content = data.encode() if isinstance(data, str) else data
    return await browser.post("/people/sources/files", files={"file": (name, content)})


async def test_a_file_is_looked_at_settled_and_taken_in(app: App, browser: httpx.AsyncClient) -> None:
    assert "No other system yet" in words(await browser.get("/people/sources"))
    path = (await send(browser, "Our people.csv", PEOPLE)).headers["location"]
    page = await browser.get(path)
    said = words(page)
    assert "1 of 2 rows" in said
    assert "1 row would be set aside" in said
    assert 'value="our_people"' in page.text
    assert re.findall(r'<option value="(\w+)" selected', page.text) == ["email", "name"]
    assert await search(app.store, "") == []
    form = {"source": "crm", "into.0": "email", "into.1": "name", "into.2": "properties.", "do": "check"}
    assert "1 of 2 rows" in words(await browser.post(path, data=form))
    done = await browser.post(path, data=form | {"do": "take", "verified.email": "1"})
    assert done.headers["location"] == "/people/sources?taken=1&known=0&aside=1"
    told = words(await browser.get(done.headers["location"]))
    assert "1 row taken in, 1 set aside." in told
    assert "1 row could not be taken in" in told
    ann = await find(app.store, "ann@x.example")
    assert (ann.profiles[0].verified, ann.profiles[0].name) == (True, f"Ann {EVIL}")
    (event,) = await timeline(app.store, ann)
    assert (event.source, event.kind, event.properties) == ("crm", "record", {"city": "Bonn"})
    assert (await browser.get(path)).status_code in (400, 404)


async def test_a_file_that_is_sent_again_changes_nothing(browser: httpx.AsyncClient) -> None:
    lines = "\n".join(
        json.dumps({"id": f"e{n}", "at": "2026-05-01T10:00:00Z", "kind": "visit", "email": f"p{n}@x.example"})
        for n in range(3)
    )
    for taken, known_ in ((3, 0), (0, 3)):
        path = (await send(browser, "visits.jsonl", lines)).headers["location"]
        done = await browser.post(path, data={"source": "web", "do": "take"})
        assert done.headers["location"] == f"/people/sources?taken={taken}&known={known_}&aside=0"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("people.xlsx", b"PK", "is no table"),
        ("people.csv", "email\nän@x.example".encode("latin-1"), "is not in UTF-8"),
        ("people.csv", b"", "is empty"),
        ("people.csv", b"a\0b", "is no text"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_at_its_field(
    browser: httpx.AsyncClient, name: str, data: bytes, why: str
) -> None:
    answer = await send(browser, name, data)
    assert answer.status_code == 422
    assert why in words(answer)


async def test_what_cannot_be_settled_so_is_said_and_what_was_chosen_stays(
    browser: httpx.AsyncClient,
) -> None:
    path = (await send(browser, "people.csv", PEOPLE)).headers["location"]
    form = {"source": "crm", "into.0": "", "into.1": "name", "into.2": "", "do": "take"}
    answer = await browser.post(path, data=form)
    assert answer.status_code == 422
    assert "no column says who" in words(answer)
    assert re.findall(r'<option value="(\w*)" selected', answer.text) == ["name"]
    zone = await browser.post(path, data=form | {"into.0": "email", "zone": "Bonn"})
    assert "'Bonn' is no time zone" in words(zone)
    assert (await browser.post(path, data={"do": "drop"})).headers["location"] == "/people/sources"
    assert (await browser.get(path)).status_code in (400, 404)


def form_of(page: str) -> dict[str, str]:
    """What a browser would send back, were nothing changed."""
    inside = page.partition('class="making"')[2].partition("</form>")[0]
    form = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input[^>]*?name="([^"]+)" value="([^"]*)"', inside)
    }
    form |= {
        name: html.unescape(text).strip()
        for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>(.*?)</textarea>', inside, re.S)
    }
    for name, choices in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', inside, re.S):
        chosen = re.search(r"<option(?: value=\"([^\"]*)\")? selected>([^<]*)", choices)
        form[name] = (chosen[1] if chosen[1] is not None else chosen[2]) if chosen else ""
    return form


async def test_a_webhook_is_drawn_from_an_example_tried_and_kept(
    app: App, browser: httpx.AsyncClient
) -> None:
    form = form_of((await browser.get("/people/sources/new?kind=webhook")).text)
    form |= {"name": "orders", "sample": json.dumps(PAID), "do": "draw"}
    page = await browser.post("/people/sources", data=form)
    drawn_form = form_of(page.text)
    rows = {drawn_form[f"row.{n}.field"]: drawn_form[f"row.{n}.lies"] for n in range(5)}
    assert rows == {
        "kind": "/type",
        "properties.number": "/data/number",
        "email": "/data/customer/email",
        "value": "/data/total",
        "currency": "/data/currency",
    }
    assert "'order.paid' is none" in words(page)
    at = next(n for n in range(5) if drawn_form[f"row.{n}.field"] == "kind")
    settled = drawn_form | {f"row.{at}.lies": "purchase", "when": 'event.type == "order.paid"', "do": "save"}
    answer = await browser.post("/people/sources", data=settled)
    assert answer.headers["location"] == "/people/sources/orders"
    one = await kept.get_intake(app.store, "orders")
    assert one.intake.row["email"] == "/data/customer/email"
    assert one.state == "no secret yet"
    assert "/hooks/default/orders" in (await browser.get("/people/sources/orders")).text


async def test_a_secret_is_shown_once_and_deliveries_stand_there_with_what_came_of_them(
    app: App, server: FastAPI, browser: httpx.AsyncClient
) -> None:
    row = {"kind": "purchase", "email": "/email"}
    await kept.put(app.store, intake_of("orders", {"webhook": "token", "row": row}), "ann")
    page = await browser.post("/people/sources/orders/secret", data={"given": "short"})
    assert (page.status_code, "16 to 1,000 characters" in words(page)) == (422, True)
    made = await browser.post("/people/sources/orders/secret", data={})
    secret = re.findall(r'value="([^"]+)" readonly aria-label="The secret"', made.text)[0]
    assert secret not in (await browser.get("/people/sources/orders")).text
    for token, body in ((secret, {"email": "ann@x.example"}), (secret, {"email": EVIL}), ("wrong", {})):
        await browser.post("/hooks/default/orders", json=body, headers={"authorization": f"Bearer {token}"})
    said = words(await browser.get("/people/sources/orders"))
    assert "a delivery was refused: the token is another" in said
    assert "0 taken in, 1 set aside" in said
    assert "1 taken in" in said
    one = await kept.get_intake(app.store, "orders")
    assert [(it["taken"], it["aside"], bool(it["went"])) for it in one.lately] == [
        (0, 0, True),
        (0, 1, False),
        (1, 0, False),
    ]


async def test_who_has_a_password_confirms_it_before_a_secret_is_made(
    app: App, browser_of: SignIn, browser: httpx.AsyncClient
) -> None:
    row = {"kind": "purchase", "email": "/email"}
    await kept.put(app.store, intake_of("orders", {"webhook": "token", "row": row}), "ann")
    bo = await browser_of("bo", "builder")
    await set_password(app.store, "ann", await known(app.store, "bo"), "seven tin whistles of Arklow")
    async with app.store.pool.connection() as connection:
        await connection.execute("update sessions set proved_at = proved_at - interval '20 minutes'")
    answer = await bo.post("/people/sources/orders/secret")
    assert answer.headers.get("location", "").startswith(("/confirm", "/sign-in"))


async def test_no_more_deliveries_are_kept_than_somebody_looks_at(app: App) -> None:
    row = {"kind": "purchase", "email": "/email"}
    await kept.put(app.store, intake_of("orders", {"webhook": "token", "row": row}), "ann")
    for n in range(kept.LATELY + 3):
        await kept.went_wrong(app.store, "orders", f"no {n}")
    lately = (await kept.get_intake(app.store, "orders")).lately
    assert [one["went"] for one in lately] == [f"no {n}" for n in range(kept.LATELY + 2, 2, -1)]


async def test_a_database_is_chosen_by_its_table_and_says_how_far_it_was_read(
    app: App, browser: httpx.AsyncClient, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(TABLE.encode())
    await set_secret(app.store, "SHOP", empty_database_url, "ann")
    await set_connection(app.store, "shop", linked_of("shop", {"url": "secret:SHOP"}), "ann")
    form = form_of((await browser.get("/people/sources/new?kind=database")).text) | {"database": "shop"}
    assert ">orders</option>" in (await browser.post("/people/sources", data=form | {"do": "check"})).text
    page = await browser.post("/people/sources", data=form | {"table": "orders", "do": "table"})
    form = form_of(page.text)
    assert form["query"] == "select * from orders"
    fields = {
        form[key]: form[key.replace("field", "lies")] for key in form if key.endswith(".field") and form[key]
    }
    assert (fields["email"], fields["value"], fields["kind"]) == ("/email", "/total", "event")
    wrong = await browser.post("/people/sources", data=form | {"name": "shop", "do": "save"})
    assert (wrong.status_code, "say which cursor" in words(wrong)) == (422, True)
    at = next(key for key in form if key.endswith(".field") and form[key] == "kind").replace("field", "lies")
    last = max(int(key.split(".")[1]) for key in form if key.endswith(".field"))
    form |= {at: "purchase", f"row.{last}.field": "currency", f"row.{last}.lies": "EUR", "name": "shop"}
    form |= {"cursor": "changed", "key": "id", "do": "save"}
    tried = words(await browser.post("/people/sources", data=form | {"do": "check"}))
    assert "p1@x.example purchase 1 EUR" in tried
    assert (await browser.post("/people/sources", data=form)).headers["location"] == "/people/sources/shop"
    assert (await browser.post("/people/sources/shop/sync")).status_code == 303
    await look(app)
    said = words(await browser.get("/people/sources/shop"))
    assert "10 taken in" in said
    assert "Read as far as" in said
    for deed, state in (("pause", "paused"), ("resume", "on")):
        await browser.post(f"/people/sources/shop/{deed}")
        assert (await kept.get_intake(app.store, "shop")).state == state
    assert (await browser.post("/people/sources/shop/remove")).headers["location"] == "/people/sources"
    assert await kept.list_intakes(app.store) == []


def test_an_intake_is_the_same_after_its_form() -> None:
    made = intake_of("orders", {
        "webhook": "hmac", "each": "/events", "when": "event.n > 1", "verified": ["customer"],
        "row": {"id": "/n", "kind": "purchase", "email": "/email", "value": {"cel": "double(event.cents) / 100.0"}, "currency": "EUR",
                "properties": {"items": "/items"}, "identifiers": {"loyalty_id": "/card"}, "attributes": {"city": "/city"}},
    })  # fmt: skip
    shown = drawn(made)
    form = {**shown.said, "verified": shown.verified}
    for n, row in enumerate(shown.rows.rows):
        form |= {f"row.{n}.{key}": value for key, value in row.items()}
    assert given("webhook", form).intake == made


async def test_who_may_take_files_in_and_no_more_is_shown_no_other_system(
    browser_of: SignIn, app: App
) -> None:
    row = {"kind": "purchase", "email": "/email"}
    await kept.put(app.store, intake_of("orders", {"webhook": "token", "row": row}), "ann")
    operator = await browser_of("bo", "operator")
    page = (await operator.get("/people/sources")).text
    assert "A file" in page
    assert "orders" not in page
    assert "/people/sources/new" not in page
