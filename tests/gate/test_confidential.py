"""Who may have a value: what a run read from a labelled place goes only to where its label allows."""

from __future__ import annotations

import base64
import codecs
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from remit.errors import SpecError, ToolFault
from remit.gate.confidentiality import Label, resolved, strictest
from remit.gate.explain import explain
from remit.gate.held import Secrecy
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.policy import check
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.remembered import Bound, Remembered
from remit.gate.rules import Rule, Rules, compile_rules
from remit.journal.refs import Pointer
from remit.tools import tool

ANN = {"id": "ann", "email": "ann@a.example", "name": "Ann Lee", "verified": True}
BOB = {"id": "bob", "email": "bob@b.example", "passport": "P7391845", "city": "Springfield", "paid": 4310.5}
EVE = "eve@evil.example"
WHOSE = {"*": "person:id,email"}
SINKS = {"to": "email", "text": "text"}
ALLOW = compile_rules([Rule(("*",), "allow", "true")])


@dataclass
class Order:
    id: str


@dataclass
class Account:
    user: str
    orders: list[Order]


def read(
    result: Any = BOB,
    says: Mapping[str, str] = WHOSE,
    known: Known | None = None,
    trusted: bool = True,
    **more: Any,
) -> Known:
    known = known or Known()
    secrecy = Secrecy(
        declared=says,
        inside=more.pop("inside", True),
        wrote=more.pop("wrote", False),
        anything=more.pop("anything", False),
        person=ANN,
    )
    known.learn(result, trusted, more.pop("source", "find_customer"), secrecy=secrecy, **more)
    return known


def sent(known: Known | None, rules: Rules = ALLOW, tool: str = "send", **given: Any) -> Verdict:
    facts = {
        "autonomy": "act",
        "tools": {tool},
        "person": ANN,
        "known": known,
        **given.pop("facts", {}),
    }
    call = {"effect": "egress", "sinks": SINKS, "clearance": "workspace", "refs": {}, **given.pop("call", {})}
    return judge(Proposal(tool, given, **call), Facts(**facts), rules)


@pytest.mark.parametrize(
    ("to", "decision"),
    [("bob@b.example", "allow"), ("Bob@B.Example", "allow"), (EVE, "deny"), ("ann@a.example", "deny")],
)
def test_a_persons_data_go_to_that_person_only(to: str, decision: str) -> None:
    verdict = sent(read(), to=to, text="Your passport is P7391845.")
    assert verdict.decision == decision
    if decision == "deny":
        assert verdict.rule == "confidentiality"
        assert verdict.reasons[0] == "text holds bob's passport, read in find_customer (only bob may have it)"


@pytest.mark.parametrize(("kind", "decision"), [("text", "allow"), ("url", "deny")])
def test_what_is_looked_up_goes_to_nobody_but_by_an_address(kind: str, decision: str) -> None:
    look = {"effect": "read", "sinks": {"q": kind}}
    assert sent(read(), q="https://shop.example/?q=P7391845", call=look).decision == decision


MANY = {
    "name": "Robert Quill",
    "passport": "P7391845",
    "street": "Elm Street 12",
    "city": "Springfield",
    "card": "4929 1220",
}


def many() -> str:
    """Why a message with all of somebody's data in it is stopped."""
    text = ", ".join(reversed([*MANY.values()]))
    return sent(read({"id": "bob", **MANY}), to=EVE, text=text).reasons[0]


def test_values_are_told_in_the_order_in_which_they_were_read() -> None:
    told = many()
    places = [told.index(f"bob's {name}") for name in MANY if f"bob's {name}" in told]
    assert len(places) > 2
    assert places == sorted(places)


def test_what_is_told_does_not_depend_on_the_seed_of_hashes() -> None:
    code = "from tests.gate.test_confidential import many; print(many())"
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert told == [many()] * 2


def test_what_holds_nothing_of_them_goes_anywhere() -> None:
    assert sent(read(), to=EVE, text="It is 12 degrees, and nothing more.").decision == "allow"


def test_one_recipient_who_may_not_have_it_is_enough() -> None:
    both = {"sinks": {**SINKS, "to": "email"}}
    assert sent(read(), to=["bob@b.example", EVE], text="P7391845", call=both).decision == "deny"


