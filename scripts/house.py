"""A house in which much has happened, for pictures: the made people of `remit graph sample`, companies that some of them belong to, and a playbook that
has decided for all of them for ten weeks.

Everything comes in as it does anywhere, week by week, and is decided, credited and learned from by Remit itself, as of each week. Only what people
buy of it is made up here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from remit.acting.mind import mind
from remit.agents.spec import Connection
from remit.connections.kept import Linked, linked_of, set_connection
from remit.decisions.contacts import Wanted, noted
from remit.decisions.kept import put, save
from remit.decisions.rounds import begin, go_on
from remit.decisions.stage import DONE, SHADOWED, Shown
from remit.flows import add, flow_of
from remit.graph import segment, segments
from remit.graph.accounts.propose import propose
from remit.graph.ingest import Taken, take
from remit.graph.intent import NONE, Example
from remit.graph.intents import classifier, teach
from remit.graph.match import Pair, Reason
from remit.graph.matching import keep as keep_pairs
from remit.graph.people import profile_of
from remit.graph.sample import town
from remit.graph.understand import understand
from remit.intake.kept import heard, make_secret
from remit.intake.kept import put as put_intake
from remit.intake.spec import intake_of
from remit.keeping.rules import set_rule
from remit.models.embed import open_embedder
from remit.playbook import playbook_of
from remit.privacy.holds import set_hold
from remit.store.store import Store

Json = dict[str, Any]
WHO = "olga"
PEOPLE, WEEKS = 240, 10
CLARA = "clara.weiss@northwind.example"
COMPANIES = (
    ("A-1001", "Northwind Freight", "northwind.example", "logistics", 220),
    ("A-1002", "Alpenwerk Maschinenbau", "alpenwerk.example", "machinery", 540),
    ("A-1003", "Brightwater Energy", "brightwater.example", "energy", 1200),
)
COLLEAGUES = (
    ("Jonas Peters", "head of operations"),
    ("Clara Weiss", "buyer"),
    ("Amira Haddad", "user"),
    ("Tom Brandt", "user"),
)
WROTE = {
    "jonas.peters": "The export of invoices has been broken for three days now, and nobody answers. This is really frustrating.",
    "amira.haddad": "Thank you so much for the quick help yesterday, everything works again. Great team!",
    "tom.brandt": "Could you send us last month's invoice once more?",
}
RETURNS = "Hello, we used you until spring. How long does it take to get started again, and can somebody help us with the implementation?"
TAUGHT = {
    "invoice": (
        "please send the invoice again",
        "where is my invoice for May?",
        "the address on the invoice is wrong",
    ),
    "complaint": (
        "this is the third time it fails",
        "nobody answers my mails",
        "I am really unhappy with the service",
    ),
    "order": ("where is my order?", "my parcel has not come", "when will it be delivered?"),
    NONE: ("thank you", "hello", "see you on Monday"),
}
PLAYBOOK = """\
# Customers who might buy again: who is written to, who is called, and who is left alone.
every: 7
window: 7
goals:
  sales: {counts: [{kind: purchase, currency: EUR}, {kind: refund, currency: EUR, worth: -1}]}
actions:
  - {name: what-is-new, does: send, channel: email, what: news, cost: 0.02, cool_down: 7}
  - {name: call, does: route, what: sales, cost: 6, capacity: {count: 25, days: 7}}
  - {name: voucher, does: send, channel: email, what: voucher, cost: 5, cool_down: 7}
  - {name: nothing, does: nothing}
templates:
  news: {subject: "What is new, {first_name|there}", text: "Hello {name|there}, three things that came in this week."}
  voucher: {subject: "Five euros for you", text: "Hello {name|there}, this takes five euros off your next order."}
through: {email: desk}
budget: 600
holdout: 0.1
rules:
  zone: Europe/Berlin
  caps: [{name: week, count: 2, days: 7}]
