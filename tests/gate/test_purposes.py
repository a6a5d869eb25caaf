"""What people's data may be used for: said with their label, held where something goes out, and asked about in rules."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import SpecError, ToolFault
from remit.gate.held import Secrecy
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.policy import check
from remit.gate.proposal import Facts, Proposal
from remit.gate.purposes import joined, parted
from remit.gate.rules import Rule, compile_rules
from remit.journal.refs import Pointer
from remit.tools import tool
from tests.gate.test_confidential_paths import ALLOW, PERSON

SINKS = {"to": "email", "text": "text"}


def read(says: str, value: str = "K4455667", known: Known | None = None, trusted: bool = True) -> Known:
    known = known or Known()
    result = {"id": "eve", "it": value}
    known.learn(
        result,
        trusted,
        "the records",
        call="1.1",
        secrecy=Secrecy({"*": "workspace", "it": says}, person=PERSON),
    )
    return known


def verdict(
    known: Known, *purposes: str, text: str = "It is K4455667", rules: Any = ALLOW, **more: Any
) -> Any:
    call = Proposal("send", {"to": PERSON["email"], "text": text}, "egress", SINKS, **more)
    facts = Facts(
        "act", frozenset({"send"}), PERSON, known=known, purposes=frozenset(purposes or ("service",))
    )
    return judge(call, facts, rules)


def test_data_leave_for_what_they_are_meant_for_and_for_nothing_else_even_to_whose_they_are() -> None:
    known = read("own for service,fraud")
    assert verdict(known).decision == "allow"
    for purposes in (("marketing",), ("service", "marketing")):
        found = verdict(known, *purposes)
        assert (found.decision, found.rule) == ("deny", "purpose")
        assert (
            "text holds eve's it, read in the records, which may be used for fraud and service"
            in found.reasons
        )
        assert "this is for" in found.reasons[-1]
        assert "remit graph purpose" in found.reasons[-1]
    assert verdict(known, "marketing", text="Hello").decision == "allow"
    by_reference = verdict(known, "marketing", text="x", refs={"text": (Pointer("1.1", ("it",)),)})
    assert (by_reference.decision, by_reference.rule) == ("deny", "purpose")


def test_whom_something_goes_to_is_used_as_well() -> None:
    known = read("own for service", value=str(PERSON["email"]))
    assert verdict(known, text="Hello").decision == "allow"
    assert verdict(known, "marketing", text="Hello").rule == "purpose"


@pytest.mark.parametrize("trusted", [True, False])
def test_another_source_of_the_same_takes_no_purpose_away(trusted: bool) -> None:
    known = read("own", known=read("own for service"), trusted=trusted)
    assert verdict(known, "marketing").decision == "deny"
    known = read("own for marketing", known=read("own for service"), trusted=trusted)
    assert [verdict(known, one).decision for one in ("service", "marketing")] == ["deny", "deny"]


def test_a_yes_of_a_person_makes_them_not_be_meant_for_it() -> None:
    """At autonomy `ask` it is denied as well: who approves everything is no protection."""
    call = Proposal("send", {"to": PERSON["email"], "text": "It is K4455667"}, "egress", SINKS)
    facts = Facts(
        "ask", frozenset({"send"}), PERSON, known=read("own for service"), purposes=frozenset({"marketing"})
    )
    assert judge(call, facts, ALLOW).decision == "deny"


def test_rules_ask_what_an_argument_may_be_used_for_and_what_the_run_is_for() -> None:
    ask = "run.purposes == ['service'] && 'service' in labels.purposes.text && labels.purposes.to == ['*']"
    rules = compile_rules([Rule(("send",), "allow", ask)])
    assert verdict(read("own for fraud,service"), rules=rules).decision == "allow"
    assert verdict(read("own for fraud,service"), text="Hello", rules=rules).decision == "deny"
    only = compile_rules(
        [
            Rule(("send",), "deny", "run.purposes.exists(p, p == 'marketing')"),
            Rule(("send",), "allow", "true"),
        ]
    )
    assert verdict(Known(), "marketing", text="Hello", rules=only).decision == "deny"
    assert verdict(Known(), text="Hello", rules=only).decision == "allow"


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("'Marketing' in labels.purposes.text", "a purpose is a small word"),
        ("'marketing' in labels.purposes.body", "has no argument 'body'"),
        ("labels.purpose.text == []", "labels has no field 'purpose'; did you mean 'purposes'"),
        ("run.purpose == 'marketing'", "run has no field 'purpose'; did you mean 'purposes'"),
        ("run.purposes == 'marketing'", "run.purposes is an array"),
    ],
)
def test_what_cannot_be_meant_is_told_when_rules_are_loaded(condition: str, why: str) -> None:
    @tool(effect="egress", sinks={"to": "email", "text": "text"})
    async def send(to: str, text: str) -> str:
        """Send."""
        return "sent"

    with pytest.raises(SpecError, match=why):
        check(compile_rules([Rule(("send",), "allow", condition)]), {"send": send})


@pytest.mark.parametrize(
    "says", ["workspace for service", "secret for fraud", "person:id for Service", "own for", "own for a b"]
)
def test_only_what_is_somebodys_is_limited_and_only_to_words(says: str) -> None:
    with pytest.raises(ToolFault, match="is none of"):

        @tool(effect="read", confidentiality=says)
        async def find(id: str) -> dict[str, str]:
            """Find."""
            return {"id": id}


def test_a_word_is_read_as_it_was_written() -> None:
    for word in ("own", 'person=["x for y"]', 'person=["a","b for c"]'):
        for some in (None, frozenset[str](), frozenset({"service", "fraud"})):
            assert parted(joined(word, some)) == (word, some)


def test_what_is_read_before_anything_is_limited_costs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remit.gate.leaving._Going.misused", None)  # which would fail if it were called
    assert verdict(read("own")).decision == "allow"