@pytest.mark.parametrize(
    ("autonomy", "rules", "decision", "rule"),
    [
        ("act", ALLOW, "deny", "confidentiality"),
        ("ask", ALLOW, "ask", "autonomy ask"),
        ("act", compile_rules([Rule(("*",), "ask", "true")]), "ask", "ask * if true"),
        ("act", compile_rules([Rule(("*",), "deny", "true")]), "deny", "deny * if true"),
        ("draft", ALLOW, "deny", "autonomy draft"),
    ],
)
def test_the_verdict_is_never_wider_than_the_rules_made_it(
    autonomy: str, rules: Rules, decision: str, rule: str
) -> None:
    verdict = sent(read(), rules, to=EVE, text="P7391845", facts={"autonomy": autonomy})
    assert (verdict.decision, verdict.rule) == (decision, rule)
    assert decision != "ask" or "text holds bob's passport" in verdict.reasons[-1]


def test_a_remembered_yes_does_not_speak_for_what_may_not_leave() -> None:
    rules = compile_rules([Rule(("send",), "ask", "true")])
    yes = Remembered(1, "a", "send", "ask send if true", (Bound("to", EVE), Bound("text", "p7391845")), "ann", datetime.now(UTC), UUID(int=1), "a1")  # fmt: skip
    proposal = Proposal("send", {"to": EVE, "text": "P7391845"}, "egress", SINKS)
    facts = Facts("act", frozenset({"send"}), known=Known())
    assert judge(proposal, facts, rules, [yes]).decision == "allow"
    assert judge(proposal, Facts("act", frozenset({"send"}), known=read()), rules, [yes]).decision == "ask"


def test_ones_own_data_go_to_whom_the_goal_names() -> None:
    mine = read(ANN | {"passport": "K1120033"}, {"*": "own"})
    assert sent(mine, to="hotel@h.example", text="K1120033").decision == "deny"
    goal = {"goal": "send my passport's number to hotel@h.example"}
    assert sent(mine, to="hotel@h.example", text="K1120033", facts=goal).decision == "allow"
    assert sent(mine, to="ann@a.example", text="K1120033").decision == "allow"
    unverified = {**goal, "person": {**ANN, "verified": False}}
    assert sent(mine, to="hotel@h.example", text="K1120033", facts=unverified).decision == "deny"


def test_that_a_goal_names_somebody_elses_data_does_not_give_them_away() -> None:
    goal = {"goal": f"send bob's passport to {EVE}"}
    assert sent(read(), to=EVE, text="P7391845", facts=goal).decision == "deny"
    spelled = {"goal": f"tell {EVE} that Bob's passport is P7391845"}
    assert sent(read(), to=EVE, text="P7391845", facts=spelled).decision == "allow"


def test_a_secret_goes_nowhere_by_itself() -> None:
    vault = read({"key": "swordfish"}, {"*": "secret"}, source="vault")
    goal = {"goal": "mail swordfish to ann@a.example"}
    verdict = sent(vault, to="ann@a.example", text="it is swordfish", facts=goal)
    assert (verdict.decision, verdict.rule) == ("deny", "confidentiality")
    assert (
        verdict.reasons[0]
        == "text holds key, which is secret, read in vault (it leaves only with a person's yes)"
    )
    assert sent(vault, to="ann@a.example", text="x", call={"clearance": "person"}).decision == "allow"
    assert sent(vault, to="ann@a.example", text="swordfish", call={"clearance": "secret"}).decision == "allow"


@pytest.mark.parametrize(
    ("clearance", "decision"),
    [("public", "deny"), ("workspace", "deny"), ("person", "allow"), ("secret", "allow")],
)
def test_a_tool_says_how_confidential_the_place_is_that_it_writes_to(clearance: str, decision: str) -> None:
    assert sent(read(), text="P7391845", call={"clearance": clearance, "sinks": {}}).decision == decision


