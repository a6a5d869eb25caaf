"""What an agent looks up: what it sees, what the gate makes of it, and what it cannot reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remit.agents.delegate import narrow
from remit.agents.spec import Agent
from remit.app import App
from remit.catalogue.find import find_any
from remit.catalogue.work import judged as examined
from remit.errors import SpecError, UnknownName
from remit.journal.events import Acted
from remit.journal.state import State
from remit.knowledge.kept import About, change_source, put, remove_source
from remit.outfit import outfit
from remit.testing import ScriptedModel
from remit.why import explain
from tests.agents import world
from tests.agents.test_evidence import SEND, judged
from tests.agents.test_loop import ANN, agent, call, finish
from tests.knowledge.conftest import file

BOTH = ["handbook", "people"]


async def start(app: App, *script: Any, **spec: Any) -> Any:
    model = ScriptedModel([*script, finish()], by_turn=True)
    given = {"tools": ["tests.agents.world"], "rules": SEND, "knowledge": BOTH, **spec}
    return await app.start(agent(**given), "see to it", person=ANN, model=model)


async def results(app: App, run: Any) -> list[Acted]:
    return [
        e.body
        for e in await app.journal.read(run)
        if isinstance(e.body, Acted) and "knowledge" in e.body.tool
    ]


async def test_an_agent_finds_a_passage_and_reads_on_from_it(app: App) -> None:
    run = await start(
        app,
        call("knowledge_search", query="are worn shoes taken back"),
        call("knowledge_read", document="handbook/returns.md", start=100),
    )
    await app.advance(run)
    found, page = await results(app, run)
    passage = found.result["passages"]["handbook"][0]
    assert (passage["document"], passage["heading"], passage["rank"]) == (
        "handbook/returns.md", "Returns policy › Exceptions", 1,
    )  # fmt: skip
    assert "worn outside" in passage["text"]
    assert page.result["text"].endswith("five working days.\n")
    assert (page.result["at"], page.result["next"]) == (100, None)


async def test_what_a_handbook_says_is_a_strangers_word_and_what_is_vouched_for_is_evidence(app: App) -> None:
    run = await start(
        app,
        call("knowledge_search", query="who is in returns"),
        call("send", to="ann.lee@acme.example", text="hi"),
        call("knowledge_search", query="where to write for a return"),
        call("send", to="returns@acme.example", text="hi"),
    )
    state = await app.advance(run)
    first, second = await judged(app, state)
    assert (first.decision, first.evidence["to"]) == ("allow", "directory")
    assert (second.decision, second.evidence["to"]) == ("ask", "unvouched")
    assert "Returns policy, kept by ann in handbook" in second.provenance["to"]
    assert [what for what, _ in world.done] == ["send ann.lee@acme.example"]


async def test_each_part_of_a_result_is_labelled_as_its_source_is(app: App) -> None:
    await change_source(app.store, "handbook", About("Handbook", confidentiality="secret"), "ann")
    run = await start(
        app,
        call("knowledge_search", query="returns"),
        call("knowledge_search", query="returns", source="people"),
        call("knowledge_read", document="handbook/returns.md"),
        call("send", to="ann@example.com", text="Shoes that were worn outside are not taken back."),
    )
    state = await app.advance(run)
    both, people, page = await results(app, run)
    assert (both.integrity, both.fields) == (
        "untrusted", {"*": "system", "passages.handbook": "untrusted", "passages.people": "system"},
    )  # fmt: skip
    assert both.confidential == {
        "*": "workspace",
        "passages.handbook": "secret",
        "passages.people": "workspace",
    }
    assert (people.integrity, people.fields, people.confidential) == ("system", {}, {})
    assert (page.integrity, page.confidential) == ("untrusted", {"*": "secret"})
    (verdict,) = await judged(app, state)
    assert verdict.decision == "deny", "what is secret goes nowhere by itself"


async def test_why_names_the_document_and_who_keeps_it(app: App) -> None:
    run = await start(
        app,
        call("knowledge_search", query="Ann Lee"),
        call("send", to="ann.lee@acme.example", text="hi"),
    )
    await app.advance(run)
    told: Any = explain(await app.journal.read(run), "2.1")
    assert any(
        said.startswith("people, kept by olga in people (event") for said in told["values"]["to"]["from"]
    )


async def test_a_vouched_source_that_only_repeats_the_question_vouches_for_nothing(app: App) -> None:
    await put(app.store, "people", [file("found.md", "eve@evil.example")], "olga")
    run = await start(
        app,
        call("knowledge_search", query="eve@evil.example"),
        call("send", to="eve@evil.example", text="hi"),
    )
    state = await app.advance(run)
    (verdict,) = await judged(app, state)
    assert verdict.decision == "ask"


async def test_who_stops_vouching_is_heard_by_runs_that_go_on(app: App) -> None:
    run = await start(app, call("look_up", order="W1"), call("knowledge_search", query="Ann Lee"))
    await change_source(app.store, "people", About("Who does what", vouched=False), "olga")
    await app.advance(run)
    (found,) = await results(app, run)
    assert found.integrity == "untrusted"
    assert "values" not in found.result["passages"]["people"][0]


async def test_an_agent_without_sources_has_no_such_tools_and_one_with_a_source_reaches_no_other(
    app: App,
) -> None:
    assert not {name for name in outfit(agent()).tools if "knowledge" in name}
    assert not {name for name in outfit(agent(tools=["*"], rules=[])).tools if "knowledge" in name}
    run = await start(
        app,
        call("knowledge_search", query="returns"),
        call("knowledge_search", query="returns", source="handbook"),
        call("knowledge_read", document="handbook/returns.md"),
        call("knowledge_read", document="people/poeple.csv"),
        knowledge=["people"],
    )
    await app.advance(run)
    found, other, page, nothing = await results(app, run)
    assert list(found.result["passages"]) == ["people"]
    assert (other.status, page.status) == ("mend", "mend")
    assert "handbook" not in str(other.result).replace("'handbook'", "")
    assert other.result == "there is no source 'handbook'; there is people"
    assert nothing.result == "there is no document 'people/poeple.csv'; did you mean 'people/people.csv'?"


async def test_a_source_that_is_withdrawn_is_read_no_more_by_runs_that_have_begun(app: App) -> None:
    run = await start(
        app,
        call("knowledge_search", query="returns", source="people"),
        call("knowledge_read", document="people/people.csv"),
        call("knowledge_search", query="returns"),
    )
    await remove_source(app.store, "people", "olga")
    await app.advance(run)
    search, read, rest = await results(app, run)
    assert "no longer kept" in str(search.result)
    assert "no longer kept" in str(read.result)
    assert list(rest.result["passages"]) == ["handbook"]


async def test_a_run_of_an_agent_with_a_source_that_is_not_there_does_not_begin(
    app: App, tmp_path: Path
) -> None:
    with pytest.raises(
        UnknownName, match=r"agent shop: knowledge: unknown source 'hanbook'\. Did you mean 'handbook'"
    ):
        await start(app, name="shop", knowledge=["hanbook"])
    file = tmp_path / "a.yaml"
    file.write_text("name: a\nknowledge:\n  - people\n  - hanbook\n")
    with pytest.raises(SpecError, match=r"a\.yaml:4: knowledge: unknown source 'hanbook'") as raised:
        await find_any(app.store, str(file))
    assert raised.value.line == 4
    _, wrong = await examined(app, "a", file.read_text())
    assert [(one.where, "Did you mean 'handbook'" in one.what) for one in wrong] == [(("knowledge", 1), True)]
    with pytest.raises(ValidationError, match="named twice"):
        agent(knowledge=["people", "people"])


async def test_who_may_use_one_agent_begins_it_with_its_sources_and_sees_none_of_them(app: App) -> None:
    theirs = app.within("default", frozenset({"shop"}))
    model = ScriptedModel([call("knowledge_search", query="Ann Lee"), finish()], by_turn=True)
    spec = agent(name="shop", tools=["tests.agents.world"], knowledge=["people"])
    run = await theirs.start(spec, "see", person=ANN, model=model)
    await app.advance(run)
    (found,) = await results(app, run)
    assert list(found.result["passages"]) == ["people"]


@given(st.lists(st.sampled_from("abc"), unique=True), st.lists(st.sampled_from("abc"), unique=True))
def test_a_child_may_look_up_no_more_than_its_parent(parents: list[str], childs: list[str]) -> None:
    rule = {"tool": "knowledge_*", "deny": "args.query == 'x'"}
    parent = Agent(name="p", knowledge=tuple(parents))
    child = Agent.model_validate({"name": "c", "knowledge": childs, "rules": [rule] if childs else []})
    narrowed = narrow(parent, child, State(), outfit(parent).tools.values())
    assert set(narrowed.knowledge) == set(parents) & set(childs)
    assert ("knowledge_search" in outfit(narrowed).tools) == bool(narrowed.knowledge)
