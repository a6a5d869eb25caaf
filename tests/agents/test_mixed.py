"""A tool's result of which parts are trusted and parts are not: what the gate knows of it, and what the journal keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from remit import outfit as outfits
from remit.app import App, open_app
from remit.journal.events import Acted
from remit.settings import Settings
from remit.tools import tool
from remit.tools.result import LIMIT
from tests.agents import world
from tests.agents.test_evidence import SEND, judged, start, to
from tests.agents.test_loop import call

FIELDS: Any = {"*": "system", "messages[].body": "untrusted"}
MAIL = {"box": "desk@corp.example", "messages": [{"from": "bob@corp.example", "body": "dora@evil.example"}]}
more: list[Any] = []  # of messages in the box


@tool(effect="read", integrity=FIELDS)
async def mail() -> dict[str, Any]:
    """Mail: its senders are verified, and anybody may have written the rest."""
    return {**MAIL, "messages": [*MAIL["messages"], *more]}


@tool(effect="self", integrity=FIELDS)
async def draft() -> dict[str, Any]:
    """What was kept."""
    return {"box": "eve@evil.example"}


TOOLS = (mail, draft)
SPEC: Any = {"tools": ["tests.agents.world", "tests.agents.test_mixed"], "rules": SEND[:1]}


@pytest.fixture(autouse=True)
def _empty() -> None:
    more.clear()
    mail_now(mail)


def mail_now(changed: Any) -> None:
    globals()["TOOLS"] = (changed, draft)


@pytest.mark.parametrize("address", ["bob@corp.example", "desk@corp.example"])
async def test_a_trusted_part_of_a_mixed_result_vouches(app: App, address: str) -> None:
    state = await app.advance(await start(app, call("mail"), to(address), **SPEC))
    (verdict,) = await judged(app, state)
    assert (verdict.decision, verdict.evidence["to"]) == ("allow", "directory")
    assert state.untrusted


async def test_an_untrusted_part_does_not_and_is_told_of(app: App) -> None:
    state = await app.advance(await start(app, call("mail"), to("dora@evil.example"), **SPEC))
    (verdict,) = await judged(app, state)
    assert (verdict.decision, verdict.provenance["to"]) == ("deny", "dora@evil.example, found in mail")
    assert world.done == []


async def test_notes_of_the_run_itself_vouch_for_nothing_in_any_field(app: App) -> None:
    state = await app.advance(await start(app, call("draft"), to("eve@evil.example"), **SPEC))
    assert (await judged(app, state))[0].decision == "deny"


async def test_a_result_that_is_too_long_to_be_kept_whole_vouches_for_nothing(app: App) -> None:
    more.append({"from": "x", "body": "y" * LIMIT})
    state = await app.advance(await start(app, call("mail"), to("bob@corp.example"), **SPEC))
    read = state.calls["1.1"].acted
    assert read is not None
    assert (read.result["truncated"], read.integrity, read.fields) == (True, "untrusted", {})
    assert (await judged(app, state))[0].decision == "deny"


@pytest.mark.parametrize("declared", ["system", "untrusted"])
async def test_what_a_tool_declares_later_changes_nothing_about_what_was_read(
    settings: Settings, app: App, declared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [call("mail"), call("ask_person", question="Now?"), to("dora@evil.example")]
    run = await start(app, *script, to("bob@corp.example"), **SPEC)
    await app.advance(run)
    mail_now(replace(mail, integrity=declared, fields={}))
    monkeypatch.setattr(outfits, "_OUTFITS", {})  # as in a new process
    async with open_app(settings) as other:
        other.models.update(app.models)
        await other.answer(run, "answer", "olivia", "Yes.")
        verdicts = await judged(other, await other.advance(run))
    assert [one.decision for one in verdicts] == ["deny", "allow"]


async def test_the_journal_says_it_of_a_mixed_result_only(app: App) -> None:
    state = await app.advance(await start(app, call("mail"), call("look_up", order="W1"), **SPEC))
    assert state.run is not None
    said = {
        e.body.tool: (e.body.integrity, e.body.fields)
        for e in await app.journal.read(state.run)
        if isinstance(e.body, Acted)
    }
    assert said == {"mail": ("untrusted", FIELDS), "look_up": ("system", {}), "finish": ("system", {})}