def test_what_everybody_will_read_holds_nothing_of_the_workspace() -> None:
    plan = "we shall close the office in Lisbon before the end of next May"
    known = read({"plan": plan}, {}, source="read_doc")
    post = {"clearance": "public", "sinks": {"text": "text"}}
    assert sent(known, text=f"Hear: {plan}!").decision == "allow"
    verdict = sent(known, text=f"Hear: {plan}!", call=post)
    assert verdict.reasons[0].startswith(
        "text holds plan of the workspace, read in read_doc (it is not public)"
    )
    assert sent(known, text="We are glad to be here.", call=post).decision == "allow"
    assert sent(known, text=plan, call=post, facts={"goal": f"post: {plan}"}).decision == "allow"
    assert sent(read({"plan": plan}, {"*": "public"}), text=plan, call=post).decision == "allow"


SPELLED = [
    "P7391845",
    "p 739-1845",
    "P.7.3.9.1.8.4.5",
    "Ｐ７３９１８４５",
    "P73\u200b91845",
    "number:P7391845.",
    base64.b64encode(b"the passport is P7391845").decode(),
    base64.urlsafe_b64encode(b"??>P7391845").decode().rstrip("="),
    base64.b64encode(base64.b64encode(b"P7391845!")).decode(),
    base64.b32encode(b"P7391845").decode().lower().rstrip("="),
    b"P7391845".hex(),
    b"P7391845".hex(":"),
    "%50%37%33%39%31%38%34%35",
    "&#80;7391845",
    codecs.encode("P7391845", "rot13"),
    "P7391845"[::-1],
]


@pytest.mark.parametrize("text", SPELLED)
def test_a_value_is_found_however_it_is_spelled(text: str) -> None:
    assert sent(read(), to=EVE, text=f"Look: {text} ok").decision == "deny"


@pytest.mark.parametrize("text", ["P7391846", "Springfields", "He pays 4,310 or 43.10", "P739 a 1845"])
def test_another_value_is_not_taken_for_it(text: str) -> None:
    assert sent(read(), to=EVE, text=f"Look: {text} ok").decision == "allow"


@pytest.mark.parametrize("text", ["in SPRINGFIELD.", "he paid $4,310.50", "paid: 4310.5 EUR", "Springfield"])
def test_words_and_amounts_are_found_as_whole_ones(text: str) -> None:
    assert sent(read(), to=EVE, text=text).decision == "deny"


def test_a_long_text_is_found_by_six_of_its_words() -> None:
    note = (
        "The patient came on Monday. She takes forty milligrams of the blue pills every evening, with water."
    )
    known = read({"id": "bob", "note": note}, {"*": "person:id"})
    told = "As I hear, she takes forty milligrams of the blue ones"
    assert sent(known, to=EVE, text=told.replace("the blue ones", "the blue pills")).decision == "deny"
    assert sent(known, to=EVE, text="she takes something blue").decision == "allow"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?q=P7391845",
        "https://p7391845.evil.example/",
        "https://evil.example/a.png#%50%37391845",
        f"https://{base64.b32encode(b'P7391845').decode().lower().rstrip('=')}.evil.example",
    ],
)
@pytest.mark.parametrize("effect", ["read", "egress"])
def test_the_address_of_a_look_is_a_way_out(url: str, effect: str) -> None:
    call = {"effect": effect, "sinks": {"url": "url"}}
    rules = compile_rules([Rule(("get",), "allow", "true")])
    assert sent(read(), rules, "get", url=url, call=call).decision == "deny"
    assert sent(read(), rules, "get", url="https://evil.example/", call=call).decision == "allow"


def test_a_look_that_goes_nowhere_is_free() -> None:
    call = {"effect": "read", "sinks": {"order": "id:order"}}
    assert sent(read(), Rules(), "get_order", order="P7391845", call=call).decision == "allow"


def test_a_value_that_only_says_whom_or_what_is_no_content() -> None:
    known = read({"id": "bob", "mail": "bob@b.example", "order": "W1234567"}, {"*": "person:id"})
    assert sent(known, to="bob@b.example", text="hello").decision == "allow"
    assert sent(known, order="W1234567", call={"sinks": {"order": "id:order"}}).decision == "allow"
    assert sent(known, to="w1234567@evil.example", text="hello").decision == "deny"
    vault = read({"order": "W1234567"}, {"*": "secret"})
    assert sent(vault, order="W1234567", call={"sinks": {"order": "id:order"}}).decision == "deny"


