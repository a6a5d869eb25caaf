"""What another system says, as rows of the graph: by pointers, constants and CEL, nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remit.errors import SpecError
from remit.graph.rows import Interaction, Wrong, read
from remit.intake.mapping import NOTHING, Came, at, rows_of
from remit.intake.spec import Intake, intake_of, read_intake

Json = Any
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDER: dict[str, Json] = {
    "type": "order.paid",
    "data": {"number": 17, "cents": 1250, "created": 1_795_000_000, "customer": {"email": "Ann@Shop.example", "no": "C1"}},
}  # fmt: skip
PAID = {
    "webhook": "standard",
    "when": "event.type in ['order.paid', 'order.refunded']",
    "verified": ["customer"],
    "row": {
        "id": "/data/number",
        "at": "/data/created",
        "kind": {"cel": "{'order.paid': 'purchase', 'order.refunded': 'refund'}[event.type]"},
        "channel": "store",
        "email": "/data/customer/email",
        "customer": "/data/customer/no",
        "phone": "/data/customer/phone",
        "value": {"cel": "double(event.data.cents) / 100.0"},
        "currency": "EUR",
        "properties": {"number": "/data/number", "of": "/data/nothing"},
    },
}


def rows(spec: Json, body: Json, key: str = "msg_1") -> list[Json]:
    return [row for _, row in rows_of(intake_of("orders", spec), Came(body, key, NOW))]


def test_an_event_becomes_a_row_and_what_is_not_there_is_left_out() -> None:
    (row,) = rows(PAID, ORDER)
    made = read(row, "orders", datetime(2027, 1, 1, tzinfo=UTC), frozenset(["customer"]))
    assert isinstance(made, Interaction)
    assert (made.event, made.kind, str(made.value), made.currency) == ("17", "purchase", "12.5", "EUR")
    assert made.at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert [(one.key, one.verified) for one in made.whom] == [
        (("customer", "C1"), True),
        (("email", "ann@shop.example"), False),
    ]
    assert made.properties == {"number": 17}


def test_events_that_concern_nobody_are_passed_over_and_a_list_is_taken_apart() -> None:
    assert rows(PAID, {"type": "order.viewed"}) == []
    many = {"webhook": "hmac", "each": "/events", "row": {"kind": "visit", "email": "/who"}}
    found = rows(many, {"events": [{"who": "ann@x.example"}, {"who": "bo@x.example"}]}, "k")
    assert [(row["id"], row["email"]) for row in found] == [("k#0", "ann@x.example"), ("k#1", "bo@x.example")]
    assert rows(many, {"events": []}) == []


def test_what_cannot_be_worked_out_is_said_and_its_event_kept() -> None:
    (wrong,) = rows(PAID, {"type": "order.paid", "data": {}})
    assert isinstance(wrong, Wrong)
    assert (wrong.why, wrong.text) == (
        'value: could not be worked out: Key not found in map : "cents"',
        '{"type":"order.paid","data":{}}',
    )
    (wrong,) = rows(PAID, {"data": 1})
    assert wrong.why.startswith("when: could not be worked out")
    (wrong,) = rows({"webhook": "hmac", "when": "event.x", "row": {"kind": "visit"}}, {"x": 3})
    assert wrong.why == "when: is no yes or no"
    (wrong,) = rows({"webhook": "hmac", "each": "/x", "row": {"kind": "visit"}}, {"x": 3})
    assert (wrong.field, wrong.why) == ("each", "there is no list at /x")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_sent_something_is_said_of_it(body: Json) -> None:
    for row in rows(PAID | {"when": ""}, body):
        assert isinstance(row, Wrong) or row["kind"] in ("purchase", "refund")


@given(st.lists(st.text(), min_size=1, max_size=4), st.integers())
def test_a_pointer_finds_what_lies_where_it_says(steps: list[str], leaf: int) -> None:
    body: Json = leaf
    for step in reversed(steps):
        body = {step: body}
    where = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    assert at(body, where) == leaf
    assert at({"a": [1, {"b": 2}]}, "/a/1/b") == 2
    assert at({"a": [1]}, "/a/1") is NOTHING


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"row": {"kind": "visit", "emial": "/x"}}, "did you mean email?"),
        ({"row": {"kind": "visit", "source": "x"}}, "no field 'source' to be filled"),
        ({"row": {"email": "/x"}}, "give it a kind"),
        ({"row": {"kind": {"cel": "event."}}}, "cannot be read"),
        ({"row": {"kind": "visit", "email": {"x": "/y"}}}, "email"),
        ({"row": {"kind": "visit", "properties": "/x"}}, "properties has fields of its own"),
        ({"each": "items"}, "is no JSON pointer"),
        ({"when": "event ="}, "cannot be read"),
        ({"webhook": None}, "either `webhook`"),
        ({"cursor": "id"}, "a webhook has no cursor"),
        ({"verified": ["E Mail"]}, "is no kind of identifier"),
        ({"name": "Orders!"}, "is no name"),
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"webhook": None, "database": "shop"}, "say which query"),
        ({"webhook": None, "database": "shop", "query": "select 1", "cursor": "at"}, "row.id"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_where_it_is(changed: Json, said: str) -> None:
    spec = {"name": "orders", "webhook": "hmac", "row": {"kind": "visit", "email": "/x"}}
    with pytest.raises(ValidationError, match=said.replace("?", r"\?").replace(".", r"\.")):
        Intake.model_validate(spec | changed)


def test_a_mistake_in_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text("name: orders\nwebhook: hmac\nrow:\n  kind: visit\nevry: 5\n")
    with pytest.raises(SpecError, match="evry") as caught:
        read_intake(file)
    assert caught.value.line == 5
