"""A child may do nothing that its parent may not: whatever the rules of both, for the same call and the same facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remit.agents.delegate import LADDER, narrow
from remit.agents.spec import Agent
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.journal.state import State
from remit.outfit import outfit
from tests.agents import world

CONDITIONS = ["true", "false", "order.owner == person.id", "args.order == 'W1'", "run.untrusted", "args.nothing > 1",
              "evidence.order == 'grant' // as the goal says", "has(args.reason) && args.reason == 'mistake'",
              "has(run.counts.cancel) && run.counts.cancel > 1"]  # fmt: skip
rules = st.lists(
    st.tuples(
        st.sampled_from(["*", "cancel", "c*", "send", "look_up", ["cancel", "send"]]),
        st.sampled_from(["allow", "ask", "deny"]),
        st.sampled_from(CONDITIONS),
    ).map(lambda one: {"tool": one[0], one[1]: one[2]}),
    max_size=3,
)
specs = st.fixed_dictionaries(
    {"rules": rules, "autonomy": st.sampled_from(["act", "act", "ask", "draft", "shadow"])}
)
RANK = {"deny": 0, "ask": 1, "allow": 2}


def agent(spec: dict[str, Any], name: str) -> Agent:
    return Agent.model_validate(
        {
            "name": name,
            "tools": ["tests.agents.world"],
            "rules": spec["rules"],
            "remit": {"autonomy": spec["autonomy"]},
        }
    )


def may(spec: Agent, proposal: Proposal, owner: str, untrusted: bool) -> int:
    facts = Facts(
        autonomy=spec.remit.autonomy,
        tools=outfit(spec).tools.keys(),
        person={"id": "ann"},
        records={"order": {"owner": owner}},
        untrusted=untrusted,
        goal="cancel W1",
        counts={"cancel": 2} if untrusted else {},
    )
    verdict = judge(proposal, facts, outfit(spec).rules)
    simulated = facts.autonomy == "shadow" and proposal.effect in ("egress", "destroy")
    return 0 if simulated else RANK[verdict.decision]


@settings(max_examples=120)
@given(
    st.lists(specs, min_size=2, max_size=4),
    st.sampled_from(["W1", "W2"]),
    st.sampled_from(["ann", "bob"]),
    st.booleans(),
)
@example(
    [
        {"rules": [{"tool": "*", "ask": "true"}], "autonomy": "act"},
        {"rules": [{"tool": "*", "deny": "true"}], "autonomy": "act"},
        {"rules": [], "autonomy": "act"},
    ],
    "W1",
    "ann",
    False,
)
def test_no_child_however_deep_may_do_what_one_above_it_may_not(
    chain: list[dict[str, Any]], order: str, owner: str, untrusted: bool
) -> None:
    above = agent(chain[0], "a")
    line = [above]
    for number, spec in enumerate(chain[1:]):
        line.append(narrow(line[-1], agent(spec, f"b{number}"), State(), outfit(line[-1]).tools.values()))
    for tool in world.TOOLS:
        sinks = dict(tool.sinks)
        proposal = Proposal(tool.name, {"order": order, "to": "a@b.example"}, tool.effect, sinks)
        found = [may(one, proposal, owner, untrusted) for one in line]
        assert found == sorted(found, reverse=True), (tool.name, [one.model_dump()["rules"] for one in line])
    ladder = [LADDER.index(one.remit.autonomy) for one in line]
    assert ladder == sorted(ladder, reverse=True)


def test_what_no_rule_allows_the_parent_its_child_may_not_do_though_its_own_rules_allow_it() -> None:
    parent = agent(
        {"autonomy": "act", "rules": [{"tool": "cancel", "allow": "order.owner == person.id"}]}, "desk"
    )
    child = agent({"autonomy": "act", "rules": [{"tool": "*", "allow": "true"}]}, "worker")
    inside = narrow(parent, child, State(), outfit(parent).tools.values())
    cancel = Proposal("cancel", {"order": "W1"}, "destroy")
    assert [may(one, cancel, "bob", False) for one in (parent, child, inside)] == [0, 2, 0]
    assert [may(one, cancel, "ann", False) for one in (parent, child, inside)] == [2, 2, 2]
    send = Proposal("send", {"to": "a@b.example"}, "egress")
    assert [may(one, send, "ann", False) for one in (parent, child, inside)] == [0, 2, 0]
    facts = Facts(autonomy="act", tools=outfit(inside).tools.keys())
    assert judge(send, facts, outfit(inside).rules).reasons == (
        "no rule of desk, which delegated, allows it",
    )


def test_what_the_parent_would_be_asked_about_the_childs_own_rules_may_still_deny() -> None:
    parent = agent({"autonomy": "act", "rules": [{"tool": "cancel", "ask": "true", "by": ["boss"]}]}, "desk")
    rules = [
        {"tool": "cancel", "deny": "order.owner != person.id"},
        {"tool": "cancel", "ask": "run.untrusted", "by": ["ann"]},
        {"tool": "cancel", "allow": "true"},
    ]
    inside = narrow(
        parent, agent({"autonomy": "act", "rules": rules}, "worker"), State(), outfit(parent).tools.values()
    )

    def verdict(owner: str, untrusted: bool) -> Verdict:
        record = {"owner": owner} if owner else {}
        facts = Facts(
            autonomy="act",
            tools={"cancel"},
            person={"id": "ann"},
            records={"order": record},
            untrusted=untrusted,
        )
        return judge(Proposal("cancel", {"order": "W1"}, "destroy"), facts, outfit(inside).rules)

    assert (verdict("bob", False).decision, verdict("bob", True).decision) == ("deny", "deny")
    assert verdict("", False).decision == "deny"  # it cannot be decided
    assert (verdict("ann", False).decision, verdict("ann", False).rule) == ("ask", "ask cancel if true")
    both = verdict("ann", True)
    assert both.decision == "ask"
    assert both.terms is not None
    assert both.terms.also is not None
    assert {both.terms.by, both.terms.also.by} == {("ann",), ("boss",)}


def test_what_the_parent_has_no_tool_for_is_for_the_childs_rules() -> None:
    parent = Agent.model_validate({"name": "desk", "remit": {"autonomy": "act"}})
    child = agent({"autonomy": "act", "rules": [{"tool": "send", "allow": "true"}]}, "worker")
    inside = narrow(parent, child, State(), outfit(parent).tools.values())
    assert may(inside, Proposal("send", {"to": "a@b.example"}, "egress"), "ann", False) == 2


@pytest.mark.parametrize(
    ("rules", "found"), [([], 2), ([{"tool": "look_up", "allow": "args.order == 'W2'"}], 0)]
)
def test_reading_is_limited_where_rules_of_the_parent_speak_of_it(rules: list[Any], found: int) -> None:
    parent, child = (
        agent({"autonomy": "ask", "rules": rules}, "desk"),
        agent({"autonomy": "ask", "rules": []}, "worker"),
    )
    inside = narrow(parent, child, State(), outfit(parent).tools.values())
    assert may(inside, Proposal("look_up", {"order": "W1"}, "read"), "ann", False) == found
