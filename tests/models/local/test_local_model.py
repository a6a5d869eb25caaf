"""The local model's process and protocol, with a real GGUF that talks nonsense; some with the real weights."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import ModelError, UnknownName, UserError, WeightsError
from remit.models import local_machine, weights
from remit.models.local import LocalModel, open_local
from remit.models.model import Image, Message, Request, ToolCall, ToolSpec
from remit.settings import Settings, load
from tests.models.local import tiny_gguf
from tests.models.local.schemas import names, schemas

pytest.importorskip("xllamacpp")

HELLO = Request("Be brief.", (Message("user", "Hello"),), max_tokens=24)
SWITCH = ToolSpec(
    "switch",
    "Switch a lamp.",
    {
        "type": "object",
        "properties": {
            "lamp": {"enum": ["kitchen", "hall"]},
            "on": {"type": "boolean"},
            "level": {"type": "integer"},
        },
        "required": ["lamp", "on"],
        "additionalProperties": False,
    },
)


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[LocalModel]:
    """One whose answers last long enough to be interrupted."""
    gguf = tiny_gguf.write(tmp_path / "slow.gguf", layers=96)
    made = LocalModel(gguf, "slow", tmp_path, threads=1, window=2048)
    yield made
    await made.aclose()


@pytest.fixture
async def model(gguf: Path, tmp_path: Path) -> AsyncIterator[LocalModel]:
    made = LocalModel(gguf, "tiny", tmp_path, threads=1, window=2048)
    yield made
    await made.aclose()


def pid_of(model: LocalModel) -> int:
    pid = model._server.pid
    assert pid is not None
    return pid


async def test_the_process_starts_on_first_use_and_streams_what_it_answers(model: LocalModel) -> None:
    assert model._server.pid is None
    pieces: list[str] = []
    answer = await model.request(HELLO, pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces).strip() == answer.text
    assert answer.usage.output_tokens == 24
    assert answer.finish == "length"
    assert answer.usage.cost == 0


class Machine:
    """One that others use as much as it is told."""

    def __init__(self, share: float) -> None:
        self.share, self.used, self.last = share, 0.0, time.monotonic()

    def __call__(self, own: int | None) -> float:
        now = time.monotonic()
        self.used += self.share * (now - self.last)
        self.last = now
        return self.used


def test_every_core_generates_while_nobody_else_wants_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_machine, "SPAN", 0.0)
    machine = Machine(0.0)
    spare = local_machine.Spare(2, machine)
    found = []
    for share in (0.0, 0.25, 1.0, 0.25, 0.0):
        machine.share = share
        spare.look()
        time.sleep(0.05)
        found.append(spare.look())
    assert found == [2, 2, 1, 1, 2]  # between the two thresholds an opinion is kept


def test_where_the_system_says_nothing_one_core_is_left_alone() -> None:
    assert local_machine.Spare(4, lambda own: None).look() == 3
    assert local_machine.Spare(1, lambda own: None).look() == 1


def test_what_a_process_used_itself_is_not_counted_against_it() -> None:
    if (before := local_machine.used_by_others(os.getpid())) is None:
        pytest.skip("this system does not say what is used")
    own = time.process_time()
    while time.process_time() < own + 0.5:
        pass
    counted, all_of_it = local_machine.used_by_others(os.getpid()), local_machine.used_by_others(None)
    assert counted is not None
    assert all_of_it is not None
    assert all_of_it - counted >= 0.4
    assert counted >= before - 0.02  # a tick or two


async def test_the_process_is_fitted_to_the_machine_only_between_conversations(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_machine, "SPAN", 0.0)
    machine = Machine(0.0)
    made = LocalModel(gguf, "tiny", tmp_path, window=2048)
    made._spare = local_machine.Spare(2, machine)
    try:
        await made.request(HELLO)
        first = pid_of(made)
        assert made._server.plan.threads == 2
        machine.share = 1.0
        followed = replace(
            HELLO, messages=(*HELLO.messages, Message("assistant", "Hi"), Message("user", "?"))
        )
        await made.request(followed)
        assert pid_of(made) == first
        await made.request(HELLO)
        assert (pid_of(made) != first, made._server.plan.threads) == (True, 1)
    finally:
        await made.aclose()


async def test_even_a_nonsense_model_makes_only_valid_calls(model: LocalModel) -> None:
    """Bound by the grammar: whatever the weights say, a call names a tool and fits its schema."""
    tools = [
        SWITCH,
        ToolSpec("finish", "Ends.", {"type": "object", "properties": {"met": {"type": "boolean"}}}),
    ]
    made = 0
    for n in range(8):
        turns = (Message("user", f"Lamp {n}"),)
        answer = await model.request(Request("", turns, tools, temperature=1.5, max_tokens=1500))
        for call in answer.calls:
            made += 1
            schema = next(tool.schema for tool in tools if tool.name == call.name)
            jsonschema.validate(dict(call.args), dict(schema))
    assert made >= 4


@pytest.fixture(scope="module")
def served(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    made = LocalModel(gguf, "tiny", tmp_path_factory.mktemp("served"), threads=1, window=4096)
    yield made
    made._server.stop()


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(names, schemas, max_size=4), schemas)
def test_any_tools_schema_is_accepted_by_the_grammar_compiler(
    served: LocalModel, own: Any, extra: Any
) -> None:
    schema = {"type": "object", "properties": own, "$defs": {"Self": extra}}
    tools = (
        ToolSpec("one", "First.", schema),
        ToolSpec("two", "Second.", extra if isinstance(extra, dict) else {}),
    )
    asyncio.run(served.request(Request("", (Message("user", "Go"),), tools, max_tokens=1)))


async def test_a_tool_that_is_not_allowed_now_cannot_be_called(model: LocalModel) -> None:
    other = replace(SWITCH, name="unlock")
    for n in range(6):
        asked = Request("", (Message("user", f"Door {n}"),), (SWITCH, other), allowed=frozenset({"switch"}))
        answer = await model.request(replace(asked, temperature=1.5, max_tokens=600))
        assert all(call.name == "switch" for call in answer.calls)
        assert '"unlock"' not in answer.text


async def test_data_fits_the_wanted_schema(model: LocalModel) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    answer = await model.request(
        Request("", (Message("user", "?"),), schema=schema, max_tokens=800, temperature=1.0)
    )
    jsonschema.validate(answer.data, schema)


async def test_a_call_cut_off_in_the_middle_is_no_call(model: LocalModel) -> None:
    answer = await model.request(replace(HELLO, tools=(SWITCH,), max_tokens=3))
    assert answer.calls == ()
    assert answer.finish == "length"


async def test_the_second_request_evaluates_only_what_is_new(model: LocalModel) -> None:
    long = Request("Rules. " * 60, (Message("user", "One"),), max_tokens=4)
    await model.request(long)
    again = await model.request(replace(long, messages=(Message("user", "Two"),)))
    fresh = again.usage.input_tokens - again.usage.cached_tokens
    assert again.usage.input_tokens > 300
    assert fresh < 50


async def test_a_new_process_takes_the_prefix_from_disk(model: LocalModel) -> None:
    long = Request("Rules of the house. " * 60, (Message("user", "One"),), max_tokens=4)
    first = await model.request(long)
    await model.aclose()
    again = await model.request(long)
    assert again.text == first.text
    assert again.usage.input_tokens - again.usage.cached_tokens < 50


async def test_a_damaged_prefix_state_costs_only_time(model: LocalModel, tmp_path: Path) -> None:
    long = Request("Rules of the house. " * 60, (Message("user", "One"),), max_tokens=4)
    first = await model.request(long)
    await model.aclose()
    (state,) = (tmp_path / "models" / "states").iterdir()
    state.write_bytes(b"damaged")
    assert (await model.request(long)).text == first.text


async def test_killing_the_process_in_the_middle_still_gives_the_answer(slow: LocalModel) -> None:
    whole = await slow.request(replace(HELLO, max_tokens=400))
    first = pid_of(slow)
    pieces: list[str] = []

    def kill_once(piece: str) -> None:
        if not pieces:
            os.kill(first, signal.SIGKILL)
        pieces.append(piece)

    answer = await slow.request(replace(HELLO, max_tokens=400), kill_once)
    assert answer.text == whole.text
    assert "".join(pieces).strip() == whole.text
    assert pid_of(slow) != first


async def test_a_process_that_dies_twice_is_a_retryable_error(slow: LocalModel) -> None:
    def kill(piece: str) -> None:
        os.kill(pid_of(slow), signal.SIGKILL)

    with pytest.raises(ModelError, match="died twice") as caught:
        await slow.request(replace(HELLO, max_tokens=1000), kill)
    assert caught.value.retryable
    assert (await slow.request(HELLO)).text


async def test_many_at_once_queue_and_are_all_answered(model: LocalModel) -> None:
    asked = [replace(HELLO, messages=(Message("user", f"Number {n}"),)) for n in range(6)]
    answers = await asyncio.gather(*(model.request(one) for one in asked))
    assert [a.usage.output_tokens for a in answers] == [24] * 6
    again = await model.request(asked[3])
    assert again.text == answers[3].text


async def test_a_cancelled_request_frees_the_model(slow: LocalModel) -> None:
    started = asyncio.Event()
    endless = replace(HELLO, max_tokens=1900)
    task = asyncio.create_task(slow.request(endless, lambda piece: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await slow.request(HELLO)).text


async def test_a_question_longer_than_the_window_says_so(model: LocalModel) -> None:
    with pytest.raises(ModelError, match="tokens, and the local model holds 2048") as caught:
        await model.request(Request("", (Message("user", "long " * 2000),)))
    assert not caught.value.retryable


async def test_images_are_refused(model: LocalModel) -> None:
    seen = Message("user", "What is it?", images=(Image(b"x", "image/png"),))
    with pytest.raises(ModelError, match="neither reads nor makes images"):
        await model.request(Request("", (seen,)))


async def test_choices_are_probabilities_even_where_labels_begin_alike(model: LocalModel) -> None:
    labels = ["card", "card lost", "card late", "refund", "ключ"]
    for prompts in (["Where is it?"], [f"Text {n}" for n in range(9)]):
        for scores in await model.choose_many(prompts, labels):
            assert list(scores) == labels
            assert sum(scores.values()) == pytest.approx(1)
            assert min(scores.values()) >= 0
    with pytest.raises(UserError, match="different and not empty"):
        await model.choose("x", ["a", "a"])


async def test_certainty_is_a_probability(model: LocalModel) -> None:
    assert 0 <= await model.sure([Message("user", "Is it so?")], HELLO) <= 1


async def test_a_file_that_is_no_model_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(WeightsError, match=r"could not be loaded from .*bad\.gguf"):
        await LocalModel(bad, "bad", tmp_path).request(HELLO)


async def test_the_users_own_file_is_used_and_named(gguf: Path, tmp_path: Path) -> None:
    chosen = Settings(cache_dir=tmp_path, data_dir=tmp_path, local_weights=gguf)
    assert (await open_local(chosen)).name == "local:tiny"


async def test_an_unknown_local_model_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"qwen2\.5-coder"):
        await open_local(Settings(cache_dir=tmp_path, data_dir=tmp_path), name="local:qwen2.5-code-1.5b")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits by a process descriptor, which Linux has")
def test_the_process_ends_with_its_parent_however_that_dies(gguf: Path, tmp_path: Path) -> None:
    script = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\n"
        "from remit.models.local import LocalModel\n"
        f"model = LocalModel(Path({str(gguf)!r}), 'tiny', Path({str(tmp_path)!r}), threads=1, window=512)\n"
        "asyncio.run(model._server.start())\n"
        "print(model._server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    try:
        child = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return  # gone already
    try:
        ended, _, _ = select.select([child], [], [], 60)
        assert ended, "the model outlived its parent"
    finally:
        os.close(child)


@pytest.mark.local_model
async def test_the_real_model_calls_the_right_tool_with_the_right_values() -> None:
    if not weights.cached(weights.CODER_1_5B, load()):
        pytest.skip("the real weights are not in the cache")
    model = await open_local(load(), size="1.5b")
    try:
        off = await model.request(Request("", (Message("user", "Turn the hall lamp off."),), (SWITCH,)))
        assert [(c.name, c.args["lamp"], c.args["on"]) for c in off.calls] == [("switch", "hall", False)]
        done = (
            Message("user", "Turn the hall lamp off."),
            Message("assistant", calls=(ToolCall("1", "switch", {"lamp": "hall", "on": False}),)),
            Message("tool", '{"ok": true}', call_id="1", tool="switch"),
        )
        assert (await model.request(Request("", done, (SWITCH,)))).calls == ()
        scores = await model.choose("I want my money back", ["card arrival", "card lost", "refund"])
        assert max(scores, key=lambda label: scores[label]) == "refund"
        question = "Did I ask for the {} lamp to be turned off? Answer yes or no."
        yes = await model.sure([Message("user", question.format("hall"))], Request("", done[:1]))
        no = await model.sure([Message("user", question.format("kitchen"))], Request("", done[:1]))
        assert yes > no
    finally:
        await model.aclose()
