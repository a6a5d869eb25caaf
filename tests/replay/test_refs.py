"""Values that a model took by reference, when its run is played again or forked."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from remit import outfit as outfits
from remit.app import App
from remit.journal.events import Acted
from remit.replay import Changes
from tests.agents import test_refs, world
from tests.agents.test_evidence import judged
from tests.agents.test_loop import call, finish
from tests.agents.test_refs import ALLOW, TOOLSETS, ref
from tests.replay.test_fork import seq_of
from tests.replay.test_replay import RECORDED, again, original, other

LETTER = call("letter")
BY_PLACE, SPELLED = (call("invite", to=[to]) for to in (ref("1.1#/from"), "bob@corp.example"))


async def invited(app: App) -> UUID:
    run = await original(app, [LETTER, BY_PLACE, finish()], tools=TOOLSETS, rules=ALLOW)
    assert [what for what, _ in world.done] == ["invite bob@corp.example"]
    return run


async def test_a_replay_of_the_same_references_is_the_same(app: App) -> None:
    state, found = await again(app, await invited(app), terms=RECORDED)
    assert found.divergence is None
    assert found.b.simulated == 1
    (verdict,) = await judged(app, state, "invite")
    assert (verdict.decision, verdict.evidence["to"]) == ("allow", "directory")


async def test_a_model_that_spells_a_value_out_finds_what_came_of_the_reference(app: App) -> None:
    state, _ = await again(app, await invited(app), Changes(model=other(LETTER, SPELLED, finish())))
    told = state.calls["2.1"].acted
    assert told is not None
    assert (told.status, told.result) == ("simulated", "invited")


async def test_a_replay_knows_who_vouched_for_what_then_though_the_tool_now_declares_another(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await invited(app)
    letter = replace(test_refs.letter, integrity="untrusted", fields={})
    monkeypatch.setattr(test_refs, "TOOLS", (letter, *test_refs.TOOLS[1:]))
    monkeypatch.setattr(outfits, "_OUTFITS", {})  # as in a new process
    state, _ = await again(app, run, terms=RECORDED)
    (verdict,) = await judged(app, state, "invite")
    assert (verdict.decision, verdict.evidence["to"]) == ("allow", "directory")


async def test_a_fork_refers_to_what_was_read_before_it_was_forked(app: App) -> None:
    run = await invited(app)
    after = await app.advance(await app.fork(run, await seq_of(app, run, Acted)))
    assert [what for what, _ in world.done] == ["invite bob@corp.example"] * 2
    (verdict,) = await judged(app, after, "invite")
    assert verdict.evidence["to"] == "directory"
