"""The public doubles: scripted, recording, replaying."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import ModelError, UserError
from remit.models.model import Answer, Image, Message, Model, Request, ToolCall, ToolSpec, Usage
from remit.testing import RecordingModel, ReplayingModel, ScriptedModel, key_of, load_script

LOOK = ToolSpec("look", "Look.", {"type": "object"})


def asking(text: str) -> Request:
    return Request("Be brief.", [Message("user", text)], [LOOK])


async def test_a_script_is_answered_in_order_and_counted() -> None:
    call = ToolCall("1", "look", {})
    model = ScriptedModel(["text", call, [call, call], {"a": 1}, Answer("own", model="other")])
    answers = [await model.request(asking("x")) for _ in range(5)]
    assert [answer.text for answer in answers] == ["text", "", "", "", "own"]
    assert [len(answer.calls) for answer in answers] == [0, 1, 2, 0, 0]
    assert [answer.finish for answer in answers[:3]] == ["stop", "calls", "calls"]
    assert answers[3].data == {"a": 1}
    assert [answer.model for answer in answers[3:]] == ["scripted:test", "other"]
    assert model.count == 5


async def test_past_its_end_a_script_says_how_long_it_is() -> None:
    model = ScriptedModel(["one"])
    await model.request(asking("x"))
    with pytest.raises(ModelError, match="1 answers, this is request 2"):
        await model.request(asking("x"))


async def test_a_function_answers_by_the_request() -> None:
    model: Model = ScriptedModel(lambda request: Answer(request.messages[-1].text.upper()))
    assert (await model.request(asking("loud"))).text == "LOUD"


async def test_a_script_raises_what_it_holds_and_goes_on() -> None:
    model = ScriptedModel([ModelError("busy", retryable=True), "then"])
    with pytest.raises(ModelError, match="busy"):
        await model.request(asking("x"))
    assert (await model.request(asking("x"))).text == "then"


async def test_the_request_is_kept_as_it_is_and_not_copied() -> None:
    model, request = ScriptedModel(["x"]), asking("x")
    await model.request(request)
    assert model.last is request


async def test_by_turn_the_answer_depends_on_the_request_alone() -> None:
    later = Request("", [Message("user", "a"), Message("assistant", "b"), Message("user", "c")])
    for _ in range(2):  # two processes, say
        model = ScriptedModel(["first", "second"], by_turn=True)
        assert (await model.request(later)).text == "second"
        assert (await model.request(asking("a"))).text == "first"


async def test_a_scripted_text_goes_down_the_stream() -> None:
    pieces: list[str] = []
    await ScriptedModel(["hello"]).request(asking("x"), pieces.append)
    assert pieces == ["hello"]


async def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(
        '{"by": "turn", "answers": [{"text": "I look.", "calls": [{"tool": "look"}]}, {"data": [1]}, "done"]}'
    )
    model = load_script(path)
    first = await model.request(asking("x"))
    assert (first.text, first.calls[0].name, first.calls[0].id) == ("I look.", "look", "s1-1")
    assert model.name == "scripted:script.json"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{", "not JSON"),
        ("7", "a script is a list"),
        ('{"answers": [], "bye": "turn"}', "a script is a list"),
        ('{"answers": [], "by": "luck"}', "a script is a list"),
        ('["ok", {"txt": "x"}]', "answer 2: expected text or"),
        ("[{}]", "answer 1"),
        ('[{"calls": [{"name": "look"}]}]', "answer 1, call 1"),
        ('[{"calls": ["look"]}]', "answer 1, call 1"),
        ('[{"text": 7}]', "answer 1"),
    ],
)
def test_a_script_that_is_wrong_says_where(tmp_path: Path, written: str, says: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(written)
    with pytest.raises(UserError, match=r"script\.json") as caught:
        load_script(path)
    assert says in str(caught.value)


def test_a_script_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.json: cannot be read"):
        load_script(tmp_path / "gone.json")


FULL = Answer(
    "text",
    (ToolCall("1", "look", {"a": [1, None]}),),
    {"b": 2},
    (Image(b"\x00\xff", "image/png"),),
    Usage(1, 2, 3, Decimal("0.000123")),
    "a:b",
    "calls",
)


async def test_what_was_recorded_is_replayed_whole(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recording = RecordingModel(ScriptedModel([FULL, "é漢", Answer(usage=Usage(cost=None))], window=777), path)
    for text in "abc":
        await recording.request(asking(text))
    replaying = ReplayingModel(path)
    assert replaying.window == 777
    assert (await replaying.request(asking("b"))).text == "é漢"
    assert await replaying.request(asking("a")) == FULL
    assert (await replaying.request(asking("c"))).usage.cost is None


async def test_a_question_asked_twice_gets_both_answers_and_then_the_last_again(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recording = RecordingModel(ScriptedModel(["one", "two"]), path)
    for _ in range(2):
        await recording.request(asking("x"))
    replaying = ReplayingModel(path)
    assert [(await replaying.request(asking("x"))).text for _ in range(3)] == ["one", "two", "two"]


async def test_a_question_that_was_not_recorded_shows_the_nearest_and_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recording = RecordingModel(ScriptedModel(["one", "two"]), path)
    await recording.request(asking("where is order W1?"))
    await recording.request(asking("something else altogether"))
    with pytest.raises(ModelError, match="not recorded") as caught:
        await ReplayingModel(path).request(asking("where is order W2?"))
    assert "W1?" in str(caught.value)
    assert "W2?" in str(caught.value)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"key": "x"}', '{"key":"x","request":{},"window":1,"answer":{"text":1}}']
)
def test_a_damaged_recording_says_which_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tape.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=r"tape\.jsonl:1: not a line of a recording"):
        ReplayingModel(path)


@given(st.text(), st.text())
def test_two_questions_have_one_key_only_if_they_are_the_same(one: str, other: str) -> None:
    assert (key_of(asking(one)) == key_of(asking(other))) == (one == other)


def test_every_part_of_a_question_is_in_its_key() -> None:
    base = Request("i", [Message("user", "x")])
    others = [
        Request("j", base.messages),
        Request("i", [Message("assistant", "x")]),
        Request("i", [Message("user", "x", images=(Image(b"1", "image/png"),))]),
        Request("i", [Message("user", "x", images=(Image(b"2", "image/png"),))]),
        Request("i", base.messages, [LOOK]),
        Request("i", base.messages, schema={}),
        Request("i", base.messages, max_tokens=1),
        Request("i", base.messages, temperature=0.0),
        Request("i", base.messages, image=True),
        Request("i", base.messages, allowed=frozenset()),
    ]
    assert len({key_of(request) for request in [base, *others]}) == len(others) + 1
