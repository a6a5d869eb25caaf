"""`remit policy test`, `explain`, `diff`: on the real gate, real runs and the real journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from remit import settings as settings_module
from tests.cli.typed import CANNOT, DONE, SENDING, data, remit, spec, work

pytestmark = pytest.mark.usefixtures("here")
CHARGE = {"tool": "charge", "args": {"amount": 5}}
TOO_MUCH = {"tool": "charge", "args": {"amount": 99}}
CANCEL = {"tool": "cancel", "args": {"order": "W1"}}
ALLOWED = {"name": "five dollars", "tool": "charge", "args": {"amount": 5}, "expect": "allow"}
DENIED = {"tool": "charge", "args": {"amount": 99}, "expect": "deny", "because": "at most fifty"}
OWNED = [
    {"tool": "cancel", "deny": "order.owner == 'bob'", "because": "not bob's"},
    {"tool": ["cancel", "charge", "send"], "allow": "true"},
]


def examples(folder: Path, *several: Any, given: Any = None) -> str:
    path = folder / "agent.policy.yaml"
    path.write_text(yaml.safe_dump({"given": given or {}, "examples": list(several)}, sort_keys=False))
    return str(path)


def changed(folder: Path, rules: Any, **more: Any) -> str:
    (folder / "new").mkdir(exist_ok=True)
    return spec(folder / "new", rules=rules, **more)


def test_the_librarys_examples_are_all_decided_as_they_say() -> None:
    found = data("policy", "test")
    assert [one["agent"] for one in found] == ["airline", "assistant", "support", "writer"]
    assert all(len(one["examples"]) > 3 for one in found)
    assert not any(example["wrong"] for one in found for example in one["examples"])
    assert remit("policy", "test").exit_code == 0


def test_examples_are_judged_by_the_gate_whether_agent_or_file_is_named(tmp_path: Path) -> None:
    agent, path = spec(tmp_path), examples(tmp_path, ALLOWED, DENIED)
    for name in (agent, path):
        (found,) = data("policy", "test", name)
        assert [example["decision"] for example in found["examples"]] == ["allow", "deny"]
    shown = remit("policy", "test", agent)
    assert shown.exit_code == 0
    assert "five dollars" in shown.stdout
    assert "All 2 are decided as they say." in shown.stdout


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (
            {**ALLOWED, "args": {"amount": 51}},
            "expected allow, decided deny: not allowed: at most fifty dollars",
        ),
        ({**ALLOWED, "expect": "ask"}, "expected ask, decided allow"),
        ({**ALLOWED, "args": {"amount": "many"}}, "the call itself is wrong"),
        ({**ALLOWED, "rule": "send"}, "expected a rule with 'send'"),
        ({**DENIED, "because": "a fortune"}, "expected the reason 'a fortune'"),
        ({**ALLOWED, "autonomy": "ask"}, "expected allow, decided ask"),
        ({**ALLOWED, "tool": "pay_out"}, "decided deny: pay_out is not among the tools"),
    ],
)
def test_an_example_that_is_decided_otherwise_is_said_and_ends_with_1(
    tmp_path: Path, example: Any, said: str
) -> None:
    agent = spec(tmp_path)
    examples(tmp_path, DENIED, example)
    shown = remit("policy", "test", agent)
    assert shown.exit_code == 1
    assert said in shown.stdout
    assert "1 of 2 are decided otherwise." in shown.stdout


def test_what_is_given_for_all_examples_holds_where_one_does_not_say_otherwise(tmp_path: Path) -> None:
    agent = spec(tmp_path, rules=OWNED)
    ann, bob = {"order": {"owner": "ann"}}, {"order": {"owner": "bob"}}
    examples(
        tmp_path,
        {"tool": "cancel", "args": {"order": "W1"}, "expect": "allow"},
        {"tool": "cancel", "args": {"order": "W1"}, "records": bob, "expect": "deny", "because": "not bob's"},
        given={"records": ann},
    )
    assert remit("policy", "test", agent).exit_code == 0
    examples(tmp_path, {"tool": "cancel", "args": {"order": "W1"}, "expect": "allow"})
    assert (
        "a rule asks about order, and the example has no such record" in remit("policy", "test", agent).stdout
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("examples:\n- tool: charge\n  expct: allow\n", "agent.policy.yaml:"),
        ("examples:\n- tool: charge\n", "examples.0.expect"),
        ("- 1", "is a mapping"),
        (
            "given:\n  person: {verifed: true}\n",
            "agent.policy.yaml:2: given.person: Value error, 'verifed' is none of",
        ),
        ("given:\n  records: {order: 5}\n", "given.records.order"),
        ("examples: [", "broken YAML"),
    ],
)
def test_a_broken_file_of_examples_is_an_error_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    agent = spec(tmp_path)
    (tmp_path / "agent.policy.yaml").write_text(text)
    shown = remit("policy", "test", agent)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_an_example_of_a_tool_that_is_misspelt_is_warned_of_as_it_is_denied_for_another_reason(
    tmp_path: Path,
) -> None:
    agent = spec(tmp_path)
    examples(tmp_path, {**DENIED, "tool": "chrage", "because": ""}, {"tool": "fly", "expect": "deny"})
    shown = remit("policy", "test", agent)
    assert "the agent has no tool 'chrage'; did you mean 'charge'?" in shown.stdout
    assert "fly is denied" in shown.stdout  # a tool that it is not to have may be an example
    assert shown.stdout.count("the agent has no tool") == 1
    assert shown.exit_code == 0


def test_an_agent_without_examples_says_where_they_would_be(tmp_path: Path) -> None:
    shown = remit("policy", "test", spec(tmp_path))
    assert shown.exit_code == 2
    assert "agent.policy.yaml" in shown.stderr
    assert "Did you mean 'support'?" in remit("policy", "test", "suport").stderr


def test_rules_that_cannot_be_meant_end_with_2_and_doubtful_ones_are_warnings(tmp_path: Path) -> None:
    examples(tmp_path, ALLOWED)
    wrong = remit("policy", "test", spec(tmp_path, rules=[{"tool": "charge", "allow": "args.amout < 5"}]))
    assert wrong.exit_code == 2
    assert (
        "rule 1 (allow charge if args.amout < 5): charge has no argument 'amout'; did you mean 'amount'?"
        in wrong.stderr
    )
    doubtful = remit("policy", "test", spec(tmp_path, rules=[{"tool": "charge", "allow": "args.amount < 9"}]))
    assert doubtful.exit_code == 0
    assert "warning: send (egress): no rule speaks of it, so that it is always denied" in doubtful.stdout


def test_a_denied_call_of_a_run_is_explained_by_its_rules_and_what_would_allow_it(tmp_path: Path) -> None:
    run = work(tmp_path, TOO_MUCH, CANNOT, goal="charge them")["run"]
    found = data("policy", "explain", run, "1.1")
    assert (found["run"], found["tool"], found["decision"]) == (run, "charge", "deny")
    (look,) = found["rules"]
    assert (look["number"], look["state"]) == (2, "does not hold")
    assert look["parts"] == [
        {"text": "args.amount <= 50", "state": "does not hold", "values": {"args.amount": 99}}
    ]
    assert found["allowed_if"] == ["rule 2 would allow it if `args.amount <= 50` held; now args.amount is 99"]
    assert found["differs"] == ""
    shown = remit("policy", "explain", run, "1.1").stdout
    assert "✗ args.amount <= 50   (args.amount = 99)" in shown


def test_the_evidence_for_each_sink_is_told_with_where_the_value_was_seen(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE, goal="write to a@b.example")["run"]
    found = data("policy", "explain", run, "1.1")
    assert found["decision"] == "ask"
    assert found["values"]["to"]["from"] == ["the goal (event 1)"]
    assert found["evidence"] == {"to": found["values"]["to"]["evidence"]}
    assert found["allowed_if"][-1] == "a person's yes to this very call"
    assert "seen in the goal (event 1)" in remit("policy", "explain", run, "1.1").stdout


def test_a_record_that_was_looked_at_is_known_for_an_allowed_call_and_said_to_be_lost_for_a_denied_one(
    tmp_path: Path,
) -> None:
    mine = work(tmp_path, CANCEL, DONE, rules=OWNED)["run"]
    found = data("policy", "explain", mine, "1.1")
    assert found["decision"] == "allow"
    assert found["rules"][0]["parts"][0]["values"] == {"order.owner": "ann"}
    bobs = work(tmp_path, {"tool": "cancel", "args": {"order": "W2"}}, CANNOT, rules=OWNED)["run"]
    found = data("policy", "explain", bobs, "1.1")
    assert (found["decision"], found["differs"]) == ("deny", "")
    assert found["rules"][0]["not_in_journal"] == ["order"]
    shown = remit("policy", "explain", bobs, "1.1").stdout
    assert "held, as the verdict says; what order was then is not in the journal" in shown


def test_a_call_that_was_never_judged_or_does_not_exist_is_said_to_be_so(tmp_path: Path) -> None:
    run = work(tmp_path, {"tool": "chrage", "args": {}}, CANNOT)["run"]
    never = remit("policy", "explain", run, "1.1")
    assert never.exit_code == 2
    assert "was not judged" in never.stderr
    assert remit("policy", "explain", run, "7.7").exit_code == 2
    for words in ([], [run], [run, "1.1", "--agent", "support"]):
        assert remit("policy", "explain", *words).exit_code == 2


def test_a_call_that_nobody_made_is_explained_for_what_is_given(tmp_path: Path) -> None:
    agent = spec(tmp_path, rules=OWNED)
    call = ["policy", "explain", "-a", agent, "-t", "cancel", "--args", '{"order": "W1"}', "--given"]
    assert data(*call, '{"records": {"order": {"owner": "ann"}}}')["decision"] == "allow"
    denied = data(*call, '{"records": {"order": {"owner": "bob"}}}')
    assert (denied["decision"], denied["reasons"]) == ("deny", ["not bob's"])
    assert "without that, it is allowed by: allow cancel, charge, send if true" in denied["allowed_if"]
    shown = remit(*call[:-1]).stdout
    assert "there is no order.owner" in shown
    assert (
        """not given: the record order, which the rules may look at: --given '{"records": {"order": {…}}}'"""
        in shown
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tool", "cancel", "--args", "{"], "--args: it is not JSON"),
        (["--tool", "cancel", "--args", "[]"], "a JSON object is needed"),
        (["--tool", "cancel", "--args", "{}"], "order"),
        (["--tool", "cancel", "--args", '{"order": "W1"}', "--given", '{"persn": 1}'], "--given: persn"),
        ([], "say which tool"),
        (["--tool", "cancl"], "agent shop: unknown tool 'cancl'. Did you mean 'cancel'?"),
        (["--tool", "cancel", "--args", '{"order": "W1"}', "--given", "null"], "--given: a JSON object"),
    ],
)
def test_what_is_wrong_with_a_call_that_is_thought_of_is_said(
    tmp_path: Path, words: list[str], said: str
) -> None:
    shown = remit("policy", "explain", "--agent", spec(tmp_path), *words)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_changed_rules_are_tried_on_past_runs_and_only_what_differs_is_listed(tmp_path: Path) -> None:
    first = work(tmp_path, CHARGE, TOO_MUCH, DONE)["run"]
    second = work(tmp_path, SENDING, DONE)["run"]
    rules = [{"tool": "charge", "allow": "args.amount <= 200"}, {"tool": "send", "ask": "true"}]
    found = data("policy", "diff", changed(tmp_path, rules))
    assert (found["runs"], found["calls"], found["same"]) == (2, 3, 2)
    assert found["counts"] == {"allow": {"allow": 1}, "deny": {"allow": 1}, "ask": {"ask": 1}}
    (one,) = found["changed"]
    assert (one["run"], one["tool"], one["args"]) == (first, "charge", {"amount": 99})
    assert (one["was"]["decision"], one["would_be"]["decision"]) == ("deny", "allow")
    assert second not in {row["run"] for row in found["changed"]}
    shown = remit("policy", "diff", changed(tmp_path, rules)).stdout
    assert "3 calls of 2 runs of shop: 2 decided the same, 1 otherwise." in shown
    assert "charge  deny → allow  1 call" in shown
    assert "was:      not allowed: at most fifty dollars" in shown
    assert "would be: allow charge if args.amount <= 200" in shown


def test_what_differs_is_counted_in_a_table_and_grouped_by_tool_and_reason_the_most_first(
    tmp_path: Path,
) -> None:
    work(tmp_path, CANCEL, [CHARGE, {"tool": "charge", "args": {"amount": 7}}], SENDING, DONE)
    rules = [
        {"tool": "charge", "ask": "args.amount > 1", "because": "money is asked about"},
        {"tool": ["cancel", "send"], "deny": "true", "because": "not now"},
    ]
    lines = [
        " ".join(line.split())
        for line in remit("policy", "diff", changed(tmp_path, rules)).stdout.splitlines()
    ]
    assert lines[:3] == ["was → allow → ask → deny", "allow · 2 1", "ask · · 1"]
    heads = [line for line in lines if line.endswith(("call", "calls"))]
    assert heads == ["charge allow → ask 2 calls", "cancel allow → deny 1 call", "send ask → deny 1 call"]
    assert any(line.endswith('1.1 done {"order":"W1"}') for line in lines)
    assert any(" open " in line for line in lines)  # asked about, and nobody has answered yet


def test_the_same_rules_decide_the_same_whatever_was_read_meanwhile(tmp_path: Path) -> None:
    rules = [
        {"tool": "charge", "deny": "run.untrusted", "because": "somebody else's words"},
        {"tool": "charge", "allow": "!('charge' in run.counts) || run.counts.charge < 2"},
        {"tool": ["cancel", "send"], "allow": "order.owner == 'ann' || true"},
    ]
    reading = {"tool": "read_web", "args": {"url": "http://x.example"}}
    twice = {"tool": "charge", "args": {"amount": 6}}
    work(tmp_path, [CHARGE, reading], twice, CANCEL, DONE, rules=[*rules[:2], OWNED[1]])
    work(
        tmp_path, CHARGE, [twice, {"tool": "charge", "args": {"amount": 7}}], TOO_MUCH, DONE, rules=rules[:2]
    )
    found = data("policy", "diff", changed(tmp_path, [*rules[:2], OWNED[1]]))
    assert found["calls"] == 8
    assert (found["changed"], found["unknown"]) == ([], [])


def test_what_a_trusted_source_said_in_the_run_vouches_when_it_is_judged_again(tmp_path: Path) -> None:
    tools = ["tests.agents.world", "tests.agents.test_evidence"]
    rules = [{"tool": "send", "allow": "evidence.to == 'directory'"}, {"tool": "send", "deny": "true"}]
    asks = {"tool": "staff", "args": {"name": "bob"}}
    reads = {"tool": "page", "args": {"url": "http://x.example"}}
    bob, dora = (
        {**SENDING, "args": {"to": to, "text": "hi"}} for to in ("bob@corp.example", "dora@evil.example")
    )
    run = work(tmp_path, dora, asks, reads, [bob, dora], DONE, rules=rules, tools=tools)["run"]
    found = data("policy", "diff", changed(tmp_path, rules, tools=tools))
    assert found["counts"] == {"deny": {"deny": 2}, "allow": {"allow": 3}}
    told = [data("policy", "explain", run, step)["provenance"]["to"] for step in ("1.1", "4.2")]
    assert told == [
        "dora@evil.example, read nowhere in this run",
        "dora@evil.example, found in page http://x.example",
    ]
    stricter = [{"tool": "send", "allow": "evidence.to == 'grant'"}, {"tool": "send", "ask": "true"}]
    found = data("policy", "diff", changed(tmp_path, stricter, tools=tools))
    assert found["counts"] == {"deny": {"ask": 2}, "allow": {"ask": 1, "allow": 2}}


def test_what_the_person_answered_before_vouches_when_it_is_judged_again(
    tmp_path: Path,
) -> None:
    rules = [
        {
            "tool": "send",
            "allow": "evidence.to == 'grant'",
            "because": "nobody vouches for it",
        },
        {"tool": "send", "deny": "true"},
    ]
    asking = {"tool": "ask_person", "args": {"question": "To whom?"}}
    run = work(tmp_path, asking, SENDING, DONE, rules=rules)["run"]
    remit("answer", run, "a@b.example")
    assert data("policy", "explain", run, "2.1")["evidence"] == {"to": "grant"}
    found = data("policy", "diff", changed(tmp_path, rules))
    assert (found["counts"], found["changed"]) == ({"allow": {"allow": 1}}, [])


def test_where_a_record_was_not_kept_nobody_can_tell_and_that_is_said(tmp_path: Path) -> None:
    work(tmp_path, CANCEL, DONE, rules=[{"tool": "cancel", "allow": "true"}])
    found = data("policy", "diff", changed(tmp_path, OWNED))
    assert found["changed"] == []
    assert found["unknown"][0]["why_unknown"] == (
        "what order was then is not in the journal, and rule 1 asks about it"
    )
    kept = data("policy", "diff", changed(tmp_path, [{"tool": "cancel", "ask": "true"}, *OWNED[1:]]))
    assert kept["counts"] == {"allow": {"ask": 1}}  # decided before anything is asked about the record
    assert "1 not to be told" in remit("policy", "diff", changed(tmp_path, OWNED)).stdout


def test_a_rule_of_that_time_is_taken_to_have_stood_as_the_verdict_says_where_its_record_was_not_kept(
    tmp_path: Path,
) -> None:
    bobs = {"tool": "cancel", "args": {"order": "W2"}}
    late = {"tool": "cancel", "deny": "order.status == 'sent'", "because": "too late"}
    work(tmp_path, bobs, CANCEL, CANNOT, rules=[late, *OWNED])  # the first is denied, by its second rule
    same = data("policy", "diff", changed(tmp_path, [late, *OWNED]))
    assert (same["calls"], same["same"], same["changed"]) == (2, 2, [])
    without = data("policy", "diff", changed(tmp_path, [late, OWNED[1]]))
    assert without["counts"] == {"deny": {"allow": 1}, "allow": {"allow": 1}}
    other = data(
        "policy", "diff", changed(tmp_path, [{"tool": "cancel", "deny": "order.owner != 'ann'"}, OWNED[1]])
    )
    assert [one["why_unknown"] for one in other["unknown"]] == [
        "what order was then is not in the journal, and rule 1 asks about it"
    ]
    assert other["same"] == 1


def test_replays_are_left_out_and_forks_are_counted_from_where_they_part(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    assert remit("replay", run, "--recorded").exit_code == 0
    found = data("policy", "diff", changed(tmp_path, [{"tool": "charge", "ask": "true"}]))
    assert (found["runs"], found["calls"], found["replays_left_out"]) == (1, 1, 1)
    assert found["counts"] == {"allow": {"ask": 1}}
    assert data("policy", "diff", changed(tmp_path, OWNED[1:], name="other"))["calls"] == 0
    assert data("policy", "diff", changed(tmp_path, OWNED[1:], name="other"), "--of", "shop")["calls"] == 1


def test_where_there_are_no_runs_of_the_agent_that_is_said(tmp_path: Path) -> None:
    shown = remit("policy", "diff", spec(tmp_path))
    assert shown.exit_code == 0
    assert "No runs of shop to judge again; --of names" in shown.stdout


def test_rules_that_cannot_be_meant_are_not_tried(tmp_path: Path) -> None:
    work(tmp_path, CHARGE, DONE)
    shown = remit("policy", "diff", changed(tmp_path, [{"tool": "charge", "allow": "args.amout < 3"}]))
    assert shown.exit_code == 2
    assert "did you mean 'amount'?" in shown.stderr


def test_the_group_without_a_word_lists_its_commands() -> None:
    shown = remit("policy")
    assert shown.exit_code == 2
    assert all(f"  {name}" in shown.output for name in ("test", "explain", "diff"))


EVERYWHERE = {"rules": [{"tool": "charge", "deny": "args.amount > 3", "because": "no more than three"}]}


def everywhere(folder: Path, rules: Any = EVERYWHERE) -> str:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(rules))
    return str(path)


def test_rules_for_every_agent_are_tested_alone_and_with_an_agent(tmp_path: Path) -> None:
    rules, agent = everywhere(tmp_path), spec(tmp_path)
    written = {"examples": [ALLOWED, {"tool": "charge", "args": {"amount": 2}, "expect": "allow"}]}
    (tmp_path / "rules.policy.yaml").write_text(yaml.safe_dump(written))
    for name in (rules, str(tmp_path / "rules.policy.yaml")):
        shown = remit("policy", "test", name)
        assert shown.exit_code == 1
        assert "expected allow, decided deny: no more than three" in shown.stdout
        assert "1 of 2 are decided otherwise." in shown.stdout
    examples(tmp_path, ALLOWED)
    assert remit("policy", "test", agent).exit_code == 0
    shown = remit("policy", "test", agent, "--workspace", rules)
    assert (shown.exit_code, "no more than three" in shown.stdout) == (1, True)


def test_a_rule_for_every_agent_that_does_not_fit_an_agents_tools_is_a_warning(tmp_path: Path) -> None:
    agent = spec(tmp_path)
    examples(tmp_path, DENIED)
    rules = everywhere(tmp_path, {"rules": [{"tool": "charge", "ask": "args.sum > 3"}]})
    (found,) = data("policy", "test", agent, "--workspace", rules)
    assert any("charge has no argument 'sum'" in one and "it holds" in one for one in found["warnings"])


def test_a_call_is_explained_with_the_file_of_the_rule_for_every_agent(
    tmp_path: Path, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = Path(everywhere(tmp_path))
    under = here.model_copy(update={"rules": rules})
    monkeypatch.setattr(settings_module, "load", lambda: under)
    work(tmp_path, CHARGE, CANNOT)
    thought = ("explain", "-a", spec(tmp_path), "-t", "charge", "--args", '{"amount": 5}')
    for words in (thought, ("explain", "last", "1.1")):
        shown = remit("policy", *words).stdout
        assert "decided by: workspace: deny charge if args.amount > 3" in shown
        assert f"{rules}, rule 1" in shown
        assert (
            "the workspace's rule (deny charge if args.amount > 3) must not hold; now args.amount is 5"
            in shown
        )
        assert "without that, it is allowed by: allow charge if args.amount <= 50" in shown
    everywhere(tmp_path, {"rules": []})
    assert "not among them any more" in remit("policy", "explain", "last", "1.1").stdout


def test_changed_rules_for_every_agent_are_tried_on_the_runs_of_all(tmp_path: Path) -> None:
    work(tmp_path, CHARGE, {"tool": "charge", "args": {"amount": 2}}, DONE)
    work(tmp_path, CHARGE, DONE, name="other")
    rules = everywhere(tmp_path)
    found = data("policy", "diff", "--workspace", rules)
    assert (found["runs"], found["counts"]) == (2, {"allow": {"allow": 1, "deny": 2}})
    assert {one["would_be"]["rule"] for one in found["changed"]} == {
        "workspace: deny charge if args.amount > 3"
    }
    shown = remit("policy", "diff", "--workspace", rules, "--of", "other").stdout
    assert "1 call of 1 run of other: 0 decided the same, 1 otherwise." in shown
    assert data("policy", "diff", spec(tmp_path), "--workspace", rules)["runs"] == 1
    assert remit("policy", "diff").exit_code == 2
