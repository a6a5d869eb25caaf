"""A colleague takes a conversation over: the agent waits, durably; the colleague writes through the same gate; the agent goes on, knowing it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from remit import talking
from remit.app import App, open_app
from remit.chat import kept as chats
from remit.errors import UnknownName
from remit.graph.people import find, timeline
from remit.journal.events import Paused, Resumed
from remit.journal.state import State
from remit.settings import Settings
from remit.store.store import Store
from remit.talks import kept
from remit.talks.found import talk_of
from remit.talks.kept import Taken, Takeover
from remit.talks.listed import list_talks
from remit.testing import ScriptedModel
from remit.triggered import look
from remit.triggers import firing
from remit.workspaces import add_workspace
from tests.agents.test_loop import call, finish
from tests.triggers.conftest import publish
from tests.triggers.test_schedules import Handed
from tests.webchat.conftest import CHAT, TRIGGER, answered, begun, said, say, session_of, started

Visitor = dict[str, str]


async def name_of(app: App, visitor: Visitor) -> str:
    return f"chat:{(await session_of(app, visitor)).id}"


async def writes(app: App, name: str, text: str, key: str = "", by: str = "ann") -> State:
    """What a colleague writes, and the run that sends it, advanced."""
    handed = Handed()
    run = await talking.write(app, handed, name, by, text, key or uuid4().hex)
    assert handed.runs == [run]
    return await app.advance(run)


async def waits_for_more(app: App, site: httpx.AsyncClient) -> tuple[Visitor, State, str]:
    """A visitor whom an agent has answered and waits for, and what their conversation is called."""
    visitor = await begun(site)
    first = (await say(site, visitor, "Where is my order?")).json()["id"]
    steps = (
        ("chat_reply", {"text": "Which one?"}),
        ("chat_wait", {"after": first}),
        ("chat_reply", {"text": "It comes today."}),
    )
    state = await answered(app, visitor, *steps)
    assert state.status == "waiting"
    return visitor, state, await name_of(app, visitor)


async def lapsed(store: Store, one: Takeover) -> None:
    """Its time is over."""
    async with store.pool.connection() as connection:
        await connection.execute("update takeovers set until = at where id = %s", (one.id,))


async def test_a_colleague_answers_in_the_agents_place_and_hands_back_what_was_said(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor, state, name = await waits_for_more(app, site)
    assert state.run is not None
    made = await talking.take_over(app, name, "ann")
    assert (await app.state(state.run)).status == "paused"
    assert (await chats.standing(app.store, (await session_of(app, visitor)).id))["person"]
    await say(site, visitor, "W1, please")
    assert (await app.advance(state.run)).status == "paused", "its turn waits, though it was written to"
    sent = await writes(app, name, "I look into it.", "k1")
    again = await writes(app, name, "I look into it.", "k1")
    assert (sent.run, sent.status) == (again.run, "cannot verify")
    assert (await said(app, visitor))[2:] == [("visitor", "W1, please"), ("colleague", "I look into it.")]
    device = (await session_of(app, visitor)).device
    told = await timeline(app.store, await find(app.store, f"device:{device}"))
    (mine,) = [one for one in told if one.body == "I look into it."]
    assert (mine.direction, (mine.properties or {})["colleague"]) == ("out", "ann")
    handed = Handed()
    await talking.hand_back(app, handed, name, "ann", "Send her the label.")
    assert handed.runs == [state.run]
    state = await app.advance(state.run)
    assert state.status in ("met", "cannot verify")
    assert (await said(app, visitor))[-1] == ("agent", "It comes today.")
    bodies = [one.body for one in await app.journal.read(state.run)]
    (back,) = [one for one in bodies if isinstance(one, Resumed)]
    assert (back.by, back.over) == ("ann", made.id)
    assert "ann: I look into it." in back.words
    assert back.words.endswith("Their note to you: Send her the label.")
    assert "W1" not in back.words, "what the visitor wrote reaches the agent as theirs"
    assert "took this conversation over" in shown(app)


def shown(app: App) -> str:
    """What the model was shown last."""
    model = app.models["auto"]
    assert isinstance(model, ScriptedModel)
    assert model.last is not None
    return "\n".join(message.text for message in model.last.messages)


async def test_a_run_that_was_not_told_to_wait_is_told_what_the_colleague_noted_all_the_same(
    app: App, site: httpx.AsyncClient
) -> None:
    _, state, name = await waits_for_more(app, site)
    assert state.run is not None
    talk = await talk_of(app.store, name)  # and here the process dies that took it over
    await kept.take(app.store, talk.name, talk.agent, talk.run, talk.channel, talk.profile, "ann")
    await talking.hand_back(app, Handed(), name, "ann", "She has called us.")
    bodies = [one.body for one in await app.journal.read(state.run)]
    (back,) = [one for one in bodies if isinstance(one, Resumed)]
    assert back.words.endswith("Their note to you: She has called us.")


async def test_what_is_written_while_nobody_is_at_it_begins_a_run_only_once_it_is_handed_back_and_unanswered(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "One")
    name = await name_of(app, visitor)
    await talking.take_over(app, name, "ann")
    await look(app, Handed())
    (waits,) = await firing.list_firings(app.store, "desk", "site")
    assert (waits.state, waits.why.endswith("ann talks with them")) == ("starting", True)
    await writes(app, name, "Answered")
    await talking.hand_back(app, Handed(), name, "ann")
    await look(app, Handed())
    assert [one.state for one in await firing.list_firings(app.store, "desk", "site")] == ["skipped"]
    await say(site, visitor, "Two")
    await talking.take_over(app, name, "ann")
    await look(app, Handed())
    await talking.hand_back(app, Handed(), name, "ann")
    state = await answered(app, visitor, ("chat_reply", {"text": "Hello again"}))
    begin = await started(app, state.run or UUID(int=0))
    assert "What was said in this chat before:\nvisitor: One\ncolleague ann: Answered" in begin.quoted
    assert "wrote:\nTwo\n" in begin.quoted.replace("(not verified) ", "").replace(" (not verified)", "")


async def test_a_note_to_an_agent_that_is_at_nothing_begins_a_run_with_it_once(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "One")
    await answered(app, visitor, ("chat_reply", {"text": "Done"}))
    name = await name_of(app, visitor)
    await talking.take_over(app, name, "ann")
    await writes(app, name, "You get your money back.")
    await talking.hand_back(app, Handed(), name, "ann", "Refund W1.")
    for _ in range(2):
        await talking.see_to(app, Handed())
    assert len(await firing.list_firings(app.store, "desk", "site")) == 2
    found = Handed()
    await look(app, found)
    begin = await started(app, found.runs[-1])
    assert begin.goal.endswith("Their note to you: Refund W1.")
    assert "ann: You get your money back." in begin.goal


async def test_nothing_else_reaches_them_and_an_answer_that_was_on_its_way_is_thought_over_again(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "Hello")
    name = await name_of(app, visitor)
    found = Handed()
    chat = str((await session_of(app, visitor)).id)
    reply = call("chat_reply", chat=chat, text="Too late")
    app.models["auto"] = ScriptedModel([reply, finish()], by_turn=True)
    await look(app, found)
    (run,) = found.runs
    talk = await talk_of(app.store, name)
    # As where it had begun right before: nobody has it wait, and the gate alone holds it
    one = await kept.take(app.store, name, "desk", None, "chat", talk.profile, "ann")
    state = await app.advance(run)
    assert state.status == "waiting"
    assert "ann talks with them by chat now" in next(
        call.slept.why for call in state.calls.values() if call.slept
    )
    assert await said(app, visitor) == [("visitor", "Hello")]
    await writes(app, name, "I am Ann.")
    await kept.end(app.store, one.id, "ann", "")
    handed = Handed()
    await talking.see_to(app, handed)
    assert handed.runs == [run]
    state = await app.advance(run)
    assert (await said(app, visitor))[-1] == ("colleague", "I am Ann.")
    assert next(one.acted.status for one in state.calls.values() if one.acted) == "mend"


async def test_two_colleagues_do_not_both_have_it_and_who_lost_it_writes_no_more(
    app: App, site: httpx.AsyncClient
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "Hello")
    name = await name_of(app, visitor)
    tried = await asyncio.gather(
        *(talking.take_over(app, name, by) for by in ("ann", "bo", "cy")), return_exceptions=True
    )
    (has,) = [one for one in tried if isinstance(one, Takeover)]
    lost = next(by for by in ("ann", "bo", "cy") if by != has.by)
    assert all(f"{has.by} has taken" in str(one) for one in tried if not isinstance(one, Takeover))
    with pytest.raises(Taken):
        await talking.write(app, Handed(), name, lost, "Hi", "k")
    with pytest.raises(Taken):
        await talking.hand_back(app, Handed(), name, lost)
    assert (await talking.take_over(app, name, has.by)).id == has.id
    (row,) = await list_talks(app.store)
    assert (row.name, row.by, row.text) == (name, has.by, "Hello")


async def test_one_that_nobody_hands_back_ends_by_itself_and_the_run_says_so(
    app: App, site: httpx.AsyncClient
) -> None:
    _, state, name = await waits_for_more(app, site)
    assert state.run is not None
    one = await talking.take_over(app, name, "ann")
    assert one.until - one.at >= timedelta(minutes=29)
    await lapsed(app.store, one)
    handed = Handed()
    await talking.see_to(app, handed)
    assert handed.runs == [state.run]
    assert (await app.state(state.run)).status == "waiting"
    last = [one.body for one in await app.journal.read(state.run) if isinstance(one.body, Resumed)][-1]
    assert (last.by, "has not handed it back" in last.words) == ("expiry", True)
    with pytest.raises(Taken):
        await talking.write(app, Handed(), name, "ann", "Late", "k")
    assert (await talking.take_over(app, name, "bo")).id != one.id


async def test_a_call_that_people_are_asked_about_is_not_sent_after_a_colleague_has_talked_with_them(
    app: App, site: httpx.AsyncClient
) -> None:
    await publish(app, TRIGGER, **CHAT | {"rules": [{"tool": "chat_reply", "ask": "true"}]})
    visitor = await begun(site)
    await say(site, visitor, "May I have my money back?")
    state = await answered(app, visitor, ("chat_reply", {"text": "Yes, all of it"}))
    assert state.run is not None
    (ask,) = state.waits
    name = await name_of(app, visitor)
    await talking.take_over(app, name, "ann")
    await talking.hand_back(app, Handed(), name, "ann")
    state = await app.advance(state.run)
    assert state.replies[ask].decision == "reject"
    assert await said(app, visitor) == [("visitor", "May I have my money back?")]


async def test_whoever_was_to_send_what_was_written_or_to_wake_the_agent_dies_and_another_worker_does(
    app: App, site: httpx.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, state, name = await waits_for_more(app, site)
    assert state.run is not None
    one = await talking.take_over(app, name, "ann")
    run = await kept.say(app.store, one.id, "ann", "Kept", "k")  # and then it died
    monkeypatch.setattr(kept, "LATE", timedelta(0))
    async with open_app(settings) as other:
        other.models.update(app.models)
        handed = Handed()
        await talking.see_to(other, handed)
        await talking.see_to(other, handed)
        assert handed.runs == [run]
        await asyncio.gather(other.advance(run), app.advance(run), return_exceptions=True)
        assert (await said(app, visitor))[-1] == ("colleague", "Kept")
        await kept.end(app.store, one.id, "ann", "")  # and then it died
        await asyncio.gather(talking.see_to(other, handed), talking.see_to(app, handed))
        assert (await other.advance(state.run)).status == "waiting"
    bodies = [one.body for one in await app.journal.read(state.run)]
    assert [type(one) for one in bodies if isinstance(one, Paused | Resumed)] == [Paused, Resumed]


async def test_a_pause_of_somebodys_outlasts_a_takeover(app: App, site: httpx.AsyncClient) -> None:
    _, state, name = await waits_for_more(app, site)
    assert state.run is not None
    await app.pause(state.run, "bo")
    await talking.take_over(app, name, "ann")
    await talking.hand_back(app, Handed(), name, "ann")
    assert (await app.state(state.run)).status == "paused"
    await app.resume(state.run, "bo")
    assert (await app.state(state.run)).status == "waiting"


async def test_of_another_workspace_there_is_no_conversation(app: App, site: httpx.AsyncClient) -> None:
    visitor = await begun(site)
    await say(site, visitor, "Hello")
    await add_workspace(app.store, "cleo", "acme", "Acme")
    there, name = app.within("acme"), await name_of(app, visitor)
    for wrong in (name, "chat:x", "x", f"run:{uuid4()}"):
        with pytest.raises(UnknownName):
            await talking.take_over(there, wrong, "cleo")
    assert await list_talks(there.store) == []
