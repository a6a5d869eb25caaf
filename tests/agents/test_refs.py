"""References: the model says where a value stands, and the gate judges it by who says it there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from remit.agents.context import REFER
from remit.app import App, open_app
from remit.crew import Crew
from remit.journal.refs import given
from remit.journal.state import State
from remit.outfit import outfit
from remit.past import explained, past_calls
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools import tool
from tests.agents import world
from tests.agents.test_evidence import STAFF, judged
from tests.agents.test_loop import ANN, agent, call, finish

FIELDS: Any = {"id": "system", "from": "system"}
ACCOUNTS = {"main": {"number": "acct/7"}, "odd": {"number": "acct\u200b/7"}}


@tool(effect="read", integrity=FIELDS)
async def letter() -> dict[str, Any]:
    """A letter: its sender is verified."""
    return {
        "id": 7,
        "from": "bob@corp.example",
        "body": "dora@evil.example",
        "cc": ["carl@corp.example", "bob@corp.example"],
    }


@tool(effect="read", integrity="system")
async def account(name: str) -> Any:
    """An account of the house."""
    return ACCOUNTS.get(name, f"there is no account {name}")


@tool(effect="egress", sinks={"account": "account"}, settle="key")
async def pay(account: str, amount: int = 1) -> str:
    """Pay into an account."""
    world.done.append((f"pay {account}", ""))
    return "paid"


@tool(effect="egress", sinks={"to": "email"}, settle="key")
async def invite(to: list[str]) -> str:
    """Invite people."""
    world.done.append((f"invite {' '.join(to)}", ""))
    return "invited"


@tool(effect="read", integrity="system")
async def search(words: str) -> dict[str, str]:
    """Search."""
    return {"answer": f"we looked for {words}"}


@tool(effect="egress", sinks={"text": "text"}, settle="key")
async def publish(text: str) -> str:
    """Publish a text."""
    world.done.append((f"publish {text}", ""))
    return "published"


TOOLS = (letter, account, search, pay, invite, publish)
ALLOW = [
    {
        "tool": ["send", "pay", "invite", "publish"],
        "allow": 'evidence.all(name, evidence[name] != "unvouched")',
    },
]
TOOLSETS = ["tests.agents.world", "tests.agents.test_evidence", "tests.agents.test_refs"]


def ref(to: str) -> Any:
    return {"$ref": to}


async def start(app: App, *script: Any, goal: str = "tell Bob", **spec: Any) -> UUID:
    model = ScriptedModel([*script, finish()], by_turn=True)
    spec = {"tools": TOOLSETS, "rules": ALLOW, **spec}
    return await app.start(agent(**spec), goal, person=ANN, model=model)


async def see(app: App, *script: Any, **spec: Any) -> State:
    return await app.advance(await start(app, *script, **spec))


def done() -> list[str]:
    return [what for what, _ in world.done]


async def test_a_trusted_leaf_vouches_for_the_value_that_it_is_and_the_journal_keeps_the_reference(
    app: App,
) -> None:
    state = await see(app, call("letter"), call("send", to=ref("1.1#/from"), text="hi"))
    (verdict,) = await judged(app, state)
    assert (verdict.decision, verdict.evidence["to"]) == ("allow", "directory")
    assert done() == ["send bob@corp.example"]
    assert state.calls["2.1"].call.args == {"to": ref("1.1#/from"), "text": "hi"}
    assert given(state, state.calls["2.1"]) == {"to": "bob@corp.example", "text": "hi"}


async def test_a_tool_that_insists_on_text_may_be_given_the_reference_as_text(app: App) -> None:
    await see(app, call("letter"), call("send", to='{"$ref": "1.1#/from"}', text="hi"))
    assert done() == ["send bob@corp.example"]


async def test_an_untrusted_leaf_vouches_for_nothing_though_a_trusted_source_says_the_same(app: App) -> None:
    staff = call("staff", name="carl")
    STAFF["carl"] = {"name": "Carl", "email": "carl@corp.example"}
    try:
        state = await see(app, call("letter"), staff, call("send", to=ref("1.1#/cc/0"), text="hi"))
        verdict = (await judged(app, state))[0]
        assert (verdict.decision, verdict.evidence["to"]) == ("deny", "unvouched")
        assert "carl@corp.example, found in letter" in verdict.provenance["to"]
        state = await see(app, call("letter"), staff, call("send", to=ref("2.1#/email"), text="hi"))
        assert (await judged(app, state))[0].evidence["to"] == "directory"
    finally:
        del STAFF["carl"]


async def test_what_the_person_named_is_theirs_wherever_it_is_taken_from(app: App) -> None:
    state = await see(
        app, call("letter"), call("send", to=ref("1.1#/body"), text="hi"), goal="write to dora@evil.example"
    )
    assert (await judged(app, state))[0].evidence["to"] == "grant"


async def test_a_value_that_has_no_form_to_be_looked_up_by_is_vouched_for_by_its_place_alone(
    app: App,
) -> None:
    find = call("account", name="main")
    spelled = await see(app, find, call("pay", account="acct/7"))
    assert (await judged(app, spelled, "pay"))[0].evidence["account"] == "unvouched"
    state = await see(app, find, call("pay", account=ref("1.1#/number")))
    assert (await judged(app, state, "pay"))[0].evidence["account"] == "directory"
    assert done() == ["pay acct/7"]


@pytest.mark.parametrize(
    "echo",
    [
        (call("account", name="acct/9"), ref("1.1")),
        (call("staff", name="dora@evil.example"), ref("1.1#/nobody is called")),
        (call("letter"), call("staff", name=ref("1.1#/body")), ref("2.1#/nobody is called")),
    ],
)
async def test_a_trusted_source_that_only_repeats_what_it_was_told_vouches_for_nothing(
    app: App, echo: Any
) -> None:
    *before, last = echo
    effect = call("pay", account=last) if "account" in str(before[0]) else call("send", to=last, text="hi")
    await see(app, *before, effect)
    assert world.done == []


@pytest.mark.parametrize("text", [{"$ref": "1.1#/answer"}, "we looked for https://evil.example/?q=secret"])
async def test_a_sentence_in_which_a_trusted_source_repeats_a_link_of_the_models_is_not_the_sources(
    app: App, text: Any
) -> None:
    look = call("search", words="https://evil.example/?q=secret")
    state = await see(app, look, call("publish", text=text))
    assert (await judged(app, state, "publish"))[0].evidence["text"] == "unvouched"
    state = await see(app, call("search", words="refunds"), call("publish", text=ref("1.1#/answer")))
    assert (await judged(app, state, "publish"))[0].evidence["text"] == "directory"


async def test_a_list_is_as_good_as_its_weakest_leaf(app: App) -> None:
    mixed = call("invite", to=[ref("1.1#/from"), ref("1.1#/cc/0")])
    state = await see(app, call("letter"), mixed)
    assert (await judged(app, state, "invite"))[0].decision == "deny"
    state = await see(app, call("letter"), call("invite", to=[ref("1.1#/from"), "eve@evil.example"]))
    assert (await judged(app, state, "invite"))[0].provenance["to"].startswith("eve@evil.example")
    state = await see(app, call("letter"), call("invite", to=ref("1.1#/cc")), goal="invite carl@corp.example")
    assert (await judged(app, state, "invite"))[0].decision == "deny"
    goal = "invite carl@corp.example and bob@corp.example"
    await see(app, call("letter"), call("invite", to=ref("1.1#/cc")), goal=goal)
    assert done() == ["invite carl@corp.example bob@corp.example"]


async def test_of_one_value_from_two_places_the_weaker_place_counts(app: App) -> None:
    twice = call("invite", to=[ref("1.1#/from"), ref("1.1#/cc/1")])
    state = await see(app, call("letter"), twice)
    assert (await judged(app, state, "invite"))[0].evidence["to"] == "unvouched"


async def test_a_number_with_what_a_reader_does_not_see_in_it_is_no_number_wherever_it_stands(
    app: App,
) -> None:
    state = await see(app, call("account", name="odd"), call("pay", account=ref("1.1#/number")))
    assert (await judged(app, state, "pay"))[0].evidence["account"] == "unvouched"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("1.1#/form", "nothing at /form; there is /id, /from, /body, /cc/0, /cc/1"),
        ("1.1#/cc/2", "nothing at /cc/2; there is"),
        ("1.1#/cc/-1", "nothing at /cc/-1"),
        ("9.1#/from", "there is no result 9.1 to refer to; write it as"),
        ("2.2#", "there is no result 2.2 to refer to"),
        ("2.1#", "results are 1.1 (letter)"),
        ("letter.from", "'letter.from' is no reference"),
        ("1.1/from", "'1.1/from' is no reference"),
    ],
)
async def test_a_reference_to_nothing_is_for_the_model_to_mend(app: App, to: str, said: str) -> None:
    both = [call("send", to=ref(to), text="hi"), call("look_up", order="W1")]
    state = await see(app, call("letter"), both)
    told = state.calls["2.1"].acted
    assert told is not None
    assert told.status == "mend"
    assert said in str(told.result)
    assert world.done == []


async def test_what_is_refused_or_went_wrong_cannot_be_referred_to(app: App) -> None:
    state = await see(app, call("look_up", order="W9"), call("send", to=ref("1.1#"), text="hi"))
    assert "there are no results yet" in str(state.calls["2.1"].acted)


async def test_a_schema_with_references_of_its_own_is_left_alone(app: App) -> None:
    state = await see(
        app, call("send", to="ann@example.com", text='{"$ref": "#/definitions/x"}'), goal="ann@example.com"
    )
    assert given(state, state.calls["1.1"])["text"] == '{"$ref": "#/definitions/x"}'


async def test_a_person_says_yes_to_the_value_and_not_to_the_reference(app: App) -> None:
    rules = [{"tool": "send", "ask": "true", "because": "look at it"}]
    asks = [
        await see(app, call("letter"), call("send", to=to, text="hi"), rules=rules)
        for to in (ref("1.1#/from"), "bob@corp.example", ref("1.1#/body"))
    ]
    by_reference, spelled, other = [next(iter(state.waits.values())).digest for state in asks]
    assert by_reference == spelled
    assert by_reference != other
    run = asks[0].run
    assert run is not None
    await app.answer(run, "approve", "olivia")
    await app.advance(run)
    assert done() == ["send bob@corp.example"]


async def test_the_same_effect_is_not_done_again_by_another_spelling(app: App) -> None:
    state = await see(
        app,
        call("letter"),
        call("send", to=ref("1.1#/from"), text="hi"),
        call("send", to="bob@corp.example", text="hi"),
        call("send", to=ref("1.1#/from"), text="hi"),
    )
    assert done() == ["send bob@corp.example"]
    assert "you already did this in step 2.1" in str(state.calls["3.1"].acted)


async def test_another_process_resolves_the_same(settings: Settings, app: App) -> None:
    run = await start(
        app, call("letter"), call("ask_person", question="Now?"), call("send", to=ref("1.1#/from"), text="hi")
    )
    await app.advance(run)
    async with open_app(settings) as other:
        other.models.update(app.models)
        await other.answer(run, "answer", "olivia", "Yes.")
        await other.advance(run)
    assert done() == ["send bob@corp.example"]


async def test_a_call_that_is_judged_again_later_is_judged_with_its_references(app: App) -> None:
    state = await see(app, call("account", name="main"), call("pay", account=ref("1.1#/number")))
    assert state.run is not None
    assert state.started is not None
    past = past_calls(await app.journal.read(state.run))["2.1"]
    spec = agent(tools=TOOLSETS, rules=ALLOW)
    verdict = explained(past, spec, outfit(spec)).verdict
    assert (verdict.decision, verdict.evidence) == ("allow", {"account": "directory"})


async def test_the_task_of_a_child_may_be_referred_to_and_is_nobodys_word_there(app: App) -> None:
    child = ScriptedModel(
        [call("send", to="bob@corp.example", text="hi"), finish()], name="scripted:child", by_turn=True
    )
    app.models[child.name] = child
    member = agent(name="mate", model=child.name, rules=ALLOW).model_dump(mode="json", by_alias=True)
    run = await start(
        app, call("letter"), call("delegate", agent="mate", task=ref("1.1#/from")), team=[member]
    )
    state = await Crew(app).see_through(run)
    delegated = state.calls["2.1"].delegated
    assert delegated is not None
    below = await app.state(delegated.child)
    assert below.started is not None
    assert below.started.task == "bob@corp.example"
    assert world.done == []


async def test_only_a_model_whose_tools_have_sinks_is_told_of_references(app: App) -> None:
    for tools, told in ((TOOLSETS, True), (["tests.agents.world:look_up"], False)):
        model = ScriptedModel([call("look_up", order="W1"), finish()], by_turn=True)
        await app.advance(await app.start(agent(tools=tools, rules=[]), "look", person=ANN, model=model))
        assert model.last is not None
        assert (REFER in model.last.instructions) is told
        (text,) = (message.text for message in model.last.messages if message.call_id == "1.1")
        assert text.startswith("[1.1] {" if told else "{")


async def test_no_more_than_fifty_references_are_followed_in_one_call(app: App) -> None:
    state = await see(app, call("letter"), call("invite", to=[ref("1.1#/from")] * 51))
    assert "at most 50" in str(state.calls["2.1"].acted)
    assert world.done == []
