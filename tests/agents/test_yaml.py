"""What people write is read, or refused with its line: never a traceback, never more work than the file is worth."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.agents.load import load_agent, parse_agent
from remit.agents.yaml import DEEPEST, LONGEST, plain, read
from remit.errors import SpecError
from remit.examples import load_examples

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
BROKEN = [
    (BOMB, "broken YAML: there are more than 100,000 values"),
    ("name: a\ninputs: &a\n  deep: [*a]", r"agent:3: broken YAML: \*a stands within itself"),
    ("&a [*a]", "stands within itself"),
    ("name: " + "[" * 2_000, f"more than {DEEPEST} lists and mappings stand in each other"),
    ("name:\n" + "".join(" " * n + "a:\n" for n in range(1, 200)), "stand in each other"),
    ("- " * 500, "stand in each other"),
    ("name: " + "a" * LONGEST, "are the most that is read"),
    ("name: !!python/object/apply:os.system [true]", "agent:1: broken YAML: the tag .*os.system is not used"),
    ("name: a\ntools: !!int x", "agent:2: broken YAML: the tag tag:yaml.org,2002:int is not used here"),
    ("name: !!bool x", "the tag"),
    ("name: !!omap 3", "the tag"),
    ("%TAG ! tag:yaml.org,2002:\n---\nname: !float x", "the tag"),
    ("name: 2020-99-99", "broken YAML: month must be in"),
    (f"name: {'9' * 5_000}", "broken YAML: Exceeds the limit"),
    ("name: a\nname: b", "agent:2: broken YAML: found duplicate key"),
    ("name: a\0b", "broken YAML: special characters are not allowed"),
    ("name: a\n---\nname: b", "another document"),
    (
        "name: a\nremit: {budget: {wall: 99999999999999999999d}}",
        "agent:2: remit.budget.wall: .*hundred years",
    ),
    ('name: "\\uD800"', "agent:1: name: "),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_yaml_that_no_person_means_is_refused_and_says_why(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=said):
        parse_agent(text)
    file = tmp_path / "agent.policy.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError):
        load_examples(file)


def test_what_an_alias_stands_for_is_counted_however_it_is_nested() -> None:
    shared = f"x: &x [{', '.join('1' * 1_000)}]\n"
    assert len(plain(read(f"{shared}all: [{', '.join(['*x'] * 90)}]", "f"))["all"]) == 90
    for text in (f"{shared}all: [{', '.join(['*x'] * 101)}]", f"{shared}y: &y [{'*x, ' * 60}]\nz: [*y, *y]"):
        with pytest.raises(SpecError, match="what aliases stand for included"):
            read(text, "f")


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
def test_an_alias_stands_for_what_its_anchor_last_named() -> None:
    assert plain(read("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x", "f")) == {
        "a": [1, 2],
        "b": [1, 2],
        "c": 3,
        "d": 3,
    }


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_json_is_read_as_what_it_says(value: Any) -> None:
    assert plain(read(json.dumps(value, ensure_ascii=False), "f")) == value


KEYS = ["name", "description", "instructions", "model", "tools", "remit", "budget", "money", "wall", "rules", "tool", "allow",
        "ask", "deny", "by", "persons", "expires", "escalate", "limits", "checks", "team", "grant", "guardian", "output",
        "inputs", "given", "examples", "args", "expect", "records", "person", "sums", "counts", "autonomy"]  # fmt: skip
pieces = st.sampled_from(
    [f"{key}: " for key in KEYS]
    + ["\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ",", "? ", ": ", "&a ", "*a", "<<: ", "!!int ", "!x ", '"', "'", "|", ">-",
       "# ", "---\n", "...\n", "%YAML 1.1\n", "~", "null", "true", "act", "goal", ".nan", ".inf", "1e999", "0x1f", "-1", "9" * 40, "2020-01-01",
       "12:30:45", "a", "pay", "*", "allow", "\t", "\ufeff", "\u2028", "\\uD800", "é", "\x85", "group:x", "10m", "1/s"]
)  # fmt: skip
texts = st.lists(pieces, max_size=30).map("".join)


@settings(max_examples=200)
@given(texts | st.text(max_size=40))
def test_any_text_is_an_agent_or_a_mistake_that_is_told(text: str) -> None:
    for whole in (text, f"name: a\n{text}"):
        with contextlib.suppress(SpecError):
            assert parse_agent(whole).name


@settings(max_examples=100)
@given(text=texts)
def test_any_file_of_examples_is_read_or_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.policy.yaml"
    for whole in (text, f"examples:\n  - {text}"):
        file.write_text(whole, encoding="utf-8", newline="")
        with contextlib.suppress(SpecError):
            assert all(example.expect for example in load_examples(file))


@settings(max_examples=50)
@given(data=st.binary(max_size=60))
def test_a_file_of_any_bytes_is_read_or_refused(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(data)
    with pytest.raises(SpecError):
        load_agent(file)


def test_a_list_of_mappings_as_a_key_is_told() -> None:
    with pytest.raises(SpecError, match="a key is a list"):
        read("? [{name: }]\n: 1\n", "a.yaml")
