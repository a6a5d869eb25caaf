"""JSON by a schema, wrapped for providers and checked on its way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.models import structured

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.sampled_from(["{}", "```json\n{}\n```", "  ```\n{}\n```\n", "\n{} "]))
def test_a_value_is_read_back_bare_or_fenced(value: Any, around: str) -> None:
    assert structured.parse(around.replace("{}", json.dumps(value))) == value


@given(values)
def test_wrapping_neither_admits_nor_refuses_another_value(value: Any) -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "anyOf": [{"$ref": "#/$defs/n"}, {"type": "array"}]}
    sent, wrapped = structured.wrap(schema)
    assert wrapped
    assert (structured.problem(sent, {"value": value}) is None) == (structured.problem(schema, value) is None)


def test_an_object_goes_unwrapped() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert structured.wrap(schema) == (schema, False)


def test_a_problem_says_where_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"items": {"type": "integer"}}}}
    assert structured.problem(schema, {"a": [1, "x"]}) == "at 'a/1': 'x' is not of type 'integer'"
    assert structured.problem(schema, {"a": [1]}) is None


@pytest.mark.parametrize("schema", [{"type": "strin"}, {"properties": []}, {"required": "a"}])
def test_what_is_no_schema_is_refused_with_the_place(schema: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"--schema x.json: not a JSON Schema: at "):
        structured.require_schema(schema, "--schema x.json")


def test_a_reference_that_leads_nowhere_is_the_schemas_fault() -> None:
    with pytest.raises(UserError, match="leads nowhere"):
        structured.problem({"$ref": "#/$defs/gone"}, 1)


@pytest.mark.parametrize("text", ["", "nope", "{", "NaN", "Infinity", "[1] and more"])
def test_what_is_no_json_is_not_guessed_at(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|not JSON"):
        structured.parse(text)


@pytest.mark.parametrize(
    "value",
    ["NaN", "-Infinity", "1e999", '"\\ud800"', '{"\\udfff": 1}', "9" * 3_000, "9" * 5_000, "[" * 250 + "]" * 250, "[" * 9_999 + "]" * 9_999],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_arguments_that_a_journal_could_not_keep_as_they_are_are_none(value: str) -> None:
    raw = f'{{"to": [{value}]}}'
    with pytest.raises(ValueError, match=r"not JSON|digits|stand in each other"):
        structured.parse(raw)
    assert structured.arguments(raw) == {structured.INVALID: raw}


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", {"\ud800": 1}, 10**3_000],
    ids=lambda value: type(value).__name__,
)
def test_arguments_that_a_provider_gives_read_are_looked_at_too(value: Any) -> None:
    assert list(structured.arguments({"to": value})) == [structured.INVALID]
    assert structured.arguments({"to": [1, 2.5, None, "é"]}) == {"to": [1, 2.5, None, "é"]}


def test_what_is_told_of_broken_arguments_can_be_kept() -> None:
    assert structured.arguments('{"a": "\ud800') == {structured.INVALID: '{"a": "\ufffd'}


def test_code_comes_out_of_its_fence_and_other_text_stays() -> None:
    assert structured.unfence("```python\nx = 1\n```") == "x = 1"
    assert structured.unfence("use `x` and\n```\ny\n``` too") == "use `x` and\n```\ny\n``` too"
