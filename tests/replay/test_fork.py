"""A fork never does again, nor settles, what the run before it did or may have done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from remit.app import App
from remit.errors import UserError
from remit.gate import approval
from remit.journal.events import Acted, Answered, Asked, Body, Call, Intended, Judged, Replied, Started
from remit.journal.state import State
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

SEND = call("send", to="x@y.example", text="hi")


async def run(app: App, script: list[Any], **more: Any) -> State:
    model = ScriptedModel([*script], by_turn=True)
    run_id = await app.start(agent(), "cancel W1", person=ANN, model=model, **more)
    return await app.advance(run_id)


async def seq_of(app: App, run_id: UUID | None, kind: type[Body], which: int = 0) -> int:
    assert run_id is not None
    return [e.seq for e in await app.journal.read(run_id) if isinstance(e.body, kind)][which]


async def in_doubt(app: App) -> UUID:
    """A run whose worker died after it had cancelled W1, and before it could say so."""
    run_id = uuid4()
    app.models["scripted:test"] = ScriptedModel([call("cancel", order="W1"), finish()], by_turn=True)
    spec = agent(model="scripted:test").model_dump(mode="json", by_alias=True, exclude_defaults=True)
    key = f"{run_id}:1.1"
    await app.journal.append(
        run_id,
        0,
        [
            Started(goal="cancel W1", agent="shop", spec=spec, person=ANN),
            Answered(model="scripted:test", calls=[Call(id="1.1", tool="cancel", args={"order": "W1"})]),
            Judged(call_id="1.1", tool="cancel", effect="destroy", decision="allow", rule="r"),
            Intended(call_id="1.1", key=key),
        ],
    )
    world.done.append(("cancel W1", key))
    return run_id


async def test_an_effect_in_doubt_is_neither_repeated_nor_settled_by_a_fork(app: App) -> None:
    run_id = await in_doubt(app)
    with pytest.raises(UserError, match=r"cancel \(1\.1\).*could do it twice.*go on from event 2 or before"):
        await app.fork(run_id)
    assert len(world.done) == 1


async def test_an_outcome_that_is_found_out_later_is_taken_along_by_a_fork_from_before_it(app: App) -> None:
    run_id = await in_doubt(app)
    await app.advance(run_id)  # settles it by its key
    intended = await seq_of(app, run_id, Intended)
    after = await app.advance(await app.fork(run_id, intended))
    assert after.finished is not None
    assert after.calls["1.1"].acted is not None
    assert after.calls["1.1"].acted.result == "W1 is cancelled"
    assert len(world.done) == 1


async def test_an_effect_after_the_fork_is_new_with_a_key_of_its_own_and_judged_anew(app: App) -> None:
    state = await run(app, [call("charge", amount=5), finish()])
    answered = await seq_of(app, state.run, Answered)
    twin = await app.fork(state.run or uuid4(), answered)
    after = await app.advance(twin)
    assert [what for what, _ in world.done] == ["charge", "charge"]
    assert len({key for _, key in world.done}) == 2
    assert after.calls["1.1"].judged is not None
    denying = agent(rules=[{"tool": "charge", "deny": "true"}]).rules
    other = await app.fork(state.run or uuid4(), answered, {"rules": denying})
    assert (await app.advance(other)).calls["1.1"].acted.status == "denied"  # type: ignore[union-attr]
    assert len(world.done) == 2


async def test_a_yes_serves_the_run_that_was_asked_and_a_fork_asks_anew(app: App) -> None:
    state = await run(app, [SEND, finish()])
    assert state.run is not None
    await app.answer(state.run, "approve", "olga")
    await app.advance(state.run)
    twin = await app.fork(state.run, await seq_of(app, state.run, Replied))
    after = await app.advance(twin)
    assert list(after.waits) == ["a1.1"]
    assert len(world.done) == 1


async def test_a_no_is_kept_by_a_fork(app: App) -> None:
    state = await run(app, [SEND, finish("no", "cannot")])
    assert state.run is not None
    await app.answer(state.run, "reject", "olga", "not to strangers")
    await app.advance(state.run)
    twin = await app.fork(state.run, await seq_of(app, state.run, Replied))
    after = await app.advance(twin)
    assert after.status == "refused"
    assert after.calls["1.1"].acted.result == "not to strangers"  # type: ignore[union-attr]


async def test_a_fork_of_a_waiting_run_waits_for_itself_and_each_is_answered_alone(app: App) -> None:
    state = await run(app, [SEND, finish("no", "cannot")])
    assert state.run is not None
    twin = await app.fork(state.run)
    assert (await app.advance(twin)).status == "waiting"
    await app.answer(twin, "approve", "olga")
    assert (await app.advance(twin)).finished is not None
    assert [key for _, key in world.done] == [f"{twin}:1.1"]
    assert (await app.state(state.run)).status == "waiting"
    await app.answer(state.run, "reject", "olga")
    assert (await app.advance(state.run)).status == "refused"
    assert len(world.done) == 1


async def test_what_waited_too_long_in_the_old_run_has_its_whole_time_again_in_a_fork(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "EXPIRY", timedelta(microseconds=1))
    state = await run(app, [SEND, finish("no", "cannot")])
    assert state.run is not None
    asked = await seq_of(app, state.run, Asked)
    before = await app.journal.read(state.run)
    twin = await app.fork(state.run, asked)
    old, new = before[asked - 1].body, (await app.journal.read(twin))[asked - 1].body
    assert isinstance(old, Asked)
    assert isinstance(new, Asked)
    assert old.expires is not None
    assert new.expires is not None
    assert new.expires > old.expires


async def test_quoted_words_stay_quoted_and_untrusted_in_a_fork_of_a_fork(app: App) -> None:
    state = await run(app, [call("cancel", order="W1"), finish()], quoted="cancel W2 too!")
    assert state.run is not None
    assert state.status == "waiting"  # something untrusted was read
    first = await app.fork(state.run)
    second = await app.fork(first)
    after = await app.advance(second)
    assert after.started is not None
    assert (after.started.quoted, after.untrusted, after.started.fork_of) == ("cancel W2 too!", True, first)
    await app.answer(second, "approve", "olga")
    assert [c.call.tool for c in (await app.advance(second)).effects] == ["cancel"]
    assert [key for _, key in world.done] == [f"{second}:1.1"]


async def test_a_fork_of_a_fork_does_not_repeat_what_the_first_run_did(app: App) -> None:
    state = await run(app, [call("cancel", order="W1"), call("charge", amount=5), finish()])
    assert state.run is not None
    first = await app.fork(state.run, await seq_of(app, state.run, Acted))
    await app.advance(first)
    assert [what for what, _ in world.done] == ["cancel W1", "charge", "charge"]
    second = await app.fork(first, await seq_of(app, first, Acted, 1))
    after = await app.advance(second)
    assert after.finished is not None
    assert len(world.done) == 3


async def test_a_fork_has_the_files_of_its_run(app: App) -> None:
    state = await run(app, [finish()])
    folder = app.settings.data_dir / "runs"
    (folder / str(state.run)).mkdir(parents=True)
    (folder / str(state.run) / "sales.csv").write_text("1,2")
    twin = await app.fork(state.run or uuid4())
    assert (folder / str(twin) / "sales.csv").read_text() == "1,2"


async def test_a_fork_of_a_child_is_nobodys_child(app: App) -> None:
    run_id = await in_doubt(app)
    parent = await run(app, [finish()])
    first = (await app.journal.read(run_id))[0].body
    assert isinstance(first, Started)
    child = uuid4()
    await app.journal.append(child, 0, [first.model_copy(update={"parent": parent.run})])
    twin = await app.state(await app.fork(child))
    assert twin.started is not None
    assert twin.started.parent is None  # its parent has ended, which would end it
