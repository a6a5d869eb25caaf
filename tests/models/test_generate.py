"""Single-pass generation: each task with a scripted model, long inputs, and what does not fit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import ModelError, UserError
from remit.models import structured
from remit.models.generate import File, fields_schema, generate, merged
from remit.models.model import Answer, Image, Request, Usage
from remit.models.text import tokens
from remit.testing import ScriptedModel

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
COSTLY = Usage(10, 5, 1, Decimal("0.5"))


def answering(function: Callable[[str], Answer], window: int = 128_000) -> ScriptedModel:
    return ScriptedModel(lambda request: function(request.messages[-1].text), window=window)


async def test_text_is_the_answer_and_streams() -> None:
    pieces: list[str] = []
    model = ScriptedModel(["a haiku"])
    answer = await generate(model, "Write a haiku", stream=pieces.append, max_tokens=9)
    assert (answer.text, pieces) == ("a haiku", ["a haiku"])
    assert model.last is not None
    assert (model.last.messages[-1].text, model.last.max_tokens) == ("Write a haiku", 9)


async def test_files_go_below_the_prompt_by_their_names() -> None:
    model = ScriptedModel(["ok"])
    await generate(model, "Compare", files=[File("a.csv", "1,2"), File("b.md", "# b")])
    assert model.last is not None
    assert model.last.messages[-1].text == "Compare\n\n--- a.csv\n1,2\n\n--- b.md\n# b"


async def test_images_go_along() -> None:
    model = ScriptedModel(["a cat"])
    await generate(model, "What is it?", images=[Image(b"x", "image/png")])
    assert model.last is not None
    assert model.last.messages[-1].images == (Image(b"x", "image/png"),)


async def test_code_comes_without_its_fence() -> None:
    answer = await generate(ScriptedModel(["```python\nx = 1\n```"]), "Set x", task="code")
    assert answer.text == "x = 1"


async def test_json_follows_the_schema() -> None:
    answer = await generate(ScriptedModel([{"name": "Ada"}]), "Who?", task="json", schema=PERSON)
    assert answer.data == {"name": "Ada"}


@pytest.mark.parametrize("data", [{}, {"name": 7}, None, "Ada"])
async def test_json_beside_the_schema_is_an_error_whatever_the_model(data: Any) -> None:
    with pytest.raises(ModelError, match="does not follow the schema"):
        await generate(ScriptedModel([Answer(data=data)]), "Who?", task="json", schema=PERSON)


async def test_a_refusal_is_said_to_be_one() -> None:
    refusal = Answer(text="I would rather not", finish="refusal")
    with pytest.raises(ModelError, match="refused: I would rather not"):
        await generate(ScriptedModel([refusal]), "Who?", task="json", schema=PERSON)


async def test_an_empty_answer_is_an_error_that_can_be_tried_again() -> None:
    with pytest.raises(ModelError, match="answered nothing") as caught:
        await generate(ScriptedModel([" \n"]), "Hello?")
    assert caught.value.retryable


async def test_a_short_text_is_summarised_in_one_request() -> None:
    model = ScriptedModel(["short"])
    assert (await generate(model, "a text", task="summarize")).text == "short"
    assert model.count == 1


async def test_a_long_text_is_summarised_by_pieces_and_every_request_fits() -> None:
    seen: list[Request] = []

    def reply(request: Request) -> Answer:
        seen.append(request)
        return Answer("in short.", usage=COSTLY)

    model = ScriptedModel(reply, window=600)
    long = "\n\n".join(f"Paragraph {n} says that {n} is a number." for n in range(200))
    answer = await generate(model, "for a child", files=[File("book.txt", long)], task="summarize")
    assert answer.text == "in short."
    assert model.count > 5
    assert all(tokens(request.messages[-1].text) < 600 for request in seen)
    assert answer.usage == Usage(10 * model.count, 5 * model.count, model.count, Decimal("0.5") * model.count)
    said = "".join(request.messages[-1].text for request in seen)
    assert all(f"Paragraph {n} says" in said for n in range(200))


async def test_a_model_whose_summaries_do_not_shrink_is_stopped() -> None:
    model = answering(lambda text: Answer(text), window=600)
    with pytest.raises(ModelError, match="hardly shorter"):
        await generate(model, "word " * 2000, task="summarize")
    assert model.count < 60


async def test_a_long_translation_keeps_order_and_layout() -> None:
    model = answering(lambda text: Answer(text.upper()), window=700)
    text = "\n\n".join(f"paragraph {n} of the text" for n in range(100)) + "\n"
    pieces: list[str] = []
    answer = await generate(model, text, task="translate", language="Loud", stream=pieces.append)
    assert model.count > 2
    assert answer.text == text.upper()
    assert "".join(pieces) == answer.text


async def test_a_translation_names_its_language() -> None:
    model = ScriptedModel(["Hallo"])
    await generate(model, "hello", task="translate", language="German")
    assert model.last is not None
    assert "German" in model.last.instructions


async def test_a_label_is_one_of_those_given() -> None:
    answer = await generate(ScriptedModel([{"label": "b"}]), "text", task="classify", labels=["a", "b"])
    assert answer.text == "b"
    with pytest.raises(ModelError, match="does not follow"):
        await generate(ScriptedModel([{"label": "c"}]), "text", task="classify", labels=["a", "b"])


class Choosing(ScriptedModel):
    async def choose(self, prompt: str, labels: Sequence[str]) -> Mapping[str, float]:
        return {label: 0.9 if label in prompt else 0.05 for label in labels}


async def test_a_model_that_scores_labels_chooses_by_their_probabilities() -> None:
    model = Choosing([])
    answer = await generate(model, "this is praise", task="classify", labels=["complaint", "praise"])
    assert answer.text == "praise"
    assert answer.data["probabilities"] == {"complaint": 0.05, "praise": 0.9}
    assert model.count == 0


async def test_fields_are_taken_from_every_piece_of_a_long_text() -> None:
    def reply(text: str) -> Answer:
        found = {
            "total": 7 if "total: 7" in text else None,
            "names": [n for n in ("Ada", "Bob") if n in text] or None,
        }
        return Answer(data=found)

    text = "Ada\n\n" + "filler words\n\n" * 200 + "total: 7\n\n" + "filler words\n\n" * 200 + "Bob"
    model = answering(reply, window=700)
    answer = await generate(model, text, task="extract", fields=["total:integer", "names:list"])
    assert answer.data == {"total": 7, "names": ["Ada", "Bob"]}
    assert model.count > 2


async def test_an_image_comes_or_the_error_names_a_model_that_can() -> None:
    image = Image(b"x", "image/png")
    model = ScriptedModel([Answer(images=(image,)), "I cannot"])
    assert (await generate(model, "A lighthouse", task="image")).images == (image,)
    with pytest.raises(ModelError, match="made no image"):
        await generate(model, "A lighthouse", task="image")
    assert model.last is not None
    assert model.last.image


async def test_an_input_that_is_too_long_is_refused_before_anything_is_sent() -> None:
    model = ScriptedModel([], window=1000)
    with pytest.raises(UserError, match="larger window"):
        await generate(model, "Answer", files=[File("a", "word " * 1000)])
    with pytest.raises(UserError, match="the prompt alone"):
        await generate(model, "word " * 1000)
    assert model.count == 0


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"prompt": " "}, "nothing to work on"),
    "empty file": ({"prompt": "", "files": [File("a", "")]}, "nothing to work on"),
    "one label": ({"task": "classify", "labels": ["a"]}, "two labels or more"),
    "same labels": ({"task": "classify", "labels": ["a", "a"]}, "all different"),
    "empty label": ({"task": "classify", "labels": ["a", ""]}, "two labels"),
    "no fields": ({"task": "extract"}, "extract needs fields"),
    "unknown type": ({"task": "extract", "fields": ["a:int"]}, "a:int"),
    "same fields": ({"task": "extract", "fields": ["a", "a:number"]}, "each name once"),
    "no language": ({"task": "translate"}, "needs the language"),
    "schema for text": ({"schema": PERSON}, "use json"),
    "labels for json": ({"task": "json", "labels": ["a", "b"]}, "use classify"),
    "fields for text": ({"fields": ["a"]}, "use extract"),
    "no schema": ({"task": "json", "schema": {"type": "nope"}}, "not a JSON Schema"),
}


@pytest.mark.parametrize("case", MISFITS)
async def test_what_does_not_fit_together_is_refused_with_what_to_do(case: str) -> None:
    given_, says = MISFITS[case]
    model = ScriptedModel([])
    with pytest.raises(UserError, match=says):
        await generate(model, **{"prompt": "text", **given_})
    assert model.count == 0


names = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)
kinds = st.sampled_from(["", ":string", ":number", ":integer", ":boolean", ":date", ":list"])


@given(st.dictionaries(names, kinds, min_size=1, max_size=5))
def test_any_fields_make_a_schema_that_takes_their_absence(fields: dict[str, str]) -> None:
    schema = fields_schema([name + kind for name, kind in fields.items()])
    structured.require_schema(schema)
    assert structured.problem(schema, dict.fromkeys(fields)) is None
    assert structured.problem(schema, {}) is not None


values = st.none() | st.integers() | st.lists(st.integers(), max_size=4)
finds = st.fixed_dictionaries({"a": values, "b": values})


@given(finds, finds)
def test_a_find_is_never_lost_by_a_later_piece(one: dict[str, Any], other: dict[str, Any]) -> None:
    both = merged(one, other)
    for name, value in one.items():
        if isinstance(value, list):
            assert both[name][: len(value)] == value
        elif value is not None:
            assert both[name] == value
        else:
            assert both[name] == other[name]
