"""`remit reviewers`: how people decide is read from the journal, and a yes that nobody thought about is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from remit.app import open_app
from remit.cli import common
from remit.cli.reviewers import bar, took
from remit.journal.events import AnyBody, Asked, Endorsed, Replied, Started
from remit.settings import Settings
from tests.cli.typed import DONE, SENDING, data, remit, work

pytestmark = pytest.mark.usefixtures("here")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def happened(settings: Settings, bodies: Sequence[tuple[float, AnyBody]], noon: datetime = NOON) -> UUID:
    """A run's journal with each event at its second after `noon`."""
    run = uuid4()

    async def write() -> None:
        async with open_app(settings) as app:
            started = Started(goal="g", agent="a", spec={})
            await app.journal.append(run, 0, [started, *(body for _, body in bodies)])
            async with app.store.pool.connection() as connection:
                for seq, (second, _) in enumerate(bodies, 2):
                    at = noon + timedelta(seconds=second)
                    query = "update events set at = %s where run = %s and seq = %s"
                    await connection.execute(query, (at, run, seq))

    asyncio.run(write())
    return run


def asks(number: int, kind: str = "approval") -> Asked:
    return Asked.model_validate(
        {"ask_id": f"a{number}", "kind": kind, "text": "?", "expires": NOON + timedelta(1)}
    )


def says(number: int, by: str, decision: str = "approve") -> Replied:
    return Replied.model_validate({"ask_id": f"a{number}", "decision": decision, "by": by})


def test_nobody_has_decided_yet() -> None:
    assert remit("reviewers").stdout == "Nobody has decided on a call yet.\n"
    assert data("reviewers") == []


def test_what_is_decided_by_the_commands_is_counted(tmp_path: Path) -> None:
    for name in ("approve", "approve", "reject"):
        run = work(tmp_path, SENDING, DONE)["run"]
        remit(name, run)
    remit("fork", run)  # takes the words of the run along
    remit("replay", run, "--recorded")
    (row,) = data("reviewers")
    assert (row["reviewer"], row["decisions"], round(row["approved"], 3)) == ("olga", 3, 0.667)
    assert 0 <= row["looked"] <= row["waited"] < 60
    assert not row["stamping"]
    shown = remit("reviewers").stdout
    assert shown.splitlines()[0].split() == [
        "who",
        "calls",
        "yes",
        "waited",
        "looked",
        "under",
        "5",
        "s",
        "newest",
    ]
    assert "██████▋··· 67%" in " ".join(shown.split())


def test_times_begin_with_the_question_or_with_the_word_before(here: Settings) -> None:
    backlog = [(0.0, asks(number)) for number in range(4)]
    happened(
        here,
        [
            *backlog,
            (3600, says(0, "bo")),
            (3660, says(1, "Bo ")),
            (3662, says(2, "bo")),
            (3663, says(3, "eve")),
        ],
    )
    bo, eve = data("reviewers")
    assert (bo["reviewer"], bo["decisions"], eve["decisions"]) == ("bo", 3, 1)
    assert (bo["waited"], bo["looked"], round(bo["quick"], 3)) == (
        3660,
        60,
        0.333,
    )  # 3600, 60 and 2 s to look
    assert (eve["looked"], eve["quick"]) == (3663, 0)
    assert bo["newest"].startswith("2026-11-21T13:01:02")


def test_what_is_decided_in_one_stroke_shares_the_time(here: Settings) -> None:
    happened(here, [(0, asks(1)), (0, asks(2)), (8, says(1, "bo")), (8, says(2, "bo"))])
    (bo,) = data("reviewers")
    assert (bo["waited"], bo["looked"], bo["quick"]) == (8, 4, 1)


def test_only_words_of_people_on_calls_count_and_each_yes_of_two(here: Settings) -> None:
    yes = Endorsed(ask_id="a1", by="bo")
    happened(here, [(0, asks(1)), (10, yes), (20, says(1, "eve", "reject"))])
    happened(here, [(0, asks(1, "budget")), (10, says(1, "dora"))])
    happened(here, [(0, asks(1)), (86400, says(1, "expiry", "reject"))])
    assert [(row["reviewer"], row["approved"]) for row in data("reviewers")] == [("bo", 1), ("eve", 0)]
    happened(here, [(0, asks(1)), (10, says(1, "fay"))], datetime.now(UTC) - timedelta(minutes=30))
    assert [row["reviewer"] for row in data("reviewers", "--since", "1h")][-1:] == ["fay"]
    happened(here, [(0, asks(1)), (10, says(1, "gil"))], datetime.now(UTC) - timedelta(minutes=90))
    assert "gil" not in [row["reviewer"] for row in data("reviewers", "--since", "1h")]
    assert "gil" in [row["reviewer"] for row in data("reviewers", "--since", "2h")]
    wrong = remit("reviewers", "--since", "soon")
    assert (wrong.exit_code, "soon" in wrong.stderr) == (2, True)


def test_who_says_yes_faster_than_one_can_read_is_told_of(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common.console, "width", 100)
    for number in range(12):
        happened(here, [(number * 100, asks(1)), (number * 100 + 2, says(1, "bo@a.example"))])
    happened(here, [(0, asks(1)), (5400, says(1, "carol", "reject"))])
    shown = remit("reviewers").stdout
    assert all(len(line.rstrip()) <= 100 for line in shown.splitlines())
    said = " ".join(shown.split())
    assert "bo@a.example said yes to 100% of 12 calls, to 100% faster than one can read them" in said
    assert data("reviewers")[0]["stamping"]


def test_a_share_is_drawn_and_a_time_is_in_the_unit_that_people_say() -> None:
    assert [bar(share).plain for share in (0, 0.5, 1)] == [
        "··········   0%",
        "█████·····  50%",
        "██████████ 100%",
    ]
    assert [took(s) for s in (0.44, 59, 90, 5400, 172800)] == ["0.4 s", "59.0 s", "1.5 min", "1.5 h", "2.0 d"]


async def test_runs_in_the_archive_are_said_to_be_left_out(here: Settings) -> None:
    async with open_app(here) as app, app.store.pool.connection() as connection:
        query = "insert into archives (run, ended_at, format, events, size, sha256, body) values (%s, now(), 1, 1, 1, '', '')"
        run = uuid4()
        await connection.execute(query, (run,))
        query = "insert into runs (id, agent, goal, status, created_at, updated_at) values (%s, 'a', 'g', 'met', now(), now())"
        await connection.execute(query, (run,))
    for command in ("reviewers", "effects"):
        shown = await asyncio.to_thread(remit, command)
        assert "1 run in the archive left out." in shown.stdout
