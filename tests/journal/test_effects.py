"""Lists that the database makes of what events say, whatever stands in them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from remit.journal.effects import list_effects
from remit.journal.events import Acted, Answered, AnyBody, Asked, Call, Intended, Judged, Replied, Started
from remit.journal.journal import Journal
from remit.journal.reviewers import list_reviewers
from remit.store.store import Store


@pytest.mark.forged_journal("an ask and an intent, for their texts")
@pytest.mark.parametrize("text", ["plain", "a NUL \0 in it", "\\u0000 spelled out", 'a quote " and \\'])
async def test_no_text_keeps_effects_and_reviewers_from_being_listed(store: Store, text: str) -> None:
    journal, run = Journal(store), uuid4()
    call = Call(id="1.1", tool="pay", args={"to": text})
    bodies: list[AnyBody] = [
        Started(goal=text, agent="a", spec={"name": "a"}),
        Answered(model="m", text=text, calls=[call]),
        Judged(call_id="1.1", tool="pay", effect="destroy", decision="ask", rule="r", reasons=[text]),
        Asked(ask_id="a1.1", kind="approval", text=text, call_id="1.1"),
        Replied(ask_id="a1.1", decision="approve", by="olga", text=text),
        Intended(call_id="1.1", key=f"{run}:1.1"),
    ]
    await journal.append(run, 0, bodies)
    assert [effect.run for effect in await list_effects(store, journal, doubtful=True)] == [run]
    acted = Acted(call_id="1.1", tool="pay", effect="destroy", result=text)
    await journal.append(run, len(bodies), [acted])
    assert await list_effects(store, journal, doubtful=True) == []
    assert [effect.result for effect in await list_effects(store, journal)] == [text]
    assert [(one.reviewer, one.decisions) for one in await list_reviewers(store)] == [("olga", 1)]
    await journal.close()
