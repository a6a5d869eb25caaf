"""Whatever becomes of a value inside of a run, its label is never weaker afterwards."""

from __future__ import annotations

import base64
import codecs
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remit.gate.confidentiality import Label, knows, resolved, stricter, strictest, unscoped
from remit.gate.held import Held, Secrecy
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, compile_rules
from remit.gate.spelled import forms, readings, words_of
from remit.journal.refs import Pointer

ALLOW = compile_rules([Rule(("*",), "allow", "true")])
PERSON = {"id": "eve", "email": "eve@evil.example", "verified": True}
SECRETS = {
    "swordfish": "secret",
    "P7391845": "person:id",
    "12 Elm Street, Springfield": "person:id",
    "K4455667": "own for service",  # whose it is may have it, but not for marketing
}
values = st.sampled_from(sorted(SECRETS))
SPELLINGS: list[Any] = [
    lambda text: text,
    lambda text: text.upper(),
    lambda text: " ".join(text),
    lambda text: text[::-1],
    lambda text: codecs.encode(text, "rot13"),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b32encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: base64.b64encode(codecs.encode(text, "rot13").encode()).decode(),
]
spellings = st.sampled_from(SPELLINGS)
whose = st.lists(st.sampled_from(["ann", "bob", "Bob", "eve"]), max_size=3).map(tuple)
purposes = st.none() | st.frozensets(st.sampled_from(["service", "fraud", "marketing"]))
labels = st.sampled_from(["public", "workspace", "secret"]).map(Label) | st.builds(
    Label, st.just("person"), whose, purposes
)


def leaves(known: Known, text: Any, refs: Any = ()) -> bool:
    """Whether a text may be mailed, for marketing, to a stranger who is, alas, the person for whom the run acts."""
    sinks = {"to": "email", "text": "text"}
    args = {"to": "eve@evil.example", "text": text}
    call = Proposal("send", args, "egress", sinks, refs={"text": refs} if refs else {})
    facts = Facts("act", frozenset({"send"}), PERSON, known=known, purposes=frozenset({"marketing"}))
    return judge(call, facts, ALLOW).decision == "allow"


class Paths(RuleBasedStateMachine):
    """A run whose model is in the attacker's hand carries values about."""

    def __init__(self) -> None:
        super().__init__()
        self.known, self.calls, self.files, self.computed = Known(), 0, dict[str, str](), list[str]()
        for value, says in SECRETS.items():
            self.read({"id": "bob", "it": value}, {"it": says}, trusted=True)

    def read(self, result: Any, says: Any = None, given: Any = None, **more: Any) -> str:
        self.calls += 1
        trusted = more.pop("trusted", False)
        secrecy = Secrecy(says or {}, inside=more.pop("inside", True), person=PERSON, **more)
        self.known.learn(result, trusted, "somewhere", given, call=f"{self.calls}.1", secrecy=secrecy)
        return f"{self.calls}.1"

    @rule(value=values, spell=spellings, name=st.sampled_from(["a.txt", "b/c.csv"]))
    def write(self, value: str, spell: Any, name: str) -> None:
        self.files[name] = spell(value)
        self.read({"path": name}, given={"path": name, "text": spell(value)}, wrote=True)

    @rule(name=st.sampled_from(["a.txt", "./a.txt", "b/c.csv"]))
    def read_back(self, name: str) -> None:
        text = self.files.get(name.removeprefix("./"), "")
        pointer = Pointer(self.read({"text": text}, given={"path": name}), ("text",))
        assert not text or not leaves(self.known, text, (pointer,))

    @rule(value=values, spell=spellings, says=st.sampled_from(["public", "workspace", "own", "person:id"]))
    def put_it_into_a_record_of_ones_own(self, value: str, spell: Any, says: str) -> None:
        self.read("noted", given={"text": spell(value)}, inside=False)
        self.read({"id": "eve", "note": spell(value)}, {"*": says}, given={"id": "eve"}, trusted=True)

    @rule(value=values, says=st.sampled_from(["public", "workspace", "person:id"]))
    def be_told_it_by_a_stranger(self, value: str, says: str) -> None:
        self.read({"id": "eve", "note": value}, {"*": says})

    @rule(value=values, spell=spellings)
    def compute_something_of_it(self, value: str, spell: Any) -> None:
        result = "".join(letter * 2 for letter in value) + "!!!!!!!!"
        self.computed.append(result)
        self.read({"value": result}, given={"code": f"f({spell(value)!r})"})

    @rule(value=values, spell=spellings)
    def hand_it_to_a_child_and_hear_of_it(self, value: str, spell: Any) -> None:
        held, task = self.known.held(), f"do it with {spell(value)}"
        child = Known()
        had = sorted(label.written for label in held.read)
        child.learn("", False, "the goal", task, secrecy=Secrecy(values=held.carried(task), had=had))
        assert not leaves(child, value)
        assert set(child.held().read) >= {resolved(word, {}) for word in had}
        below = child.held()
        whole = strictest(*below.read).written
        self.read({"report": task}, {"report": whole}, values=below.carried(task))

    @invariant()
    def nothing_that_was_held_may_leave(self) -> None:
        for value in SECRETS:
            for spell in SPELLINGS:
                assert not leaves(self.known, f"so: {spell(value)}")
        assert not any(leaves(self.known, one) for one in self.computed)