"""
BUYS = {
    "call": 0.34,
    "voucher": 0.2,
    "what-is-new": 0.16,
}  # how likely, within the week; the others of a thousand: 90


def at(now: datetime, days: float) -> str:
    return (now - timedelta(days=days)).isoformat()


def companies(now: datetime) -> Iterator[Json]:
    """Colleagues, to whom they report, what they wrote of late; and one who comes back after half a year."""
    for crm, company, domain, industry, size in COMPANIES:
        for n, (name, role) in enumerate(COLLEAGUES):
            first = name.lower().replace(" ", ".")
            of: Json = {
                "source": "crm",
                "email": f"{first}@{domain}",
                "verified": ["email"],
                "channel": "other",
            }
            account: Json = {"crm": crm, "domain": domain, "name": company, "role": role, "verified": True}
            told: Json = {"kind": "record", "name": name, "account": account}
            if n == 0:
                account["attributes"] = {"industry": industry, "employees": size}
            else:
                told["relations"] = {"reports_to": f"email:jonas.peters@{domain}"}
            consent = {"kind": "consent_given", "properties": {"purpose": "marketing", "channel": "email"}}
            bought = {"kind": "purchase", "channel": "web", "value": "480.00", "currency": "EUR"}
            yield of | told | {"id": f"{first} {crm} record", "at": at(now, 300)}
            yield of | consent | {"id": f"{first} {crm} consent", "at": at(now, 299)}
            for month in (8, 9) if first == "clara.weiss" else (1, 3, 5, 8):
                yield of | bought | {"id": f"{first} {crm} {month}", "at": at(now, 30 * month + 3 * n)}
            if (words := WROTE.get(first)) is not None:
                yield of | {
                    "id": f"{first} {crm} wrote",
                    "kind": "message",
                    "channel": "email",
                    "text": words,
                    "at": at(now, 2 + n),
                }
    web: Json = {"source": "web", "channel": "web", "device": "7f3c-aa10", "email": CLARA}
    for n, days in enumerate((3.2, 2.4, 2.3, 1.1)):
        yield web | {
            "id": f"clara {n}",
            "kind": "page_view",
            "at": at(now, days),
            "properties": {"url": "https://house.example/pricing"},
        }
    wrote = {"source": "desk", "channel": "email", "email": CLARA, "conversation": "c-1"}
    asked = {
        "id": "c1",
        "kind": "message",
        "subject": "Getting started again",
        "text": RETURNS,
        "at": at(now, 0.9),
    }
    yield wrote | asked
    answer = {
        "id": "c2",
        "kind": "reply",
        "direction": "out",
        "text": "Of course. We come back to you today.",
        "at": at(now, 0.7),
    }
    yield wrote | answer


async def furnish(store: Store) -> None:
    """Have it all happen. Needs the weights of the local embedding model."""
    now, chance = datetime.now(UTC).replace(microsecond=0), Random(3)
    mailbox = {
        "address": "Desk <desk@house.example>",
        "smtp": "smtps://mail.house.example",
        "imap": "imaps://mail.house.example",
    }
    await set_connection(store, "desk", linked_of("desk", {"mail": mailbox}), WHO)
    await set_connection(store, "crm", Linked(connection=Connection(http="https://crm.house.example")), WHO)
    await add(store, flow_of("coming-back"), WHO)
    await teach(store, [Example(text, intent) for intent, texts in TAUGHT.items() for text in texts], WHO)
    rows = sorted([*town(PEOPLE, now), *companies(now)], key=lambda row: str(row["at"]))
    start = now - timedelta(days=7 * WEEKS)
    await came(store, rows, "", start.isoformat())
    await live(store)
    for week in range(WEEKS):
        when = start + timedelta(days=7 * week, hours=1)
        if week == WEEKS - 3:
            text = PLAYBOOK.replace("count: 25", "count: 40")
            await save(store, "again", text, playbook_of(text), "more calls a week", WHO)
        going = await begin(store, "again", WHO)
        while going.done_at is None:
            going = await go_on(store, going.id, when)
        await bought(store, when, chance)
        await came(
            store, rows, (when - timedelta(hours=1)).isoformat(), (when + timedelta(days=7)).isoformat()
        )
        await mind(store, "again", when + timedelta(days=7))
    await understood(store)
    await arranged(store, now)


async def came(store: Store, rows: list[Json], since: str, until: str) -> Taken:
    """What happened between two moments."""
    return await take(store, [(n, row) for n, row in enumerate(rows, 1) if since <= row["at"] < until])


async def live(store: Store) -> None:
    shown = Shown(shadowed=SHADOWED, done=DONE, closed=DONE)
    made = await save(store, "again", PLAYBOOK, playbook_of(PLAYBOOK), "to begin with", WHO)
    made = await put(store, made, "ramp", WHO, shown, 0.5)
    await put(store, made, "live", WHO, shown)


async def bought(store: Store, when: datetime, chance: Random) -> None:
    """What people buy after what was decided for them at that moment."""
    query = """
        select distinct on (d.id) p.value, d.action, d.holdout, d.id from decisions d
        join graph_profiles p on p.person = d.person and p.kind = 'email' where d.workspace = %s and d.at = %s and d.stage = 'live'
    """
    async with store.pool.connection() as connection:
        found = await (await connection.execute(query, (store.workspace, when))).fetchall()
    rows: list[Json] = [
        {
            "id": f"o-{number}", "at": (when + timedelta(days=chance.uniform(0.5, 6))).isoformat(), "kind": "purchase", "channel": "web",
            "email": email, "value": str(chance.choice((60, 120, 240))), "currency": "EUR",
        }
        for email, action, held, number in found
        if email != CLARA and chance.random() < (0.09 if held else BUYS.get(action, 0.09))
    ]  # fmt: skip
    await take(store, list(enumerate(rows, 1)), "shop", frozenset({"email"}))


async def understood(store: Store) -> None:
    """What they wrote, by what it wants and how it sounds."""
    embedder = await open_embedder(store.settings)
    by = await classifier(store, embedder)
    while await understand(store, embedder, by):
        pass


async def arranged(store: Store, now: datetime) -> None:
    """What people of the house did: a source, segments, what is kept how long; and what waits for them."""
    spec = {
        "webhook": "token",
        "verified": ["email"],
        "row": {"id": "/id", "at": "/time", "kind": "purchase", "email": "/customer/email"},
    }
    await put_intake(store, intake_of("shop", spec), WHO)
    await make_secret(store, "shop", WHO)
    of = {"channel": "email", "kind": "visit"}
    rows: list[Json] = [
        {"id": "l1", "at": at(now, 2), "email": "a.haddad@northwind.example", "name": "Amira Hadad"} | of,
        {"id": "l2", "at": "yesterday", "email": "tom.brandt@kite.example"} | of,
    ]
    await heard(store, "shop", await take(store, list(enumerate(rows, 1)), "shop"))
    await propose(store, WHO)
    a, b = [await profile_of(store, f"{name}@northwind.example") for name in ("amira.haddad", "a.haddad")]
    why = (
        Reason("names that are spelled alike", 6.2),
        Reason("the same company", 3.1),
        Reason("other addresses", -2.4),
    )
    await keep_pairs(store, PEOPLE, [Pair(str(a), str(b), 0.72, why)], WHO)
    asleep = segment.Segment(
        conditions=(segment.IsAt(stage="dormant"), segment.About(key="city", value="Berlin"))
    )
    unhappy = segment.Segment(
        conditions=(segment.Feels(says="unhappy"), segment.Spent(least=200, currency="EUR"))
    )
    for name, whom, note in (
        ("dormant-berlin", asleep, "for the evening in May"),
        ("unhappy-payers", unhappy, "call these first"),
    ):
        await segments.save(store, name, whom, note, WHO)
        for days in (9, 6, 3, 0):
            await segments.measure(store, name, now - timedelta(days=days))
    await noted(store, Wanted(("email", CLARA), "email", "service", "support"), now - timedelta(days=210))
    await set_hold(store, "invoices", ["purchase"], "10y", "§ 147 AO", WHO)
    await set_rule(store, "words", timedelta(days=732), WHO, "message")
    await set_rule(store, "interactions", timedelta(days=400), WHO, "page_view")
