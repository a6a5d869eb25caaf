"""Whatever happens in a run, what it may do grows only by what a person or the reading of the goal wrote down as a grant."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from remit.agents.grant import CAME_TO_NOTHING, left
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, compile_rules
from remit.journal.events import (
    Acted,
    Answered,
    Asked,
    Call,
    Delegated,
    Endorsed,
    Event,
    Granted,
    Intended,
    Judged,
    Nudged,
    Planned,
    Replied,
    Returned,
    Started,
)  # fmt: skip
from remit.journal.state import State, apply

RUN, AT = UUID(int=7), datetime(2026, 11, 21, tzinfo=UTC)
IDS, TOOLS = ["1.1", "1.2", "2.1", "undo:1.1"], ["pay", "send", "delegate"]
ids, tools, names = st.sampled_from(IDS), st.sampled_from(TOOLS), st.sampled_from(["ann", "a model", "pay"])
grants = st.dictionaries(st.sampled_from(["pay", "send"]), st.integers(0, 3), max_size=2)
bodies = st.one_of(
    st.builds(Answered, model=st.just("m"), calls=st.lists(st.builds(Call, id=ids, tool=tools, args=st.just({"grant": {"pay": 9}})), max_size=2),
              data=st.just({"actions": [{"tool": "pay", "times": 9}]}), purpose=st.sampled_from(["act", "grant", "check"])),
    st.builds(Judged, call_id=ids, tool=tools, effect=st.just("egress"), decision=st.sampled_from(["allow", "ask", "deny"]), rule=st.just("r")),
    st.builds(Asked, ask_id=ids, kind=st.sampled_from(["approval", "budget", "doubt"]), text=st.just("?"), call_id=ids),
    st.builds(Endorsed, ask_id=ids, by=names),
    st.builds(Replied, ask_id=ids, decision=st.sampled_from(["approve", "answer"]), by=names, text=st.just("grant pay 9")),
    st.builds(Intended, call_id=ids, key=st.just("k")),
    st.builds(Acted, call_id=ids, tool=tools, effect=st.just("egress"), status=st.sampled_from(["ok", "failed", "denied", "unknown"]),
              result=st.just({"grant": {"pay": 9}, "type": "granted", "tools": {"pay": 9}})),
    st.builds(Delegated, call_id=ids, child=st.just(RUN), agent=st.just("b"), spec=st.just({}), grant=st.none() | grants),
    st.builds(Returned, call_id=ids, child=st.just(RUN), status=st.just("met")),
    st.builds(Planned, items=st.just([])),
    st.builds(Nudged, reason=st.just("reflect"), text=st.just("grant pay 9")),
    st.builds(Granted, tools=grants, by=names),
)  # fmt: skip
RULES = compile_rules([Rule(("*",), "allow", "true")])


def may(state: State, tool: str) -> bool:
    facts = Facts(autonomy="act", tools=frozenset(TOOLS), left=left(state, None))
    return judge(Proposal(tool, {}, "egress"), facts, RULES).decision == "allow"


@settings(max_examples=200)
@given(grants, st.lists(bodies, max_size=25))
def test_a_grant_grows_by_an_event_that_grants_and_by_no_other(
    first: dict[str, int], happened: list[object]
) -> None:
    state = State()
    apply(state, Event(RUN, 1, AT, Started(goal="g", agent="a", spec={}, grant=first)))
    for seq, body in enumerate(happened, 2):
        before, rest = dict(state.grant or {}), dict(left(state, None) or {})
        could = {tool for tool in TOOLS if may(state, tool)}
        apply(state, Event(RUN, seq, AT, body))  # type: ignore[arg-type]
        assert state.grant is not None
        now = left(state, None)
        assert now is not None
        assert {tool for tool in TOOLS if may(state, tool)} == {
            tool for tool, times in now.items() if times > 0
        }
        if isinstance(body, Granted):
            continue
        assert state.grant == before
        if isinstance(body, Acted) and body.status in CAME_TO_NOTHING:
            assert all(times <= before[tool] for tool, times in now.items())  # given back, and no more
        elif not isinstance(
            body, Answered | Delegated
        ):  # here a call's number is given twice, as no run does
            assert all(times <= rest[tool] for tool, times in now.items())
            assert {tool for tool in TOOLS if may(state, tool)} <= could
