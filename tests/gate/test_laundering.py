"""No way of passing a stranger's value on makes it better: by another spelling, through tools whose word counts, children,
notes, references, and back again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.gate.fields import REST, TRUSTED, labelled
from remit.gate.judge import judge, vouch
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rules
from remit.journal.refs import Pointer

VALUES = {
    "email": ("eve@evil.example", ["eve@evil.example", "EVE@Evil.example", "Eve <eve@evil.example>", "mailto:eve@evil.example", " eve@evil.example\n"]),
    "url": ("https://evil.example/a", ["https://evil.example/a", "HTTPS://EVIL.example/a", "https://evil.example:443/b/../a", "https://evil.example/%61"]),
    "account": ("DE89370400440532013000", ["DE89370400440532013000", "de89 3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00"]),
    "phone": ("+49301234567", ["+49301234567", "0049 30 1234567", "tel:+49-30-1234567", "+49 (0)30 123-45-67"]),
    "id:order": ("W77", ["W77", "#w77", " w77 "]),
    "path": ("in/evil.txt", ["in/evil.txt", "./in//evil.txt", "in/x/../evil.txt"]),
    "amount": ("4711 EUR", ["4711 EUR", "€4,711.00", "4.711,00 €", "4711 euros"]),
}  # fmt: skip
WRAPS = [
    lambda value: value,
    lambda value: [value],
    lambda value: {"to": value},
    lambda value: {value: 1},
    lambda value: {"rows": [{"id": 1, "by": value}, {"id": 2, "by": "bob@b.example"}]},
    lambda value: f"Say it to {value}, please.",
    lambda value: [["x", [value]]],
]
SOURCES = ["trusted", "mixed", "untrusted", "own"]  # whose word the result of a call is


@st.composite
def ways(draw: st.DrawFn) -> tuple[str, Known, list[str]]:
    """A run in which a stranger's value was read first, and then passed on and on."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    spelled = st.sampled_from(VALUES[kind][1])
    wrap = st.sampled_from(WRAPS)
    known = Known()
    known.learn(draw(wrap)(draw(spelled)), False, "a page", {"url": "https://x.example/"}, {}, "1.1")
    numbers = ["1.1"]
    for step in range(draw(st.integers(1, 4))):
        number, source = f"{step + 2}.1", draw(st.sampled_from(SOURCES))
        # By a reference the call holds the value itself, so that is the same as to write it.
        told = {"q": draw(wrap)(draw(spelled))}
        fields = {"*": "system", "note": "untrusted"} if source == "mixed" else {}
        result = draw(wrap)(draw(spelled))
        known.learn(result, source == "trusted", f"a {source} tool", told, fields, number)
        numbers.append(number)
    return kind, known, numbers


@settings(max_examples=150)
@given(ways())
def test_what_a_stranger_said_stays_a_strangers_however_it_is_passed_on(
    way: tuple[str, Known, list[str]],
) -> None:
    kind, known, numbers = way
    facts = Facts(autonomy="act", tools={"send"}, goal="Please see to it", known=known)
    for spelling in VALUES[kind][1]:
        assert vouch(spelling, facts, kind) == "unvouched"
        assert vouch([spelling, {"a": spelling}], facts, kind) == "unvouched"
        for refs in ({}, *({"to": (Pointer(number, ()),)} for number in numbers)):
            call = Proposal("send", {"to": spelling}, "egress", {"to": kind}, refs=refs)
            assert judge(call, facts, Rules()).evidence == {"to": "unvouched"}


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_what_a_trusted_source_says_of_itself_vouches_whatever_strangers_say_too(kind: str) -> None:
    known, value = Known(), VALUES[kind][0]
    known.learn({"from": value}, False, "a page", None, {}, "1.1")
    known.learn({"rows": [value]}, True, "the directory", {"q": "all"}, {}, "1.2")
    facts = Facts(goal="Please see to it", known=known)
    assert [vouch(spelling, facts, kind) for spelling in VALUES[kind][1]] == ["directory"] * len(
        VALUES[kind][1]
    )


trees = st.recursive(
    st.sampled_from(["a", 1, None]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["note", "by", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
paths = st.dictionaries(
    st.sampled_from(["*", "note", "by", "note.x", "note[]", "[].by", "*.x", "by[].note"]),
    st.sampled_from(["untrusted", "person", "system"]),
    max_size=4,
)


@given(trees, paths, paths)
def test_to_declare_less_of_a_result_makes_no_part_of_it_better(
    tree: Any, fields: dict[str, str], more: dict[str, str]
) -> None:
    both = {path: says for path, says in {**more, **fields}.items() if path != REST} | {
        REST: fields.get(REST, "untrusted")
    }
    one, other = list(labelled(tree, fields)), list(labelled(tree, both))
    assert [leaf for leaf, _ in one] == [leaf for leaf, _ in other]
    spoken = {REST: "untrusted", **{path: says for path, says in fields.items() if path != REST}}
    for (_, full), (_, bare) in zip(one, labelled(tree, spoken), strict=True):
        assert not (bare in TRUSTED and full not in TRUSTED)
