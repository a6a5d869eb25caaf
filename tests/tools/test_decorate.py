from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from remit.errors import Mend, ToolFault
from remit.tools import Settle, Tool, ToolContext, tool
from remit.tools.call import call


@dataclass
class Line:
    product: str
    quantity: int = 1


class Address(BaseModel):
    city: str
    zip: str | None = None


@tool(effect="destroy", sinks={"email": "email"}, settle="key", timeout=5)
async def send_order(
    context: ToolContext,
    email: str,
    lines: list[Line],
    to: Address,
    kind: Literal["gift", "sale"] = "sale",
    discount: Annotated[Decimal, Field(ge=0, le=50)] = Decimal(0),
    schema: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Send an order.

    Several lines may be given at once.

    Args:
        email: Who gets it,
            as the person wrote it.
        lines: What is sent.

    Returns:
        What was sent.
    """
    return {"first": lines[0], "city": to.city, "discount": discount, "key": context.key, "schema": schema}


def test_the_schema_comes_from_the_hints_and_the_words_from_the_docstring() -> None:
    assert send_order.name == "send_order"
    assert send_order.description == "Send an order.\n\nSeveral lines may be given at once."
    schema = send_order.schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["email", "lines", "to"]
    assert list(schema["properties"]) == ["email", "lines", "to", "kind", "discount", "schema"]
    assert schema["properties"]["email"] == {
        "description": "Who gets it, as the person wrote it.",
        "type": "string",
    }
    assert schema["properties"]["kind"]["enum"] == ["gift", "sale"]
    assert schema["properties"]["kind"]["default"] == "sale"
    assert "Line" in schema["$defs"]
    assert "title" not in str(schema)


def test_what_is_declared_is_kept_and_what_is_not_is_the_worst() -> None:
    @tool
    def plain() -> None:
        """Does something."""

    assert (send_order.effect, send_order.sinks) == ("destroy", {"email": "email"})
    assert (send_order.settle, send_order.timeout) == (Settle("key"), 5.0)
    assert (plain.effect, plain.integrity, plain.settle.how) == ("destroy", "untrusted", "ask")
    assert plain.schema["properties"] == {}


async def test_the_function_gets_real_types_and_the_context(context: ToolContext) -> None:
    args = {"email": "a@b.example", "lines": [{"product": "tea"}], "to": {"city": "Bern"}, "discount": "2.5"}
    outcome = await call(send_order, context, args)
    assert outcome.status == "ok"
    assert outcome.result == {
        "first": {"product": "tea", "quantity": 1},
        "city": "Bern",
        "discount": 2.5,
        "key": "key-1",
        "schema": None,
    }


def test_valid_arguments_are_canonical_with_defaults_and_validating_twice_changes_nothing() -> None:
    assert send_order.validate is not None
    once = send_order.validate(
        {"email": "a@b.example", "lines": [{"product": "tea"}], "to": {"city": "Bern"}}
    )
    assert once["kind"] == "sale"
    assert once["lines"] == [{"product": "tea", "quantity": 1}]
    assert send_order.validate(once) == once


def test_wrong_arguments_are_all_listed_with_the_nearest_name() -> None:
    assert send_order.validate is not None
    with pytest.raises(Mend) as caught:
        send_order.validate({"emial": "a@b.example", "lines": [{"quantity": "many"}], "to": {"city": "x"}})
    said = str(caught.value)
    assert "- email: required, but missing" in said
    assert "- emial: unknown argument; did you mean 'email'?" in said
    assert "- lines.0.product: required, but missing" in said
    assert "not 'many'" in said


@pytest.mark.parametrize("args", [[], "text", None, 3, {1: 2}])
def test_arguments_of_any_shape_are_answered_not_raised(args: Any) -> None:
    assert send_order.validate is not None
    with pytest.raises(Mend, match="wrong arguments for send_order"):
        send_order.validate(args)


async def test_a_sync_function_runs_in_a_thread_of_its_own(context: ToolContext) -> None:
    @tool(effect="read")
    def where() -> str:
        return threading.current_thread().name

    assert (await call(where, context, {})).result == "remit-tool"


async def no_find(context: ToolContext, args: Any) -> None: ...


@dataclass
class Message:
    sender: str
    text: str | None = None


def listed() -> list[Message]:
    return []


class Mailbox(BaseModel):
    messages: list[Message] = []


def mailbox() -> Mailbox:
    return Mailbox()


def anything() -> dict[str, Any]:
    return {}


def _faulty() -> list[tuple[str, Any, dict[str, Any]]]:
    def unannotated(a) -> None: ...  # type: ignore[no-untyped-def]

    def fine(a: int) -> None: ...

    def star(*many: int) -> None: ...

    def late(a: int, context: ToolContext) -> None: ...

    def odd(a: threading.Lock) -> None: ...

    def wrong_default(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    def unresolved(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    def misdescribed(a: int) -> None:
        """Do.

        Args:
            b: There is no such thing.
        """

    def generator(a: int) -> Any:
        yield a

    return [
        ("no type annotation", unannotated, {}),
        ("has no name", star, {}),
        ("must be the first", late, {}),
        ("no JSON form", odd, {}),
        ("default of 'a'", wrong_default, {}),
        ("cannot be resolved", unresolved, {}),
        ("describes 'b'", misdescribed, {}),
        ("cannot yield", generator, {}),
        ("sink 'email' is not an argument", fine, {"sinks": {"email": "email"}}),
        ("needs `find`", fine, {"settle": Settle("lookup")}),
        ("settle 'maybe'", fine, {"settle": "maybe"}),
        ("effect 'writes'", fine, {"effect": "writes"}),
        ("integrity 'good'", fine, {"integrity": "good"}),
        ("integrity of 'a': 'good'", fine, {"integrity": {"a": "good"}}),
        (r"'a\[0\]' is no path of fields", fine, {"integrity": {"a[0]": "system"}}),
        ("'a.b' cannot be system", fine, {"integrity": {"a": "untrusted", "a.b": "system"}}),
        ("no 'sendr' there; there is sender, text", mailbox, {"integrity": {"messages[].sendr": "system"}}),
        ("no 'messages' there; there is only array", listed, {"integrity": {"messages": "system"}}),
        (r"no '\[\]' there; there is only string", listed, {"integrity": {"[].sender[]": "system"}}),
        ("tool name '1st'", fine, {"name": "1st"}),
        ("tool name", fine, {"name": "a" * 65}),
        ("timeout 0.0", fine, {"timeout": 0}),
        ("record 'order'", fine, {"records": {"order": lambda context, args: None}}),
    ]


@pytest.mark.parametrize(
    ("said", "function", "declared"), _faulty(), ids=lambda part: getattr(part, "__name__", str(part)[:30])
)
def test_a_declaration_that_cannot_be_right_fails_when_it_is_made(
    said: str, function: Any, declared: dict[str, Any]
) -> None:
    with pytest.raises(ToolFault, match=said):
        tool(**declared)(function)


def test_a_lookup_with_find_is_fine() -> None:
    made: Tool = tool(settle=Settle("lookup", no_find), effect="destroy")(pay)
    assert made.settle.find is no_find


def pay(a: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "declared", "whole", "fields"),
    [
        (listed, {"[].sender": "system"}, "untrusted", True),
        (listed, {"*": "system", "[].text": "person"}, "person", True),
        (listed, {"*": "system"}, "system", False),
        (listed, {"[]": "untrusted"}, "untrusted", False),
        (listed, {"[].*": "person"}, "untrusted", True),
        (mailbox, {"messages[].sender": "system"}, "untrusted", True),
        (anything, {"*": "system", "a.b[].c": "untrusted"}, "untrusted", True),
    ],
)
def test_a_result_is_as_good_as_its_worst_field_and_keeps_fields_only_where_they_differ(
    function: Any, declared: dict[str, Any], whole: str, fields: bool
) -> None:
    made = tool(effect="read", integrity=declared)(function)
    assert (made.integrity, made.fields) == (whole, declared if fields else {})