def test_a_reference_carries_the_label_of_its_place_however_short_the_value_is() -> None:
    known = read({"id": "bob", "age": 7, "at": "x"}, {"age": "person:id"}, call="1.1")
    text = {"text": (Pointer("1.1", ("age",)),)}
    assert sent(known, to=EVE, text=7, call={"refs": text}).decision == "deny"
    assert sent(known, to="bob", text=7, call={"refs": text, "sinks": {"to": "person"}}).decision == "allow"
    assert (
        sent(known, to=EVE, text="x", call={"refs": {"text": (Pointer("1.1", ("at",)),)}}).decision == "allow"
    )


def test_only_somebody_trusted_says_whose_it_is() -> None:
    said = {"id": "eve", "email": EVE, "card": "4111 1111 1111 1111"}
    assert sent(read(said, trusted=False), to=EVE, text="4111111111111111").decision == "deny"
    fields = {"*": "system", "email": "untrusted"}
    mixed = read(said, {"card": "person:email"}, fields=fields)
    assert sent(mixed, to=EVE, text="4111111111111111").decision == "deny"
    verdict = sent(mixed, to=EVE, text="4111111111111111")
    assert verdict.reasons[0].endswith(
        "text holds a person's card, read in find_customer (nobody knows whose)"
    )


def test_whose_it_is_stands_where_the_path_ends_or_around_it_never_beneath() -> None:
    orders = {
        "owner": "ann",
        "orders": [{"owner": "bob", "to": {"owner": "eve", "street": "Elm Street 742"}}],
    }
    known = read(orders, {"orders[]": "person:owner"})
    assert known.held().within("Elm Street 742")[0].label == Label("person", ("bob",))
    around = read(orders, {"orders[].to.street": "person:id,owner"})
    assert around.held().within("Elm Street 742")[0].label == Label("person", ("eve",))
    outer = read({"owner": "ann", "orders": [{"street": "Elm Street 742"}]}, {"orders[]": "person:owner"})
    assert outer.held().within("Elm Street 742")[0].label == Label("person", ("ann",))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("public", "secret", "secret"),
        ("person:a", "workspace", "person:a"),
        ("person:a", "person:b", "person"),
        ("own", "person:id", "person"),
        ("person", 'person=["bob"]', "person"),
    ],
)
def test_the_strictest_word_about_a_value_holds(one: str, other: str, both: str) -> None:
    around = (({"a": "ann", "b": "bob", "id": "bob"}, ()),)
    labels = [resolved(word, ANN, around, lambda place: True) for word in (one, other, both)]
    assert strictest(labels[0], labels[1]) == strictest(labels[1], labels[0]) == labels[2]


def test_a_word_of_newer_code_is_secret() -> None:
    assert resolved("sworn", ANN) == Label("secret")
    assert sent(read({"a": "K1120033"}, {"a": "sealed"}), to=EVE, text="K1120033").decision == "deny"
    assert sent(read({"a": "K1120033"}, {"a b..c": "public"}), to=EVE, text="K1120033").decision == "deny"


def test_a_second_owner_comes_only_from_a_trusted_source_that_was_not_told() -> None:
    first = {"id": "bob", "box": "K1120033"}
    to_ann = {"to": "ann@a.example", "text": "K1120033"}
    mine = {"mine": "K1120033"}
    assert sent(read(mine, {"*": "own"}, read(first)), **to_ann).decision == "allow"
    told = read("noted", {}, read(first), given={"text": "k1120033"}, inside=False)
    assert sent(read(mine, {"*": "own"}, told), **to_ann).decision == "deny"
    assert sent(read(mine, {"*": "own"}, read(first), trusted=False), **to_ann).decision == "deny"
    nobodys = read(first, trusted=False)
    assert sent(read(mine, {"*": "own"}, nobodys), **to_ann).decision == "deny"


