"""Tables of other people's making: what their columns likely are, and the rows that they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.graph.rows import Wrong
from remit.intake.columns import Laying, columns_of, format_of, guesses, laid, slug

ORDERS = """\
Order ID;Ordered at;E-Mail;Total;City;Note
o-1;2026-05-01 10:00;ann@x.example;12.50;Bonn;\"first; and\nsecond line\"
o-2;2026-05-02T10:00:00Z;bob@x.example;9;;
"""


def test_columns_are_taken_for_what_they_are_called_elsewhere() -> None:
    found = columns_of("\ufeff" + ORDERS)
    assert [one.likely for one in found] == ["id", "at", "email", "value", "properties.city", "text"]
    assert found[2].cells == ["ann@x.example", "bob@x.example"]
    assert guesses(["Full name", "e-mail", "City"]) == ["name", "email", "attributes.city"]
    assert guesses(["email", "mail", "mail"]) == ["email", "attributes.mail", ""]


@given(st.lists(st.text(max_size=12), max_size=8))
def test_no_field_is_guessed_twice_and_every_name_is_a_word(names: list[str]) -> None:
    found = [one for one in guesses(names) if one]
    assert len(found) == len(set(found))
    assert all(slug(name).replace("_", "a").isalnum() for name in names)


def test_rows_are_laid_as_it_was_settled() -> None:
    into = ["id", "at", "email", "value", "attributes.city", ""]
    laying = Laying(into, {"kind": "purchase", "currency": "EUR"}, "Europe/Berlin")
    (first, one), (second, two) = laid(ORDERS, laying)
    assert (first, second) == (3, 4)  # the line on which each ends
    assert one == {
        "id": "o-1",
        "at": "2026-05-01T10:00:00+02:00",
        "email": "ann@x.example",
        "value": "12.50",
        "attributes": {"city": "Bonn"},
        "kind": "purchase",
        "currency": "EUR",
    }
    assert two["at"] == "2026-05-02T10:00:00Z"
    assert "attributes" not in two


def test_a_row_without_a_number_is_known_again_by_all_that_it_says() -> None:
    into, always = ["email", "name"], {"kind": "record", "at": "2026-05-01T10:00:00Z", "currency": "EUR"}
    later = always | {"at": "2026-06-01T10:00:00Z"}
    table = "email,name\nann@x.example,Ann\nbob@x.example,Bob\n"
    before = [row["id"] for _, row in laid(table, Laying(into, always))]
    again = [row["id"] for _, row in laid(table, Laying(into, later))]
    assert before == again
    assert len(set(before)) == 2
    assert "currency" not in next(iter(laid(table, Laying(into, always))))[1]


def test_what_cannot_be_is_said() -> None:
    for text, why in (("", "nothing in it"), ('email\n"a', "")):
        if why:
            with pytest.raises(UserError, match=why):
                columns_of(text)
    with pytest.raises(UserError, match="no column says who"):
        list(laid("city\nBonn\n", Laying(["attributes.city"])))
    with pytest.raises(UserError, match="two columns are called"):
        list(laid("a,b\n1,2\n", Laying(["email", "email"])))
    ((_, wrong),) = laid("a,b\n1\n", Laying(["email", "name"]))
    assert isinstance(wrong, Wrong)
    with pytest.raises(UserError, match="is no table"):
        format_of("people.xlsx")
