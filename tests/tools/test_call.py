from __future__ import annotations

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from remit.errors import Mend, ToolFault
from remit.tools import ToolContext, tool
from remit.tools import call as calling
from remit.tools.call import call
from remit.tools.files import files_read


async def test_a_mend_goes_back_to_the_model_as_its_message_alone(context: ToolContext) -> None:
    @tool
    def order(number: str) -> None:
        raise Mend(f"there is no order {number!r}")

    outcome = await call(order, context, {"number": "W1"})
    assert (outcome.status, outcome.result) == ("mend", "there is no order 'W1'")


async def test_wrong_arguments_never_reach_the_tool(context: ToolContext) -> None:
    reached: list[int] = []

    @tool
    def add(n: int) -> None:
        reached.append(n)

    outcome = await call(add, context, {"m": 1})
    assert outcome.status == "mend"
    assert "n: required" in outcome.result
    assert reached == []


@pytest.mark.parametrize(
    ("error", "effect", "status"),
    [
        (ConnectionResetError("reset"), "destroy", "unknown"),
        (TimeoutError("no answer"), "egress", "unknown"),
        (httpx.ReadTimeout("no answer"), "egress", "unknown"),
        (ConnectionRefusedError("nobody there"), "destroy", "failed"),
        (httpx.ConnectError("nobody there"), "destroy", "failed"),
        (ValueError("it said no"), "destroy", "failed"),
        (ConnectionResetError("reset"), "read", "failed"),
    ],
)
async def test_an_effect_whose_answer_was_lost_may_have_happened(
    context: ToolContext, error: Exception, effect: Any, status: str
) -> None:
    @tool(effect=effect)
    async def act() -> None:
        raise error

    assert (await call(act, context, {})).status == status


@pytest.mark.parametrize("sync", [True, False])
async def test_a_tool_that_raises_fails_with_type_and_message_and_no_traceback(
    context: ToolContext, sync: bool
) -> None:
    if sync:

        @tool
        def broken() -> None:
            raise LookupError("the till is closed")
    else:

        @tool
        async def broken() -> None:
            raise LookupError("the till is closed")

    outcome = await call(broken, context, {})
    assert (outcome.status, outcome.result) == ("failed", "LookupError: the till is closed")


async def test_the_developers_mistake_is_raised(context: ToolContext) -> None:
    @tool
    def faulty() -> object:
        return object()

    @tool
    def leaves() -> None:
        raise SystemExit(3)

    with pytest.raises(ToolFault, match=r"builtins.object, which has no JSON form"):
        await call(faulty, context, {})
    with pytest.raises(ToolFault, match=r"called sys\.exit"):
        await call(leaves, context, {})


async def test_an_exception_that_cannot_be_printed_is_still_told(context: ToolContext) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    @tool
    async def mute() -> None:
        raise Mute

    assert "Mute" in (await call(mute, context, {})).result

    @tool
    def stops() -> None:
        raise StopIteration

    assert (await call(stops, context, {})).status == "failed"


async def test_a_sync_tool_that_hangs_does_not_hold_its_caller(context: ToolContext) -> None:
    release = threading.Event()

    @tool(timeout=0.05)
    def hangs() -> str:
        release.wait()
        return "too late"

    outcomes = await asyncio.gather(*(call(hangs, context, {}) for _ in range(40)))
    release.set()
    assert {outcome.status for outcome in outcomes} == {"unknown"}  # with an effect, perhaps it happened
    assert outcomes[0].result == "hangs took longer than 0.05 s"


async def test_an_async_tool_that_hangs_is_cancelled(context: ToolContext) -> None:
    cleaned = asyncio.Event()

    @tool(timeout=0.05)
    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    assert (await call(hangs, context, {})).status == "unknown"
    assert cleaned.is_set()


async def test_an_async_tool_that_refuses_to_be_cancelled_is_left_behind(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "GRACE", 0.05)
    release = asyncio.Event()

    @tool(timeout=0.05)
    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    outcome = await call(stubborn, context, {})
    assert outcome.result == "stubborn took longer than 0.05 s"
    release.set()


async def test_the_tools_own_timeout_is_not_mistaken_for_ours(context: ToolContext) -> None:
    @tool
    async def slow() -> None:
        raise TimeoutError("the till did not answer")

    assert (await call(slow, context, {})).result == "TimeoutError: the till did not answer"


async def test_cancelling_the_caller_cancels_the_tool(context: ToolContext) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def works() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(call(works, context, {}))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_fifty_megabytes_go_to_the_runs_folder_and_a_marker_stays(context: ToolContext) -> None:
    text = "line of text\n" * 4_000_000

    @tool
    def floods() -> str:
        return text

    tracemalloc.start()
    outcome = await call(floods, replace(context, call_id="../../x y"), {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(text)  # beside the text itself, not even another copy of it
    marker = outcome.result
    assert marker["truncated"] is True
    assert marker["bytes"] == len(text)
    assert marker["head"].startswith("line of text\nline")
    assert len(json.dumps(marker)) < 40_000
    assert (context.root / marker["file"]).read_text() == text
    page = await call(files_read, context, {"path": marker["file"], "offset": len(text) - 26, "limit": 100})
    assert page.result["text"] == "line of text\n" * 2
    assert page.result["next"] is None


async def test_a_long_list_is_kept_as_json_with_an_item_a_line(context: ToolContext) -> None:
    rows = [{"n": n, "text": "x" * 100} for n in range(20_000)]

    @tool
    async def floods() -> list[dict[str, Any]]:
        return rows

    marker = (await call(floods, context, {})).result
    kept = (context.root / marker["file"]).read_text()
    assert json.loads(kept) == rows
    assert kept.count("\n") >= len(rows) - 1


async def test_bytes_that_are_not_utf8_are_flagged(context: ToolContext) -> None:
    @tool
    def small() -> bytes:
        return b"caf\xe9\x00"

    @tool
    def large() -> bytes:
        return b"\xff\xfe" * 1_000_000

    outcome = await call(small, context, {})
    assert outcome.result == {"text": "caf\ufffd\u2400", "bytes": 5, "invalid_utf8": True}
    marker = (await call(large, context, {})).result
    assert (context.root / marker["file"]).read_bytes() == b"\xff\xfe" * 1_000_000
    json.dumps(marker).encode()


async def test_a_full_disk_loses_the_text_but_not_the_outcome(context: ToolContext) -> None:
    context.root.parent.mkdir(exist_ok=True)
    (context.root).write_text("a file where the folder should be")

    @tool
    def floods() -> str:
        return "x" * 2_000_000

    outcome = await call(floods, context, {})
    assert outcome.status == "ok"
    assert outcome.result["bytes"] == 2_000_000
    assert "could not be kept" in outcome.result["note"]


async def test_a_tool_without_a_validator_takes_what_it_is_given(context: ToolContext) -> None:
    @tool
    async def any_of(a: int) -> None: ...

    async def echo(_: ToolContext, args: Mapping[str, Any]) -> Any:
        return dict(args)

    bare = replace(any_of, validate=None, call=echo)
    assert (await call(bare, context, {"b": 1})).result == {"b": 1}