def test_what_is_made_of_a_file_is_as_confidential_as_what_was_written_to_it() -> None:
    known = read()
    read({"path": "a/b.csv"}, {}, known, given={"path": "a/b.csv", "text": "p-7391845"}, wrote=True)
    read({"sum": "9915533"}, {}, known, given={"path": "./a/b.csv", "of": "paid"})
    read({"sum": "2244668"}, {}, known, given={"path": "c.csv", "of": "paid"})
    assert sent(known, to=EVE, text="it is in a/b.csv").decision == "allow"
    assert sent(known, to=EVE, text="9915533").decision == "deny"
    assert sent(known, to="bob@b.example", text="9915533").decision == "allow"
    assert sent(known, to=EVE, text="2244668").decision == "allow"


@pytest.mark.parametrize("before", ["public", "own"])
@pytest.mark.parametrize("later", [True, False])
def test_a_secret_has_no_second_owner(before: str, later: bool) -> None:
    known = Known()
    for says in (before, "secret") if later else ("secret", before):
        read({"key": "K1120033"}, {"*": says}, known)
    assert sent(known, to="ann@a.example", text="K1120033").decision == "deny"


def test_a_text_holds_what_in_it_tells_something_by_itself() -> None:
    text = (
        "Ann Lee <ann@a.example>; pays by card_1620755, lives at 619 Broadway, Suite 484 (key:A77-10/x,B9934)"
    )
    for one in ("ann@a.example", "card_1620755", "619 broadway", "Suite-484", "A77-10/x", "B9934"):
        assert sent(read({"id": "bob", "note": text}), to=EVE, text=f"so: {one}.").decision == "deny", one
    for one in ("lives at", "pays by card", "Ann Lee", "the key"):
        assert sent(read({"id": "bob", "note": text}), to=EVE, text=f"so: {one}.").decision == "allow", one


def test_rules_ask_for_what_was_read_and_for_what_stands_in_an_argument() -> None:
    rules = compile_rules(
        [
            Rule(("send",), "deny", '"secret" in labels.read', "it has read a secret"),
            Rule(("send",), "ask", 'labels.args.text.exists(one, one.startsWith("person"))'),
            Rule(("send",), "allow", "true"),
        ]
    )
    assert sent(Known(), rules, to=EVE, text="x").decision == "allow"
    assert sent(read(), rules, to="bob@b.example", text="hello").decision == "allow"
    assert sent(read(), rules, to="bob@b.example", text="P7391845").decision == "ask"
    verdict = sent(read({"a": 1}, {"*": "secret"}), rules, to=EVE, text="in other words")
    assert verdict.reasons == ("it has read a secret",)


def test_a_case_that_is_only_thought_of_says_its_labels() -> None:
    rules = compile_rules(
        [Rule(("send",), "deny", '"secret" in labels.read'), Rule(("send",), "allow", "true")]
    )

    def thought(to: str, *text: str, read: Any = ()) -> str:
        labels = {"read": list(read), "args": {"text": list(text)}}
        return sent(None, rules, to=to, text="x", facts={"labels": labels}).decision

    assert thought(EVE) == "allow"
    assert thought(EVE, read=["secret"]) == "deny"
    assert thought(EVE, "person", "person:bob@b.example") == "deny"
    assert thought("bob@b.example", "person", "person:bob@b.example") == "allow"
    assert thought("bob@b.example", "person") == thought("bob@b.example", "secret") == "deny"


def test_an_explanation_says_that_the_rules_allow_it_and_what_stands_in_the_way() -> None:
    proposal = Proposal("send", {"to": EVE, "text": "P7391845"}, "egress", SINKS)
    found = explain(proposal, Facts("act", frozenset({"send"}), known=read()), ALLOW)
    assert found.verdict.rule == "confidentiality"
    assert found.ways[0].startswith(
        "the rules allow it; what it gives away would have to go to those who may"
    )


def test_a_reference_into_a_list_has_the_label_of_its_own_row() -> None:
    rows = {"by": "eve", "rows": [{"by": "bob", "age": 7}]}
    fields = {"*": "untrusted", "rows[].by": "system"}
    known = read(rows, {"rows[]": "person:by"}, call="1.1", fields=fields)
    row = {"refs": {"text": (Pointer("1.1", ("rows", "0", "age")),)}, "sinks": {"to": "person"}}
    assert sent(known, to="bob", text=7, call=row).decision == "allow"
    assert sent(known, to="eve", text=7, call=row).decision == "deny"


