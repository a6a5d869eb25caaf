"""Rules against the tools they are for: what can never be right is found when they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import SpecError
from remit.gate.condition import constant, names, paths, tree
from remit.gate.policy import check, shadowed, warnings
from remit.gate.rules import Rule, Rules, compile_rules
from remit.tools.decorate import tool
from remit.tools.tool import ToolContext

Json = Any


@dataclass(frozen=True)
class Said:
    """What a tool says of itself."""

    schema: Mapping[str, Json]
    effect: str = "destroy"
    sinks: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, Json] = field(default_factory=dict)


def taking(required: Mapping[str, Json], **more: Json) -> Said:
    schema = {"type": "object", "properties": dict(required), "additionalProperties": False}
    return Said(schema, **more)


ITEM = {"type": "object", "properties": {"price": {"type": "number"}}, "additionalProperties": False}
TOOLS = {
    "refund": taking(
        {
            "amount": {"type": "number"},
            "to": {"type": "string"},
            "reason": {"enum": ["late", "broken"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        },
        sinks={"to": "email"},
        records={"order": None},
    ),
    "ship": taking({"order": {"type": "string"}, "express": {"type": "boolean"}}, effect="egress"),
    "look": taking({"order": {"type": "string"}}, effect="read"),
}
TOOLS["refund"] = Said(
    {**TOOLS["refund"].schema, "$defs": {"Item": ITEM}}, "destroy", {"to": "email"}, {"order": None}
)


def compiled(*rules: Rule) -> Rules:
    return compile_rules(rules, ["order"], TOOLS)


def on(condition: str, tool: str = "refund", decision: str = "allow") -> Rules:
    return compiled(Rule((tool,), decision, condition))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("args.amuont <= 50.0", "refund has no argument 'amuont'; did you mean 'amount'?"),
        ("has(args.amuont)", "did you mean 'amount'?"),
        ("args['amuont'] == 1", "did you mean 'amount'?"),
        ("'amuont' in args", "did you mean 'amount'?"),
        ("args.items.all(i, args.amuont > i.price)", "did you mean 'amount'?"),
        ("args.items[0].prize > 3.0", "args.items.[] has no field 'prize'; did you mean 'price'?"),
        ("person.mail == args.to", "person has no field 'mail'; did you mean 'email'?"),
        ("run.untrustd", "run has no field 'untrustd'; did you mean 'untrusted'?"),
        ("evidence.too == 'grant'", "refund has no argument 'too'; did you mean 'to'?"),
        ("args.amount <= '50'", "args.amount is a number, and is compared with '50', a string"),
        ("'50' == args.amount", "args.amount is a number"),
        ("args.amount in [1, 'two']", "compared with 'two'"),
        ("args.to == 5", "args.to is a string, and is compared with 5, a number"),
        ("person.verified == 'yes'", "person.verified is a boolean"),
        ("run.counts.refund == '1'", "run.counts.refund is an integer"),
        ("args.amount == null", "whether it is given is asked by has(args.amount)"),
        ("args.amount.startsWith('5')", "args.amount is a number, and startsWith() asks a string"),
        ("args.reason == 'brokn'", "args.reason is never 'brokn'; did you mean 'broken'?"),
        ("args.reason in ['late', 'lost']", "args.reason is never 'lost'"),
        ("false", "can never hold"),
        ("args.amount > 5.0 && 1 > 2", "can never hold"),
        ("!true || (false && run.untrusted)", "can never hold"),
    ],
)
def test_what_can_never_be_meant_is_an_error_with_the_rules_number(condition: str, said: str) -> None:
    rules = compiled(Rule(("refund",), "deny", "args.amount > 1000"), Rule(("refund",), "allow", condition))
    with pytest.raises(SpecError) as error:
        check(rules, TOOLS)
    assert str(error.value).startswith(f"rule 2 (allow refund if {condition}): ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "args.amount <= 50",
        "args.amount <= 50.5 && args.to == person.email",
        "args.note == null || args.note == 'x'",
        "args.items.all(item, item.price < 3 && item.weight < 3)",
        "args.to == 'args.amuont and person.mail' || args.to.matches('run.foo')",
        "args.reason in ['late', 'broken'] && inputs.anything.at.all == 3",
        "order.user == person.id && order.any.field",
        "!('refund' in run.counts) || run.counts['refund'] < 2",
        "run.counts.refund == 0 && has(args.note)",
        "evidence.to == 'grant'",
        "[1, 2].exists(args, args == 2) || run.untrusted",
    ],
)
def test_what_may_be_meant_is_no_error(condition: str) -> None:
    check(on(condition), TOOLS)


def test_a_name_that_one_of_a_rules_tools_has_is_a_warning_for_the_others_unless_it_is_asked_for() -> None:
    allow = Rule(("*",), "allow", "args.amount <= 50.0")
    check(compiled(allow), TOOLS)
    assert warnings(compiled(allow), TOOLS) == [
        "rule 1 (allow * if args.amount <= 50.0): 'amount' is not an argument of ship, look: it is passed over there"
    ]
    deny = Rule(("*",), "deny", "args.amount > 50.0")
    assert "it holds there, whatever the call is" in warnings(compiled(deny, allow), TOOLS)[0]
    asked = Rule(("*",), "allow", "!has(args.amount) || args.amount <= 50.0")
    assert warnings(compiled(asked), TOOLS) == []


def test_a_record_that_none_of_the_rules_tools_offers_is_an_error() -> None:
    with pytest.raises(SpecError, match=r"rule 1 .*: ship has no record 'order'$"):
        check(on("order.user == person.id", "ship"), TOOLS)


def test_an_argument_that_is_no_sink_has_no_evidence() -> None:
    said = warnings(on("evidence.amount == 'grant'"), TOOLS)
    assert said[0].endswith("'amount' is not a sink, with evidence, of refund: it is passed over there")


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ((Rule(("*",), "allow", "true"), Rule(("ship",), "deny", "run.untrusted")), [(2, 1)]),
        ((Rule(("ship",), "deny", "1 < 2"), Rule(("ship",), "allow", "true")), [(2, 1)]),
        ((Rule(("ship",), "deny", "true || args.express"), Rule(("s*", "look"), "allow", "true")), []),
        (
            (
                Rule(("ship",), "deny", "true"),
                Rule(("look",), "allow", "true"),
                Rule(("ship", "look"), "ask", "true"),
            ),
            [(3, 2)],
        ),
        ((Rule(("ship",), "deny", "args.express"), Rule(("ship",), "allow", "true")), []),
    ],
)
def test_a_rule_is_shadowed_where_earlier_ones_decide_for_all_its_tools(
    rules: tuple[Rule, ...], found: list[tuple[int, int]]
) -> None:
    assert list(shadowed(compiled(*rules), TOOLS)) == found
    if found:
        with pytest.raises(
            SpecError, match=f"rule {found[0][0]} .*is never reached, since rule {found[0][1]} "
        ):
            check(compiled(*rules), TOOLS)


def test_what_is_inherited_neither_shadows_nor_is_checked_against_tools_it_was_not_written_for() -> None:
    inherited = Rule(("*",), "ask", "true"), Rule(("*",), "deny", "has(args.amuont) && args.amuont > 3")
    own = Rule(("ship",), "allow", "true")
    check(compiled(*inherited, own), TOOLS, inherited=2)
    with pytest.raises(SpecError, match="rule 1 "):
        check(compiled(*inherited, Rule(("ship",), "allow", "args.expres")), TOOLS, inherited=2)


def test_an_effect_without_a_rule_is_a_warning_that_says_what_becomes_of_it() -> None:
    rules = compiled(Rule(("refund",), "deny", "args.amount > 9000"), Rule(("look",), "allow", "true"))
    assert warnings(rules, TOOLS, "act") == [
        "refund (destroy): rules only deny it; whenever none does, it is denied",
        "ship (egress): no rule speaks of it, so that it is always denied",
    ]
    assert "always asked about" in warnings(rules, TOOLS, "ask")[-1]


def test_a_tool_as_it_is_declared_in_python_is_checked_by_its_schema() -> None:
    @tool(effect="destroy", sinks={"to": "email"})
    async def pay(context: ToolContext, to: str, amount: float, memo: str | None = None) -> str:
        """Pay somebody."""
        return "paid"

    said = {"pay": pay}
    check(compile_rules([Rule(("pay",), "allow", "args.memo == null && args.amount < 5.0")], (), said), said)
    with pytest.raises(SpecError, match="did you mean 'amount'"):
        check(compile_rules([Rule(("pay",), "allow", "args.amounts < 5.0")], (), said), said)


def test_a_rule_asks_only_about_the_records_that_stand_in_it_as_names() -> None:
    assert not on("args.to == 'order'").asks_about("refund", "order")
    assert on("order.user == person.id").asks_about("refund", "order")
    assert on("evidence.to == 'record'").asks_about("refund", "order")


CEL = cel.NewEnv(
    variables={n: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for n in ("args", "run")}
    | {"held": cel.Type.BOOL}
)
words = st.text(st.characters(codec="utf-8", exclude_characters="\\\"'\n\r\x00"), max_size=6)


@given(words, words.filter(str.strip))
def test_a_lookup_is_found_whatever_the_strings_beside_it_say(text: str, key: str) -> None:
    found = tree(CEL.compile(f'args["{key}"] == "{text}" || \'args.{text}\' == run.x').serialize())
    assert [p for p, _ in paths(found)] == [("args", key), ("run", "x")]
    assert names(found) == {"args", "run"}


bools = st.recursive(
    st.sampled_from(["true", "false", "1 < 2", "2.5 <= 1.5", "'a' == 'b'", "-3 != -3", "held"]),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=8,
)


@given(bools)
def test_what_is_said_to_be_constant_is_so_whatever_the_facts_are(condition: str) -> None:
    program = CEL.compile(condition)
    said = constant(tree(program.serialize()))
    for held in (True, False):
        if said is not None:
            assert program.eval(data={"held": held}).plain_value() is said
    if "held" not in condition:
        assert said is not None
