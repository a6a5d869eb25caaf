"""Reading specs, marking claims, explaining mistakes: the parts that need no database."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.agents.load import load_agent, parse_agent
from remit.agents.report import claims, mark_claims
from remit.errors import SpecError, UserError
from remit.journal.events import Acted, Call
from remit.journal.state import CallState, State


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\ntolls: [files.*]", r"agent:2: unknown key 'tolls'; did you mean 'tools'\?"),
        (
            "name: a\nremit:\n  budget:\n    step: 3",
            r"agent:4: unknown key 'remit.budget.step'; did you mean 'steps'",
        ),
        ("name: a\nremit:\n  autonomy: wild", r"agent:3: remit.autonomy: "),
        (
            "name: a\nrules:\n  - tool: x\n    allow: 'true'\n    deny: 'true'",
            r"agent:3: rules.0: .*exactly one",
        ),
        ("name: [", r"agent:\d+: broken YAML"),
        ("- just\n- a list", r"agent:1: an agent is a mapping"),
        ("name: Big Name", r"agent:1: name: "),
        ("name: a\nremit: {budget: {wall: 10x}}", r"agent:2: remit.budget.wall"),
    ],
)
def test_a_wrong_spec_says_where_and_what(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parse_agent(text)


def test_a_missing_or_unreadable_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no agent file"):
        load_agent(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"name: \xff")
    with pytest.raises(SpecError, match="cannot be read"):
        load_agent(tmp_path / "bad.yaml")


def test_durations_are_written_as_people_write_them() -> None:
    spec = parse_agent("name: a\nremit: {budget: {wall: 10m, money: 0.5}}")
    assert spec.remit.budget.wall.total_seconds() == 600


@pytest.mark.parametrize(
    ("sentence", "is_claim"),
    [
        ("Order #W1 has been cancelled.", True),
        ("I have updated your address.", True),
        ("We successfully refunded it.", True),
        ("I could not cancel it.", False),
        ("Your order will be returned.", False),
        ("The order was not cancelled.", False),
        ("It is blue.", False),
        ("You asked to have it cancelled; please confirm.", False),
    ],
)
def test_a_claim_is_a_done_change(sentence: str, is_claim: bool) -> None:
    assert claims(sentence) is is_claim


def test_a_claim_about_another_record_is_marked_though_something_was_done() -> None:
    done = CallState(Call(id="1.1", tool="cancel", args={"order": "#W5199551"}), 2)
    done.acted = Acted(call_id="1.1", tool="cancel", effect="destroy", result="ok")
    state = State(effects=[done])
    report = "Order #W5199551 has been cancelled. Order #W7777777 has been cancelled."
    assert mark_claims(report, state) == (
        "Order #W5199551 has been cancelled. Order #W7777777 has been cancelled. [not borne out by the journal]"
    )