def test_labels_that_rules_see_name_whose_they_are() -> None:
    seen = compile_rules([Rule(("send",), "allow", 'labels.read == ["person", "person:bob"]')])
    assert sent(read(), seen, to="bob@b.example", text="x").decision == "allow"
    nobodys = compile_rules([Rule(("send",), "allow", 'labels.read == ["person", "person:?"]')])
    assert sent(read(trusted=False), nobodys, to="bob@b.example", text="x").decision == "allow"


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        ('"secrt" in labels.read', "labels.read never has 'secrt'; did you mean 'secret'?"),
        ('"secret" in labels.reads', "labels has no field 'reads'; did you mean 'read'?"),
        ('"secret" in labels.args.txt', "send has no argument 'txt'; did you mean 'text'?"),
        ('"workspace" in labels.args.text', "never has 'workspace'"),
    ],
)
def test_a_condition_about_a_label_that_there_is_not_is_an_error(condition: str, wrong: str) -> None:
    @tool(effect="egress", sinks=SINKS)
    async def send(to: str, text: str) -> str:
        """Send."""
        return "sent"

    rules = compile_rules([Rule(("send",), "deny", condition)])
    with pytest.raises(SpecError, match=wrong.split(";")[0]):
        check(rules, {"send": send})
    check(compile_rules([Rule(("send",), "deny", '"person:ann" in labels.args.text')]), {"send": send})


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ("hidden", "'hidden' is none of public, workspace, person, secret, own or person:<field>"),
        ({"orders": "person:"}, "'person:' is none of"),
        ({"order": "secret"}, "the result has no 'order' there"),
        ({"orders[]": "person:owner"}, "the result has no field 'owner' at"),
        ({"orders": "secret", "orders[].id": "public"}, "cannot be public: it is a part of 'orders'"),
        ({"orders..id": "secret"}, "is no path of fields"),
    ],
)
def test_a_declaration_that_cannot_be_right_is_an_error(says: Any, wrong: str) -> None:
    async def account() -> Account:
        """An account."""
        return Account("ann", [])

    with pytest.raises(ToolFault, match=wrong.replace("<", ".").replace(">", ".")):
        tool(effect="read", confidentiality=says)(account)
    made = tool(effect="read", confidentiality={"orders[]": "person:user"})(account)
    assert made.confidentiality == {"orders[]": "person:user"}


def test_without_a_label_nothing_is_looked_for() -> None:
    known = read(says={})
    assert not known.labelled
    assert sent(known, to=EVE, text=json.dumps(BOB)).decision == "allow"
    assert known._held == {}


def test_a_shell_launders_no_file_whatever_it_is_told() -> None:
    known = read()
    read(
        {"path": "notes.txt"},
        {},
        known,
        given={"path": "notes.txt", "text": "P7391845"},
        wrote=True,
        call="c2",
    )
    plain = read({"text": "nothing of anybody's"}, {}, known, given={"path": "other.txt"}, call="c3")
    assert sent(plain, to=EVE, text="nothing of anybody's").decision == "allow"
    shell = {"given": {"command": "tr 0-9A-Z A-Z0-9 < *.txt | tee out.bin"}, "wrote": True, "anything": True}
    read({"status": 0, "output": "Z2849A7Q0"}, {}, known, call="c4", **shell)
    assert sent(known, to=EVE, text="It is Z2849A7Q0").decision == "deny"
    assert sent(known, to="bob@b.example", text="It is Z2849A7Q0").decision == "allow"
    read({"text": "QX55-1293-ZZ81"}, {}, known, given={"path": "out.bin"}, call="c5")  # named nowhere before
    assert sent(known, to=EVE, text="QX55-1293-ZZ81").decision == "deny"


def test_a_shell_in_a_run_that_has_read_nothing_confidential_costs_no_question() -> None:
    known = read({"status": 0, "output": "Z2849A7Q0"}, {}, given={"command": "ls"}, wrote=True, anything=True)
    assert sent(known, to=EVE, text="Z2849A7Q0").decision == "allow"
