"""`remit inbox`, `approve`, `reject`, `answer`: a person's word, in time, late, twice, and to the wrong thing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from remit import settings as settings_module
from remit.agents.spec import DAYS
from remit.app import open_app
from remit.cli import inbox
from remit.gate.evidence import LEVELS
from remit.journal.events import Answered, Asked, Call, Judged
from remit.settings import Settings
from remit.waiting import EVIDENCE
from tests.agents import world
from tests.cli.test_looking import with_a_child
from tests.cli.typed import DONE, SENDING, data, remit, script, spec, work

pytestmark = pytest.mark.usefixtures("here")
OTHER = {"tool": "send", "args": {"to": "c@d.example", "text": "hi"}}
ASKING = {"tool": "ask_person", "args": {"question": "Which colour?"}}


def test_an_empty_inbox_says_so() -> None:
    assert remit("inbox").stdout == "Nothing waits for you.\n"
    assert data("inbox") == []


def test_the_inbox_shows_the_exact_call_its_evidence_and_what_to_type(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE, goal="write to them")["run"]
    (row,) = data("inbox")
    assert set(row) == {
        "run", "ask", "kind", "agent", "goal", "person", "call", "digest", "rule", "reasons", "evidence",
        "provenance", "records", "text", "since", "expires", "by", "persons", "escalates", "to", "endorsed", "handed_over", "quiet_until",
        "may_approve", "why_not", "changed",
    }  # fmt: skip
    assert (row["run"], row["ask"], row["kind"], row["goal"]) == (run, "a1.1", "approval", "write to them")
    assert row["call"] == {"tool": "send", "args": {"to": "a@b.example", "text": "hi"}}
    assert row["evidence"] == {"to": "unvouched"}
    assert row["provenance"] == {"to": "a@b.example, read nowhere in this run"}
    assert (row["rule"], row["reasons"]) == ("ask send if true", ["what leaves is asked"])
    assert (row["person"]["id"], len(row["digest"])) == ("olga", 64)
    shown = remit("inbox").stdout
    assert "what leaves is asked" in shown
    assert f"remit approve {run[:8]} a1.1" in shown
    assert "nothing vouches for a@b.example, read nowhere in this run" in shown
    assert shown.index("to ") < shown.index("nothing vouches") < shown.index("text ")


def test_the_inbox_says_in_words_how_each_value_is_vouched_for(tmp_path: Path, here: Settings) -> None:
    run = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))["run"]
    told = {"to": "dora@evil.example, found in page https://p.example"}
    levels = {"to": "unvouched", "cc": "directory", "text": "written", "order": "grant"}
    args = {name: f"{name}\u202e\x1b[31m!" for name in levels} | {"text": "Hello,\nit is paid."}

    async def ask() -> None:
        async with open_app(here) as app:
            answered = Answered(model="m", calls=[Call(id="1.1", tool="send", args=args)])
            judged = Judged(
                call_id="1.1", tool="send", effect="egress", decision="ask", rule="ask send if true",
                evidence=levels, provenance=told,
            )  # fmt: skip
            asked = Asked(ask_id="a1.1", kind="approval", text="?", call_id="1.1", digest="d")
            await app.journal.append(UUID(run), 1, [answered, judged, asked])

    asyncio.run(ask())
    lines = [line.strip() for line in remit("inbox").stdout.splitlines()]
    assert lines[lines.index("to     to<U+202E><U+001B>[31m!") + 1] == f"✗ nothing vouches for {told['to']}"
    assert "✓ a trusted source said it in this run, as a whole value" in lines
    assert "text   Hello," in lines
    assert lines[lines.index("it is paid.") + 1].startswith("· the model's own words; nothing in them leads")
    assert "✓ in the person's own words, or given by what started the run" in lines
    assert "\x1b" not in remit("inbox").stdout


def test_the_inbox_has_a_block_for_each_run_and_fits_a_hundred_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remit.cli import common

    monkeypatch.setattr(common.console, "width", 100)
    long = {"tool": "send", "args": {"to": "c@d.example", "text": "a long word " * 40}}
    first = work(tmp_path, [SENDING, long], DONE, goal="write to them")["run"]
    second = work(tmp_path, SENDING, DONE, goal="and again")["run"]
    shown = remit("inbox").stdout
    assert all(len(line.rstrip()) <= 100 for line in shown.splitlines())
    assert shown.count("write to them") == 1
    assert (
        shown.index(f"{first[:8]}  write to them") < shown.index("a1.2") < shown.index(f"{second[:8]}  and")
    )
    assert " ".join(shown.split()).count("a long word") == 40
    assert f"all 2 calls: remit approve {first[:8]} --all" in shown
    assert f"remit approve {second[:8]} --all" not in shown


def test_all_calls_of_a_run_are_decided_at_once_each_by_itself(tmp_path: Path) -> None:
    run = work(tmp_path, [SENDING, OTHER, ASKING], DONE)["run"]
    both = remit("approve", run, "a1.1", "--all")
    assert (both.exit_code, world.done) == (2, [])
    assert "either --all, or a1.1 alone" in both.stderr
    result = remit("approve", run, "--all", "--note", "looked at both")
    assert result.exit_code == 3  # the question is no call, and waits on
    assert 'approved a1.1 send {"to":"a@b.example","text":"hi"}' in result.stdout
    assert 'approved a1.2 send {"to":"c@d.example","text":"hi"}' in result.stdout
    assert sorted(what for what, _ in world.done) == ["send a@b.example", "send c@d.example"]
    bodies = [event["body"] for event in data("show", run)["events"]]
    assert [(b["ask_id"], b["by"], b["text"]) for b in bodies if b["type"] == "replied"] == [
        ("a1.1", "olga", "looked at both"),
        ("a1.2", "olga", "looked at both"),
    ]
    again = remit("approve", run, "--all")
    assert again.exit_code == 2
    assert "asks about no call" in again.stderr
    assert sorted(what for what, _ in world.done) == ["send a@b.example", "send c@d.example"]
    assert remit("answer", run, "the blue one").exit_code == 0
    late = remit("reject", run, "--all")
    assert late.exit_code == 2
    assert "has already ended" in late.stderr


def test_a_yes_lets_the_run_go_on_and_the_effect_happens_once(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    result = remit("approve", run[:8], "--note", "checked")
    assert result.exit_code == 0
    assert "approved by olga" in result.stdout
    assert [what for what, _ in world.done] == ["send a@b.example"]
    again = remit("approve", run, "a1.1")
    assert again.exit_code == 2
    assert "a1.1" in again.stderr
    assert "already answered: approve by olga" in again.stderr
    assert [what for what, _ in world.done] == ["send a@b.example"]


def test_a_no_reaches_the_agent_with_its_reason(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    ended = data("reject", run, "--reason", "not to strangers")
    assert (ended["effects"], world.done) == ([], [])
    assert "rejected not to strangers" in remit("show", run).stdout


def test_of_several_things_one_must_be_named_and_the_rest_goes_on_waiting(tmp_path: Path) -> None:
    run = work(tmp_path, [SENDING, OTHER], DONE)["run"]
    assert [row["ask"] for row in data("inbox")] == ["a1.1", "a1.2"]
    unclear = remit("approve", run)
    assert unclear.exit_code == 2
    assert "name one: a1.1, a1.2" in unclear.stderr
    unknown = remit("approve", run, "a1.3")
    assert unknown.exit_code == 2
    assert "Did you mean 'a1." in unknown.stderr
    first = remit("approve", run, "a1.2")
    assert first.exit_code == 3
    assert f"next: remit approve {run[:8]}   or" in first.stdout
    assert remit("approve", run).exit_code == 0
    assert sorted(what for what, _ in world.done) == ["send a@b.example", "send c@d.example"]


def test_a_question_is_answered_in_words_and_a_bare_yes_is_pointed_there(tmp_path: Path) -> None:
    run = work(tmp_path, ASKING, DONE)["run"]
    assert "remit answer" in remit("inbox").stdout
    wrong = remit("approve", run)
    assert wrong.exit_code == 2
    assert f'remit answer {run[:8]} "…" --ask q1.1' in wrong.stderr
    assert data("answer", run, "the blue one", "--ask", "q1.1")["report"] == "It is done."
    assert "olga: answer the blue one" in remit("show", run).stdout
    late = remit("answer", run, "the red one")
    assert late.exit_code == 2
    assert "has already ended" in late.stderr


def test_words_are_no_answer_to_a_call_that_wants_yes_or_no(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    result = remit("answer", run, "why not")
    assert result.exit_code == 2
    assert "approve or reject" in result.stderr


def test_a_word_to_a_cancelled_run_says_what_became_of_it(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    assert remit("cancel", run).exit_code == 0
    late = remit("approve", run)
    assert late.exit_code == 2
    assert "cancelled" in late.stderr
    assert (data("inbox"), world.done) == ([], [])


def test_a_word_after_expiry_is_refused_and_the_run_goes_on_without_it(
    tmp_path: Path, here: Settings
) -> None:
    agent, model = spec(tmp_path), script(tmp_path, SENDING, DONE)
    run = data("run", "go", "--detach", "--agent", agent, "--model", model)["run"]

    async def ask_long_ago() -> None:
        async with open_app(here) as app:
            answered = Answered(model="m", calls=[Call(id="1.1", **SENDING)])
            judged = Judged(call_id="1.1", tool="send", effect="egress", decision="ask", rule="r")
            past = datetime.now(UTC) - timedelta(seconds=1)
            asked = Asked(ask_id="a1.1", kind="approval", text="?", call_id="1.1", digest="d", expires=past)
            await app.journal.append(UUID(run), 1, [answered, judged, asked])

    asyncio.run(ask_long_ago())
    late = remit("approve", run)
    assert late.exit_code == 2
    assert "expired at" in late.stderr
    ended = data("resume", run)
    assert (ended["waits"], ended["effects"], world.done) == ([], [], [])


def test_later_only_records_the_word(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    recorded = data("approve", run, "--later")
    assert (recorded["status"], recorded["waits"], world.done) == ("running", [], [])
    assert "a worker goes on" in remit("reject", work(tmp_path, SENDING, DONE)["run"], "--later").stdout
    assert data("resume", run)["effects"][0]["approved_by"] == "olga"


def test_a_word_to_a_parent_reaches_the_one_child_that_asks(tmp_path: Path) -> None:
    run = with_a_child(tmp_path, ASKING, DONE)
    (child,) = data("show", run)["children"]
    shown = remit("resume", run)
    assert "remit inbox, where a child may wait for you" in shown.stdout
    result = remit("answer", "last", "the blue one")  # the last that was begun by a person, not its child
    assert result.exit_code == 0
    assert f"{child['run'][:8]} thought finish" in result.stdout
    ended = data("show", run)
    assert (ended["report"], ended["children"][0]["status"]) == ("It is done.", "cannot verify")


def test_two_people_say_yes_and_each_sees_what_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {"tool": "send", "ask": "true", "by": ["olga", "bo", "carol"], "persons": 2}
    two["escalate"] = {"after": "4h", "to": "dora"}
    monkeypatch.setenv("REMIT_USER", "ann")  # for whom the run acts
    run = work(tmp_path, [SENDING, OTHER], DONE, rules=[two])["run"]
    shown = " ".join(remit("inbox").stdout.split())
    assert "wants 2 people of olga, bo, carol; from " in shown
    assert "on also dora" in shown
    assert "not you ann may not decide that; it wants 2 people" in shown
    refused = remit("approve", run, "a1.1")
    assert refused.exit_code == 2
    assert "a1.1: ann may not decide that" in refused.stderr
    monkeypatch.setenv("REMIT_USER", "bo")
    first = remit("approve", run, "--all", "--note", "looked")
    assert first.exit_code == 3
    assert 'endorsed a1.1 send {"to":"a@b.example","text":"hi"}: 1 more person must say yes' in first.stdout
    assert (len(data("inbox")), data("inbox", "--for", "bo"), world.done) == (2, [], [])
    assert [row["ask"] for row in data("inbox", "--for", "OLGA")] == ["a1.1", "a1.2"]
    assert remit("inbox", "--for", "dora").stdout == "Nothing waits for dora.\n"
    (row, _) = data("inbox", "--for", "carol")
    assert (row["endorsed"], row["persons"]) == ([{"by": "bo", "text": "looked", "instead": []}], 2)
    assert "✓ bo said yes: looked; 1 more person must say yes" in remit("inbox").stdout
    twice = remit("approve", run, "a1.1")
    assert twice.exit_code == 2
    assert "bo has said yes to a1.1 already" in twice.stderr
    monkeypatch.setenv("REMIT_USER", "olga")
    ended = remit("approve", run, "--all")
    assert ended.exit_code == 0
    assert sorted(what for what, _ in world.done) == ["send a@b.example", "send c@d.example"]
    assert "approved by bo and olga" in ended.stdout
    timeline = remit("show", run).stdout
    assert "bo: approve looked, others must too" in timeline
    assert "(wants 2 people of olga, bo, carol" in timeline
    assert "approved by: bo and olga" in remit("why", run, "1.1").stdout
    assert data("effects", run)[0]["approved_by"] == "bo and olga"


def test_a_call_is_approved_as_somebody_changes_it_and_all_that_shows_it_says_so(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    for wrong, said in (
        (["--set", "to"], "write it as NAME=VALUE"),
        (["--set", "txt=hi"], "send has no such argument; it takes to, text"),
        (["--set", "to=x@y.example", "--all"], "--set does not go with --all"),
        (["--set", "to=x@y.example", "--remember", "to"], "a call as the agent makes it"),
    ):
        refused = remit("approve", run, *wrong)
        assert (refused.exit_code, world.done) == (2, [])
        assert said in " ".join(refused.stderr.split())
    said = remit("approve", run, "--set", "to=c@d.example", "--set", "text=12", "--note", "as agreed")
    assert said.exit_code == 0
    assert [what for what, _ in world.done] == ["send c@d.example"]
    shown = " ".join(remit("show", run).stdout.split())
    assert "olga changes 1.1: to is c@d.example; text is 12" in shown
    assert "olga: approve as agreed" in shown
    why = data("why", run, "1.1")
    assert why["args"] == {"to": "c@d.example", "text": "12"}
    assert (why["values"]["to"]["changed by"], why["values"]["to"]["was"]) == ("olga", "a@b.example")
    assert "olga, who changed it" in remit("why", run, "1.1").stdout
    assert data("effects", run)[0]["args"]["to"] == "c@d.example"


def test_a_yes_that_is_remembered_is_listed_used_by_name_and_forgotten(tmp_path: Path) -> None:
    assert remit("remembered").stdout.startswith("Nothing is remembered")
    first = work(tmp_path, SENDING, DONE)["run"]
    for wrong, said in ((["text"], "nothing vouches for to either"), (["tu", "to"], "Did you mean 'to'")):
        refused = remit("approve", first, *(f"--remember={name}" for name in wrong))
        assert (refused.exit_code, world.done) == (2, [])
        assert said in refused.stderr
    assert "alone" in remit("approve", first, "--all", "--remember", "to").stderr
    said = remit("approve", first, "--remember", "to")
    assert said.exit_code == 0
    assert "remembered 1: send with to = a@b.example; `remit forget 1` ends that" in said.stdout
    (kept,) = data("remembered")
    assert (kept["agent"], kept["tool"], kept["rule"], kept["by"]) == (
        "shop",
        "send",
        "ask send if true",
        "olga",
    )
    assert (kept["run"], kept["ask"], kept["words"]) == (first, "a1.1", "send with to = a@b.example")
    assert "send with to = a@b.example" in remit("remembered", "--agent", "shop").stdout
    assert data("remembered", "--agent", "other") == []

    second = work(tmp_path, SENDING, OTHER, DONE)["run"]  # to the same, and to another
    assert [row["ask"] for row in data("inbox")] == ["a2.1"]
    assert [what for what, _ in world.done] == ["send a@b.example"] * 2
    why = data("why", second, "1.1")
    assert (why["rule"], why["approved by"]) == ("remembered 1: send with to = a@b.example", "")
    assert why["reasons"].startswith("olga said so on ")
    assert "remembered 1: send with to = a@b.example" in remit("show", second).stdout
    asked_by_another = [{"tool": "send", "ask": "args.to != ''"}]
    assert work(tmp_path, SENDING, DONE, rules=asked_by_another)["waits"]

    assert "forgotten: send with to = a@b.example; shop asks again" in remit("forget", "1").stdout
    assert data("remembered") == []
    assert work(tmp_path, SENDING, DONE)["waits"]
    again, unknown = remit("forget", "1"), remit("forget", "9")
    assert (again.exit_code, unknown.exit_code) == (2, 2)
    assert "1 was forgotten by olga on" in again.stderr
    assert "nothing is remembered as 9" in unknown.stderr
    # Of what was decided while it held, it is still told, and judged again, as then.
    told = data("policy", "explain", second, "1.1")
    assert (told["decision"], told["rule"]) == ("allow", "remembered 1: send with to = a@b.example")
    changed = data("policy", "diff", spec(tmp_path))["changed"]
    assert (second, "1.1") not in {(one["run"], one["call"]) for one in changed}


def test_what_two_people_look_at_each_time_is_not_remembered(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE, rules=[{"tool": "send", "ask": "true", "persons": 2}])["run"]
    refused = remit("approve", run, "--remember", "to")
    assert refused.exit_code == 2
    assert "a1.1 is asked each time: two people look each time" in refused.stderr
    assert (data("remembered"), data("inbox")[0]["endorsed"]) == ([], [])
    waiting = work(tmp_path, ASKING, DONE)["run"]
    assert "no call that could be remembered" in remit("approve", waiting, "--remember", "to").stderr


def test_every_level_of_evidence_has_its_words() -> None:
    assert set(LEVELS) <= set(EVIDENCE)


def test_a_question_is_handed_over_and_shown_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"tool": "send", "ask": "true", "by": "olga"}]
    run = work(tmp_path, SENDING, DONE, rules=rules)["run"]
    assert data("inbox", "--for", "bo") == []
    assert remit("delegate", "last").exit_code == 2
    assert (
        remit("delegate", "last", "--to", "bo").stdout
        == f"bo may decide a1.1 of run {run[:8]} in your place\n"
    )
    assert "bo decides in place of olga" in remit("inbox", "--for", "bo").stdout
    (row,) = data("inbox", "--for", "bo")
    assert row["handed_over"] == [{"by": "olga", "to": "bo", "until": None}]
    assert "nobody decides a1.1" in remit("delegate", "last", "a1.1", "--back").stdout
    assert data("inbox", "--for", "bo") == []
    assert remit("away", "--to", "bo").exit_code == 2
    assert "is no time" in remit("away", "--to", "bo", "--until", "monday").stderr
    assert [one["deputy"] for one in data("away", "--to", "bo", "--until", "2999-01-01")] == ["bo"]
    assert "01 Jan 00:00" in remit("away").stdout
    assert "until 01 Jan 00:00" in remit("inbox", "--for", "bo").stdout
    monkeypatch.setenv("REMIT_USER", "bo")
    assert remit("approve", "last").exit_code == 0
    assert "bo (for olga)" in remit("why", "last", "1.1").stdout
    monkeypatch.setenv("REMIT_USER", "olga")
    assert remit("away", "--end").stdout == "bo does not decide in your place any more\n"
    assert remit("away").stdout == "Nobody is away: everybody decides for themselves.\n"


def test_the_inbox_says_until_when_a_question_is_put_off(
    tmp_path: Path, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).weekday()
    days = [DAYS[(today + ahead) % 7] for ahead in (0, 1)]
    rules = tmp_path / "all.yaml"
    rules.write_text(f"reviewers: [{{who: olga, quiet: {{zone: UTC, days: [{', '.join(days)}]}}}}]")
    monkeypatch.setattr(settings_module, "load", lambda: here.model_copy(update={"rules": rules}))
    work(tmp_path, SENDING, DONE, rules=[{"tool": "send", "ask": "true", "by": "olga"}])
    assert "waits until 00:00" in remit("inbox").stdout
    assert data("inbox")[0]["quiet_until"].endswith("UTC")
    assert remit("approve", "last").exit_code == 0


def test_what_is_mine_is_found_behind_what_is_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("bo", "bo", "bo", "olga", "bo", "olga", "olga"):
        work(tmp_path, SENDING, DONE, goal=f"for {who}", rules=[{"tool": "send", "ask": "true", "by": who}])
    monkeypatch.setattr("remit.waiting.MOST", 2)
    monkeypatch.setattr(inbox, "MOST", 2)
    assert [row["goal"] for row in data("inbox", "--for", "olga")] == ["for olga", "for olga"]
    assert [row["goal"] for row in data("inbox")] == ["for bo", "for bo"]
    assert "The oldest 2 are shown; there may be more." in remit("inbox", "--for", "olga").stdout
    assert data("inbox", "--for", "eve") == []
