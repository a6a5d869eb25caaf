"""Schemas as tools bring them: right, odd and broken."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

KINDS: list[Any] = ["string", "integer", "number", "boolean", "null", "array", "object", "file", 3, []]

scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8)
names = st.text(max_size=8) | st.sampled_from(["order id", "a-b", '"', "tool", "args", "ключ"])
leaves: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([{"type": kind} for kind in KINDS]),
    st.builds(lambda values: {"enum": values}, st.lists(scalars, max_size=4)),
    st.builds(lambda value: {"const": value}, scalars),
    st.builds(
        lambda a, b: {"type": "integer", "minimum": a, "maximum": b},
        st.integers() | st.floats(),
        st.integers(),
    ),
    st.just({"type": ["string", "null"]}),
    st.just({"type": "string", "pattern": "^(?!x)[", "format": "date"}),
    st.just({"$ref": "#/$defs/Self"}),
    st.just({"$ref": "https://example.com/absent"}),
    st.just({"not": {}, "if": True}),
    st.just(True),
    st.none(),
)


def _nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(names, inner, max_size=4)
    return st.one_of(
        st.builds(
            lambda p, r, a: {
                "type": "object",
                "properties": p,
                "required": [*list(p)[:r], "absent"],
                "additionalProperties": a,
            },
            properties,
            st.integers(0, 4),
            inner,
        ),
        st.builds(
            lambda i, a, b: {"type": "array", "items": i, "minItems": a, "maxItems": b},
            inner,
            st.integers(-1, 99),
            st.integers(-1, 99),
        ),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"allOf": parts}, st.lists(inner, max_size=2)),
    )


schemas = st.recursive(leaves, _nest, max_leaves=12)
