"""Records of one person are found without anything that identifies them, and it is said why."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.graph.match import DOUBTFUL, FEWEST, STRONG, Pair, match
from remit.graph.records import ROLES, Record, read, record, spelled, told

FAKE = Path(__file__).parent / "data" / "fake_1000.csv"


@pytest.fixture(scope="module")
def people() -> dict[str, str]:
    """Record to person, as it truly is."""
    table = read(FAKE, id="unique_id")
    return {one.id: row["cluster"] for one, row in zip(table.records, table.rows, strict=True)}


@pytest.fixture(scope="module")
def found() -> list[Pair]:
    return match(read(FAKE, id="unique_id").records)


def test_of_a_thousand_records_full_of_errors_nearly_all_pairs_are_found_and_none_is_wrong(
    people: Mapping[str, str], found: list[Pair]
) -> None:
    true = {(a, b) for a, b in combinations(sorted(people), 2) if people[a] == people[b]}
    sure = {(min(p.left, p.right), max(p.left, p.right)) for p in found if p.probability >= STRONG}
    precision, recall = len(sure & true) / len(sure), len(sure & true) / len(true)
    assert precision > 0.999
    assert 2 * precision * recall / (precision + recall) >= 0.93


def test_likeliest_come_first_and_what_is_less_than_doubtful_is_left_out(found: list[Pair]) -> None:
    chances = [pair.probability for pair in found]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] >= DOUBTFUL


def test_a_pair_says_what_the_two_have_and_have_not_in_common(found: list[Pair]) -> None:
    """Records 0 and 2: Julia, and Julia Taylor; a birthday months later, the same address and city."""
    (pair,) = (one for one in found if {one.left, one.right} == {"0", "2"})
    bits = {reason.words: reason.bits for reason in pair.reasons}
    assert set(bits) == {"one name in common", "born within a year", "same address", "same city"}
    assert bits["same address"] > bits["same city"] > 0  # a fifth of them live in London


def test_names_that_were_swapped_are_the_same_names(found: list[Pair]) -> None:
    """Records 5 and 6: Noah Watson, Watson Noah."""
    (pair,) = (one for one in found if {one.left, one.right} == {"5", "6"})
    assert "same name, in either order" in [reason.words for reason in pair.reasons]


def test_records_of_two_sources_are_compared_across_only() -> None:
    records = read(FAKE, id="unique_id").records
    split = [Record(one.id, one.values, "crm" if int(one.id) % 2 else "shop") for one in records]
    assert all((int(pair.left) + int(pair.right)) % 2 for pair in match(split))


def test_too_few_records_are_refused_with_how_many_it_takes() -> None:
    with pytest.raises(UserError, match=rf"3 records are too few .* takes {FEWEST}"):
        match([record(str(n), {"email": "a@b.example"}, told(["email"])) for n in range(3)])


def test_records_that_say_too_little_are_refused_with_what_they_say() -> None:
    columns = told(["city", "email"])
    records = [
        record(str(n), {"city": f"c{n % 9}", "email": f"{n}@b.example"}, columns) for n in range(FEWEST)
    ]
    with pytest.raises(UserError, match=r"too little of whom they are: email, city\. It takes three of"):
        match(records)


def test_columns_are_known_by_what_they_are_usually_called() -> None:
    columns = told(["First Name", "family-name", "DOB", "zip", "favourite colour", "surname"])
    assert columns.roles == {
        "given_name": "First Name",
        "surname": "family-name",
        "born": "DOB",
        "postcode": "zip",
    }
    assert columns.ignored == ("favourite colour", "surname")


def test_no_name_of_a_column_says_two_things() -> None:
    names = [name for role, others in ROLES.items() for name in (role, *others)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("role", "written", "read_as"),
    [
        ("surname", "  D'Alembert-MÜLLER ", "dalembertmuller"),
        ("born", "19151111", "1915-11-11"),
        ("born", "1915/11/11", "1915-11-11"),
        ("born", "11.12.1915", ""),  # the eleventh of December, or the twelfth of November
        ("born", "19151311", ""),
        ("phone", "+49 (30) 123-45", "493012345"),
        ("email", " Ann@Example.ORG ", "ann@example.org"),
    ],
)
def test_a_value_has_one_spelling(role: str, written: str, read_as: str) -> None:
    assert spelled(role, written) == read_as


@given(role=st.sampled_from(sorted(ROLES)), value=st.text(max_size=30))
def test_a_spelling_is_its_own_spelling(role: str, value: str) -> None:
    once = spelled(role, value)
    assert spelled(role, once) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: the first line must name the columns"),
        ("email,email\n", ":1: the first line must name the columns, each once"),
        ("id,email\n1,a@b.example,more\n", ":2: 3 values, where the header has 2"),
        ("email\na@b.example\n", "there is no column 'id'. Columns: email"),
        ("id,email\n1,a@b.example\n1,c@d.example\n", "1 rows have an id that another has too"),
        (b"id,email\n\xff\n", "cannot be read as text"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_where(tmp_path: Path, text: str | bytes, said: str) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError) as refused:
        read(file, id="id")
    assert said in str(refused.value)