Paths.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestPaths = Paths.TestCase


@given(labels, labels, labels)
def test_labels_are_a_lattice_and_a_join_is_never_weaker_than_its_parts(a: Label, b: Label, c: Label) -> None:
    def same(one: Label, other: Label) -> bool:
        alike = one.word == other.word and one.purposes == other.purposes
        return alike and _within(one, other) and _within(other, one)

    assert same(strictest(a, b), strictest(b, a))
    assert same(strictest(a, strictest(b, c)), strictest(strictest(a, b), c))
    assert strictest(a, a) == a
    for one in (a, b):
        both = strictest(a, b)
        assert both.rank >= one.rank
        assert one.purposes is None or (both.purposes is not None and both.purposes <= one.purposes)
        assert both.rank > one.rank or _within(
            both, one
        )  # nobody may have it who might not have had the part


def _within(one: Label, other: Label) -> bool:
    return all(knows(other.whose, name) for name in one.whose)


@given(labels)
def test_a_label_is_read_as_it_was_written(label: Label) -> None:
    assert resolved(label.written, {}) == label


@given(
    st.lists(
        st.sampled_from(
            [
                "public",
                "workspace",
                "secret",
                "person",
                "own",
                "person:a",
                "?",
                "own for service",
                "person:a for fraud,service",
            ]
        ),
        min_size=1,
    )
)
def test_of_several_words_none_is_stricter_than_what_holds(words: list[str]) -> None:
    for holds in (resolved(stricter(*words), {}), resolved(unscoped(words), {})):
        for one in (resolved(word, {}) for word in words):
            assert one.rank <= holds.rank
            assert one.purposes is None or (holds.purposes is not None and holds.purposes <= one.purposes)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), st.booleans())
def test_every_value_is_found_again_where_it_stands(value: Any, strict: bool) -> None:
    held = Held()
    held._take(_read(value, "secret" if strict else "person"), [])
    if list(forms(value, strict)):
        assert held.within(value)
        assert held.within(f"it is {value} indeed")
        assert held.within({"a": [1, {"b": f"{value}"}]})


@given(st.text(max_size=300))
def test_looking_for_values_never_fails_whatever_the_text(text: str) -> None:
    assert readings(text)[0] == text
    assert all(words_of(one) == words_of(one) for one in readings(text))
    held = Held()
    held._take(_read("P7391845", "person"), [])
    held.within(text)


def test_no_number_of_decoys_hides_an_encoded_value() -> None:
    held = Held()
    held._take(_read("P7391845", "person"), [])
    decoys = " ".join(base64.b64encode(f"nothing here {one}".encode()).decode() for one in range(500))
    assert not held.within(decoys)
    assert held.within(f"{decoys} {base64.b64encode(b'it is P7391845').decode()}")


def _read(value: Any, says: str) -> Any:
    known = Known()
    known.learn(value, True, "x", secrecy=Secrecy({"*": says}))
    return known._reads[0]
