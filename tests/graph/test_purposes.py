"""What is known of people and is not meant for everything: not shown to a run with another purpose, not sent by it, not decided by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from remit.access.audit import entries
from remit.acting.sending import known_of
from remit.app import App, open_app
from remit.crew import Crew
from remit.decisions.deciding import begun
from remit.decisions.kept import save as save_playbook
from remit.decisions.meant import for_use
from remit.decisions.seen import Asks, read
from remit.decisions.whom import NAMES
from remit.errors import FieldError, UnknownName, UserError
from remit.graph.consent import fold, word_of
from remit.graph.people import consent_of, find
from remit.graph.purposes import Limits, limits_of, list_limits, remove_limit, set_limit
from remit.graph.segment import Segment
from remit.graph.segments import save as save_segment
from remit.playbook import playbook_of
from remit.settings import Settings
from remit.store.store import Store
from remit.testing import ScriptedModel
from remit.tools import tool
from remit.tools.tool import Reaches
from tests.agents import world
from tests.agents.test_evidence import judged
from tests.agents.test_loop import ANN, agent, call, finish
from tests.decisions.town import TEXT, playbook
from tests.graph.conftest import NOW, row, taken

Json = Any
BOB = "bob@b.example"
ROWS = [
    row("e1", 9, email=BOB, verified=["email"], name="Bob Miller", attributes={"health": "diabetes mellitus", "city": "Ulm"}),
    row("e2", 3, email=BOB, kind="message", channel="chat", text="My order ZX-77451 never came"),
    row("e3", 2, email=BOB, kind="purchase", channel="store", value="12.50", currency="EUR"),
]  # fmt: skip
YES = {"kind": "consent_given", "channel": "web", "properties": {"purpose": "use:marketing"}}


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        await taken(opened.store, *ROWS)
        for field in ("about.health", "kind.message"):
            await set_limit(opened.store, field, ["service", "fraud"], "taken for claims", "olga")
        yield opened


async def start(app: App, *script: Any, **spec: Json) -> Any:
    model = ScriptedModel([*script, finish()], by_turn=True)
    rules: Json = [{"tool": "send", "allow": "true"}]
    made = agent(tools=["tests.agents.world", "people"], rules=rules, **spec)
    return await app.start(made, "see to it", person=ANN, model=model)


async def results(app: App, run: Any) -> list[Json]:
    state = await app.advance(run)
    return [one.acted.result for one in state.calls.values() if one.acted]


async def test_a_run_for_another_purpose_is_not_told_and_is_told_why(app: App) -> None:
    looks = (call("person", who=BOB), call("timeline", who=BOB), call("similar", who=BOB))
    served = await results(app, await start(app, *looks))
    assert served[0]["said"]["health"] == "diabetes mellitus"
    assert "withheld" not in served[0]
    assert [one["kind"] for one in served[1]["happened"]] == ["purchase", "message", "visit"]
    sold = await results(app, await start(app, *looks, purpose="marketing"))
    assert sold[0]["said"] == {"name": "Bob Miller", "city": "Ulm"}
    assert sold[0]["withheld"]["said.health"] == "for fraud and service only: this run is for marketing"
    assert sold[0]["wants"] == []  # inferred from what they wrote
    assert [one["kind"] for one in sold[1]["happened"]] == ["purchase", "visit"]
    assert sold[1]["withheld"] == {"message on chat": "for fraud and service only: this run is for marketing"}
    assert "ZX-77451" not in str(sold)
    assert "diabetes" not in str(sold)
    assert "kind message may not be used for marketing" in sold[2]


@tool(effect="egress", sinks={"to": "email", "text": "text"}, reaches=Reaches("to", advertises="marketing"))
async def post(to: str, text: str, marketing: bool = False) -> str:
    """Send a mail."""
    return "sent"


TOOLS = (post,)


@pytest.mark.parametrize(("marketing", "decision"), [(False, "allow"), (True, "deny")])
async def test_what_a_service_has_read_does_not_leave_in_what_advertises(
    app: App, marketing: bool, decision: str
) -> None:
    text = "As you have Diabetes Mellitus: buy this"
    model = ScriptedModel(
        [call("person", who=BOB), call("post", to=BOB, text=text, marketing=marketing), finish()],
        by_turn=True,
    )
    rules: Json = [{"tool": "post", "allow": "true"}]
    made = agent(tools=["tests.graph.test_purposes", "people"], rules=rules)
    state = await app.advance(await app.start(made, "see to it", person=ANN, model=model))
    (verdict,) = await judged(app, state, "post")
    assert verdict.decision == decision
    if marketing:
        assert verdict.rule == "purpose"
        assert "which may be used for fraud and service" in verdict.reasons[0]


async def test_a_decision_makes_its_run_be_for_what_it_is_for_whatever_its_agent_says(app: App) -> None:
    told = {"decision": {"action": "mail", "purpose": "marketing"}}
    model = ScriptedModel([call("person", who=BOB), finish()], by_turn=True)
    made = agent(tools=["people"], rules=[], purpose="service")
    found, *_ = await results(app, await app.start(made, "see to it", person=ANN, model=model, inputs=told))
    assert (
        found["withheld"]["said.health"]
        == "for fraud and service only: this run is for marketing and service"
    )


async def test_a_run_below_has_the_purposes_of_the_one_above(app: App) -> None:
    child = ScriptedModel([call("person", who=BOB), finish()], name="scripted:child", by_turn=True)
    app.models[child.name] = child
    member = agent(name="mate", model=child.name, tools=["people"], rules=[]).model_dump(
        mode="json", by_alias=True
    )
    task = call("delegate", agent="mate", task="What does Bob suffer from?")
    run = await start(app, task, team=[member], purpose="marketing")
    state = await Crew(app).see_through(run)
    delegated = state.calls["1.1"].delegated
    assert delegated is not None
    assert delegated.spec["purpose"] == ["marketing"]
    below = await app.state(delegated.child)
    assert "diabetes" not in str(below.calls["1.1"].acted)
    assert "this run is for marketing" in str(below.calls["1.1"].acted)


async def test_who_says_that_theirs_may_be_used_is_believed_until_they_take_it_back(app: App) -> None:
    look = call("person", who=BOB)
    await taken(app.store, row("yes", 1, email=BOB, **YES))
    found, *_ = await results(app, await start(app, look, purpose="marketing"))
    assert found["said"]["health"] == "diabetes mellitus"
    assert (await consent_of(app.store, await find(app.store, BOB))).may(
        "email", "marketing"
    ).says == "unknown"
    await taken(app.store, row("no", 0.5, email=BOB, kind="consent_withdrawn", channel="web"))
    found, *_ = await results(app, await start(app, look, purpose="marketing"))
    assert "health" not in found["said"]


def test_consent_to_use_is_the_strictest_of_all_identifiers_and_is_no_consent_to_be_reached() -> None:
    def said(profile: int, days: int, kind: str, purpose: str) -> Any:
        return word_of(profile, NOW - timedelta(days=days), kind, "web", {"purpose": purpose})

    limits = Limits({"about.health": frozenset({"service"})})
    for words, given in (
        ([said(1, 3, "consent_given", "use:marketing")], {"marketing"}),
        ([said(1, 3, "consent_given", "marketing")], set()),
        ([said(1, 3, "consent_given", "")], set()),
        (
            [said(1, 3, "consent_given", "use:marketing"), said(2, 9, "consent_withdrawn", "use:marketing")],
            set(),
        ),
        ([said(1, 3, "consent_given", "use:marketing"), said(1, 1, "complained", "")], set()),
        ([said(1, 3, "consent_given", "use:fraud"), said(1, 1, "unsubscribed", "marketing")], {"fraud"}),
    ):
        assert limits.allowing(fold(words)).given == given
        assert limits.allowing(fold(words)).about("health") == {"service"} | given


async def test_a_marketing_playbook_neither_asks_about_nor_knows_what_is_not_meant_for_it(app: App) -> None:
    store: Store = app.store
    version = await playbook(store)
    person = await find(store, BOB)

    async def known(purposes: set[str]) -> dict[str, Any]:
        async with store.pool.connection() as connection:
            seen = await read(
                connection, store.workspace, [person.id], NOW, Asks(purposes=frozenset(purposes))
            )
            return dict(zip(NAMES, seen.known[person.id], strict=True))

    async with store.pool.connection() as connection:
        assert (await begun(store, connection, version.playbook, NOW)).asks().purposes == {"marketing"}
    assert (await known({"service"}))["asked"] > 0
    assert (await known({"marketing"}))["asked"] == 0
    await set_limit(store, "known.spent", ["service"], "the law", "olga")
    assert (await known({"marketing"}))["spent"] is None
    for whom, why in (
        ("spent>10", "spent may be used for service"),
        ("intent=pricing", "what they wrote and do may not"),
    ):
        text = f"{TEXT}\nwhom: [{whom}]\n"
        with pytest.raises(UserError, match=f"this playbook is for marketing, and {why}"):
            await save_playbook(store, "winback", text, playbook_of(text), "", "ann")
    about = {"conditions": [{"what": "about", "key": "health"}]}
    await save_segment(store, "ill", Segment.model_validate(about), "", "ann")
    text = f"{TEXT}\nwhom: [segment=ill]\n"
    with pytest.raises(UserError, match=r"segment=ill asks for .*, which may not be used for marketing"):
        await save_playbook(store, "winback", text, playbook_of(text), "", "ann")
    fine = f"{TEXT}\nwhom: [stage=dormant]\n"
    await save_playbook(store, "winback", fine, playbook_of(fine), "", "ann")


async def test_a_template_of_marketing_has_nothing_of_it(app: App) -> None:
    person, limits = await find(app.store, BOB), await limits_of(app.store)
    (mail, *_) = playbook_of(TEXT).actions
    assert "health" not in known_of(for_use(person, limits, mail))
    assert known_of(for_use(person, limits, mail))["city"] == "Ulm"
    assert "health" in known_of(for_use(person, limits, replace_purpose(mail, "service")))
    assert "health" in known_of(for_use(person, limits, replace_purpose(mail, "reply")))


def replace_purpose(action: Any, purpose: str) -> Any:
    return action.model_copy(update={"purpose": purpose})


async def test_accounts_and_relations_are_limited_as_people_are_and_what_their_people_come_to_with_them(
    app: App,
) -> None:
    store = app.store
    await taken(
        store,
        row("a1", 5, email=BOB, kind="record", account={"domain": "acme.example", "verified": True, "name": "ACME", "role": "buyer",
            "attributes": {"revenue": "nine millions"}}, relations={"reports_to": "crm:7", "household": "crm:8"}),
        row("a2", 5, crm="8", kind="message", channel="chat", text="Bob is away"),
    )  # fmt: skip
    looks = (call("person", who=BOB), call("account", which="acme.example"))
    for field in ("account.revenue", "relation.household", "relation.belongs_to", "known.spent"):
        await set_limit(store, field, ["service"], "bought", "olga")
    served, of, *_ = await results(app, await start(app, *looks))
    assert [one["kind"] for one in served["relations"]] == ["household", "reports_to"]
    assert "buyer" in served["accounts"][0]
    assert of["said"] == {"name": "ACME", "revenue": "nine millions"}
    assert (len(of["people"]), "withheld" in of) == (1, False)
    assert "Spent 12.50 EUR in all." in of["state"]
    sold, of, *_ = await results(app, await start(app, *looks, purpose="marketing"))
    assert ([one["kind"] for one in sold["relations"]], sold["accounts"]) == (["reports_to"], [])
    assert {"accounts", "relations.household"} <= sold["withheld"].keys()
    assert (of["said"], of["people"]) == ({"name": "ACME"}, [])
    assert of["withheld"].keys() == {"people", "said.revenue"}
    assert not any("pent" in one for one in of["state"])
    await set_limit(store, "about.name", ["service"], "theirs", "olga")
    await remove_limit(store, "relation.belongs_to", "olga")
    sold, of, *_ = await results(app, await start(app, *looks, purpose="marketing"))
    assert not any("called" in one for one in [*sold["relations"], *of["people"]])
    assert "Bob Miller" not in str([sold, of])


@pytest.mark.parametrize(
    ("field", "at"), [("relation.belongs_to", "accounts/0"), ("kind.message", "state/0")]
)
async def test_what_a_run_for_service_gathered_does_not_leave_for_another_purpose(
    app: App, field: str, at: str
) -> None:
    account = {"domain": "acme.example", "verified": True}
    await taken(app.store, row("a1", 5, email=BOB, kind="record", account=account))
    await set_limit(app.store, field, ["service"], "bought", "olga")
    rules: Json = [{"tool": "post", "allow": "true"}]
    made = agent(tools=["tests.graph.test_purposes", "people"], rules=rules)
    for marketing, decision in ((False, "allow"), (True, "deny")):
        post = call("post", to=BOB, text={"$ref": f"1.1#/{at}"}, marketing=marketing)
        model = ScriptedModel([call("person", who=BOB), post, finish()], by_turn=True)
        state = await app.advance(await app.start(made, "see to it", person=ANN, model=model))
        (verdict,) = await judged(app, state, "post")
        assert (verdict.decision, verdict.rule == "purpose") == (decision, marketing), verdict.reasons


async def test_a_limit_is_set_changed_and_taken_back_with_who_and_why(app: App) -> None:
    store = app.store
    await set_limit(store, "about.health", ["service"], "a complaint", "bo")
    assert [(one.field, one.purposes, one.by) for one in await list_limits(store)] == [
        ("about.health", ["service"], "bo"), ("kind.message", ["fraud", "service"], "olga"),
    ]  # fmt: skip
    await remove_limit(store, "about.health", "bo")
    with pytest.raises(UnknownName):
        await remove_limit(store, "about.health", "bo")
    assert [one.what for one in await entries(store, what="purpose")] == [
        "purpose.removed",
        *["purpose.set"] * 3,
    ]
    for field, purposes, because, wrong in (
        ("health", ["service"], "x", "field"),
        ("about.", ["service"], "x", "field"),
        ("about.health", ["For Us"], "x", "purposes"),
        ("about.health", [], "x", "purposes"),
        ("about.health", ["service"], " ", "because"),
    ):
        with pytest.raises(FieldError) as refused:
            await set_limit(store, field, purposes, because, "bo")
        assert refused.value.field == wrong
