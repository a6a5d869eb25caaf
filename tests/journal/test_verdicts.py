"""What is looked at after every test with a database would be found, were it there."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.journal.body import encode
from remit.journal.events import Acted, AnyBody, Asked, Endorsed, Intended, Judged, Replied, UndoWanted
from remit.journal.journal import Journal
from remit.store.store import Store
from tests.verdicts import journals, unallowed

RUN = UUID(int=7)
INTENT = Intended(call_id="1.1", key="k")
DONE = Acted(call_id="1.1", tool="pay", effect="egress", result="x" * 9_000)
YES = Replied(ask_id="a1.1", decision="approve", by="ann")


def judged(decision: Any = "allow", digest: str = "d", call: str = "1.1") -> Judged:
    return Judged(call_id=call, tool="pay", effect="egress", decision=decision, rule="r", digest=digest)


def asked(digest: str = "d", kind: Any = "approval", **more: Any) -> Asked:
    return Asked(ask_id="a1.1", kind=kind, text="?", call_id="1.1", digest=digest, **more)


def complaints(*bodies: AnyBody) -> list[str]:
    return list(
        unallowed(
            (RUN, seq, body.type, encode(body)[:2_000] if body.type == "acted" else encode(body))
            for seq, body in enumerate(bodies, 1)
        )
    )


FINE: list[list[AnyBody]] = [
    [judged(), INTENT, DONE],
    [judged("ask"), asked(), YES, INTENT, DONE],
    [judged("ask"), asked(persons=2), Endorsed(ask_id="a1.1", by="bob"), YES, INTENT],
    [judged(), INTENT, DONE, UndoWanted(call_id="1.1", by="ann"), Intended(call_id="undo:1.1", key="u")],
    [Acted(call_id="1.1", tool="pay", effect="egress", status="denied")],
    [Acted(call_id="1.1", tool="pay", effect="egress", status="simulated")],
    [Acted(call_id="1.1", tool='p","effect":"egress', result={"effect": "egress"})],
    [judged("ask"), asked(), judged(), INTENT],
]
WRONG: list[list[AnyBody]] = [
    [INTENT],
    [judged(call="1.2"), INTENT],
    [judged("deny"), INTENT],
    [judged("ask"), INTENT],
    [judged("ask"), asked(), INTENT, YES],
    [judged("ask"), asked(), YES.model_copy(update={"decision": "reject"}), INTENT],
    [judged("ask"), asked(), YES.model_copy(update={"decision": "answer"}), INTENT],
    [judged("ask"), asked("other"), YES, INTENT],
    [judged("ask", ""), asked(""), YES, INTENT],
    [judged("ask"), asked(kind="doubt"), YES, INTENT],
    [judged("ask"), asked(persons=2), YES, INTENT],
    [judged("ask"), asked(), YES, judged("deny"), INTENT],
    [judged(), INTENT, Intended(call_id="undo:1.1", key="u")],
    [judged(), DONE],
    [judged(), DONE.model_copy(update={"status": "unknown", "tool": 'a"b\\'})],
]


@pytest.mark.parametrize("bodies", FINE)
def test_an_effect_after_a_verdict_that_allows_it_is_in_order(bodies: list[AnyBody]) -> None:
    assert complaints(*bodies) == []


@pytest.mark.parametrize("bodies", WRONG)
def test_an_effect_without_one_is_told(bodies: list[AnyBody]) -> None:
    assert len(complaints(*bodies)) == 1


@given(st.permutations([judged("ask"), asked(), YES, INTENT]))
def test_the_order_of_verdict_question_yes_and_intent_is_held(bodies: list[AnyBody]) -> None:
    answered = bodies.index(YES) > bodies.index(asked())  # it may be judged again between
    assert (not complaints(*bodies)) is (bodies[3] is INTENT and answered)


@pytest.mark.forged_journal("an effect that nobody allowed, so that it is found")
async def test_it_is_found_in_a_database(store: Store, database_url: str) -> None:
    await Journal(store).append(RUN, 0, [INTENT])
    rows = await journals(database_url)
    assert [json.loads(row[3])["call_id"] for row in rows] == ["1.1"]
    assert list(unallowed(rows)) == [f"run {RUN}, event 1 (intended): 1.1 was never judged"]
