"""Questions handed over, people who are away, and limits of their yes: on a real database, with the journal as witness."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from remit.agents.spec import DAYS, Reviewer
from remit.agents.workspace import hours, limits, load_workspace, workspace_of
from remit.app import App, open_app
from remit.away import come_back, go_away, list_away
from remit.errors import NotWaiting, SpecError, UserError
from remit.gate.standing import Circle
from remit.journal.events import Asked, Endorsed, HandedOver, Replied
from remit.settings import Settings
from remit.steering import People
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, agent, call, finish

DAY = timedelta(days=1)
PAGE = (Path(__file__).parents[2] / "docs/approvals.md").read_text()


async def ask(app: App, amount: int = 40, **rule: Any) -> UUID:
    model = ScriptedModel([call("charge", amount=amount), finish(), finish()], by_turn=True)
    asks = {"tool": "charge", "ask": "true", "by": ["bo", "carol"], **rule}
    run = await app.start(agent(rules=[asks]), "charge it", person=ANN, model=model)
    assert (await app.advance(run)).waits
    return run


def limited(settings: Settings, *reviewers: Any) -> Settings:
    path = Path(settings.data_dir) / "limits.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"reviewers": list(reviewers), "groups": {"till": ["bo", "carol"]}}))
    return settings.model_copy(update={"rules": path})


async def test_one_question_is_handed_over_on_record_and_taken_back(app: App) -> None:
    run = await ask(app)
    with pytest.raises(UserError, match="dora may not decide that"):
        await app.answer(run, "approve", "dora")
    await app.hand_over(run, "bo", "dora")
    await app.hand_over(run, "bo", "")
    with pytest.raises(UserError, match="dora may not decide that"):
        await app.answer(run, "approve", "dora")
    with pytest.raises(UserError, match="is not handed over by bo"):
        await app.hand_over(run, "bo", "")
    with pytest.raises(UserError, match="eve may not decide that"):
        await app.hand_over(run, "eve", "dora")
    await app.hand_over(run, "bo", "dora")
    said = await app.answer(run, "approve", "dora")
    assert isinstance(said, Replied)
    assert said.instead == ["bo"]
    state = await app.advance(run)
    assert [what for what, _ in world.done] == ["charge"]
    assert state.calls["1.1"].approved_by == "dora (for bo)"
    hands = [e.body.to for e in await app.journal.read(run) if isinstance(e.body, HandedOver)]
    assert hands == ["dora", "", "dora"]
    with pytest.raises(NotWaiting):
        await app.hand_over(run, "carol", "dora")


async def test_whoever_is_away_is_spoken_for_until_they_are_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, now = await ask(app), await app.now()
    away = await go_away(app.store, "Bo", "dora", now + DAY)
    assert [one.deputy for one in await list_away(app.store)] == ["dora"]
    assert (
        not (await app.people())
        .about(await app.state(run), (await app.state(run)).waits["a1.1"])
        .over("dora")
    )

    async def later() -> datetime:
        return now + 2 * DAY

    with monkeypatch.context() as clock:
        clock.setattr(app, "now", later)
        with pytest.raises(UserError, match="dora may not decide that"):
            await app.answer(run, "reject", "dora")
    assert (await come_back(app.store, "bo")).id == away.id
    with pytest.raises(UserError, match="bo is not away"):
        await come_back(app.store, "bo")
    with pytest.raises(UserError, match="dora may not decide that"):
        await app.answer(run, "approve", "dora")
    await go_away(app.store, "bo", "dora", now + DAY)
    await app.answer(run, "reject", "dora", "no")
    assert (await app.advance(run)).replies["a1.1"].instead == ["bo"]


async def test_the_two_of_a_handing_over_are_one_person_whichever_speaks_first(app: App) -> None:
    now = await app.now()
    await go_away(app.store, "bo", "carol", now + DAY)
    for first, second in (("bo", "carol"), ("carol", "bo")):
        run = await ask(app, persons=2, by=["bo", "carol", "dora"])
        assert isinstance(await app.answer(run, "approve", first), Endorsed)
        with pytest.raises(UserError, match="count as one, by what bo handed over; 1 more person must"):
            await app.answer(run, "approve", second)
        assert isinstance(await app.answer(run, "approve", "dora"), Replied)
        assert (await app.advance(run)).calls["1.1"].acted is not None
    assert len(world.done) == 2


async def test_two_who_name_each_other_at_once_make_no_circle(app: App) -> None:
    until = await app.now() + DAY
    said = await asyncio.gather(
        go_away(app.store, "bo", "carol", until),
        go_away(app.store, "carol", "bo", until),
        return_exceptions=True,
    )
    assert sum(isinstance(one, UserError) for one in said) == 1
    assert len(await list_away(app.store)) == 1
    for deputy, when, why in (
        ("bo@x.example", until, "is yourself"),
        ("group:x", until, "is nobody"),
        ("eve", until - 3 * DAY, "is over"),
    ):
        with pytest.raises(UserError, match=why):
            await go_away(app.store, "bo", deputy, when)


async def test_what_failed_leaves_what_was_said_before(app: App) -> None:
    until = await app.now() + DAY
    await go_away(app.store, "bo", "carol", until)
    with pytest.raises(UserError, match="is yourself"):
        await go_away(app.store, "bo", "bo", until)
    assert [one.deputy for one in await list_away(app.store)] == ["carol"]
    await go_away(app.store, "bo", "dora", until)
    assert [one.deputy for one in await list_away(app.store)] == ["dora"]


async def test_a_yes_beyond_a_persons_limit_is_refused_also_in_anothers_place_and_a_no_is_not(
    settings: Settings,
) -> None:
    world.reset()
    under = limited(
        settings, {"who": "bo", "may": "args.amount <= 50"}, {"who": "*", "may": "args.amount <= 100"}
    )
    async with open_app(under) as app:
        run = await ask(app, 60)
        with pytest.raises(UserError, match=r"bo may say yes only where args.amount <= 50; carol may"):
            await app.answer(run, "approve", "bo")
        with pytest.raises(UserError, match=r"bo may say yes only"):
            await app.answer_all(run, "approve", "bo")
        await go_away(app.store, "bo", "dora", await app.now() + DAY)
        with pytest.raises(UserError, match=r"bo may say yes only"):
            await app.answer(run, "approve", "dora")
        await app.answer(run, "reject", "dora")
        run = await ask(app, 60)
        await app.answer(run, "approve", "carol")
        assert (await app.advance(run)).calls["1.1"].approved_by == "carol"
        run = await ask(app, 40)
        with pytest.raises(UserError, match="must stay within that"):
            await app.answer_and_remember(run, "bo", ["amount<=90"])
        with pytest.raises(UserError, match="not for good"):
            await app.answer_and_remember(run, "dora", ["amount"])
        await app.answer_and_remember(run, "bo", ["amount<=50"])


async def test_a_limit_may_be_of_tools_and_of_a_group_and_a_wrong_one_is_said_with_its_line(
    settings: Settings,
) -> None:
    async with open_app(limited(settings, {"who": "group:till", "tools": "send"})) as app:
        run = await ask(app)
        with pytest.raises(UserError, match="bo may say yes only to send; nobody who is asked may"):
            await app.answer(run, "approve", "bo")
    async with open_app(limited(settings, {"who": "bo", "may": "args.amount <="})) as app:
        with pytest.raises(UserError, match=r"limits\.yaml:\d+: reviewer 1 \(bo\): may"):
            await app.answer(run, "approve", "bo")


def test_the_limits_that_the_page_shows_are_limits(tmp_path: Path) -> None:
    shown, _ = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "rules.yaml").write_text(shown)
    found = limits(load_workspace(tmp_path / "rules.yaml"))
    euros = {"args": {"amount": 700, "currency": "EUR"}}
    said = {
        name: Circle((), found, "refund", euros).over(name) == ""
        for name in ("bo", "bo@shop.example", "dora", "x")
    }
    assert said == {"bo": True, "bo@shop.example": True, "dora": False, "x": False}
    table = PAGE.partition("| | what it says | left out |")[2].partition("\n\n")[0]
    assert [*re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE), "quiet"] == list(Reviewer.model_fields)


def test_the_quiet_hours_that_the_page_shows_are_quiet_hours(tmp_path: Path) -> None:
    _, shown = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "rules.yaml").write_text(f"groups: {{finance: [bo]}}\n{shown}")
    found = hours(load_workspace(tmp_path / "rules.yaml"))
    friday = datetime(2026, 11, 20, 18, tzinfo=UTC)
    asked = Asked(ask_id="a1", kind="approval", text="?", by=["bo", "carol@shop.example"])
    assert People((), (), found).quiet(asked, friday) == "00:00 America/New_York"
    assert People((), (), found).quiet(asked, friday - timedelta(hours=2)) == ""
    finance = asked.model_copy(update={"by": ["bo"]})
    assert People((), (), found).quiet(finance, friday) == "08:00 on Monday Europe/Berlin"
    assert People((), (), found).quiet(finance.model_copy(update={"urgent": True}), friday) == ""


@pytest.mark.parametrize(
    ("quiet", "said"),
    [
        ({"zone": "Mars/Olympus", "days": ["sat"]}, "is no time zone; write one as Europe/Berlin"),
        ({"zone": "../etc/passwd", "days": ["sat"]}, "is no time zone"),
        ({"zone": "UTC"}, "or `days`, or both"),
        ({"zone": "UTC", "from": "18:00"}, "or `days`, or both"),
        ({"zone": "UTC", "from": 18, "to": 8}, "write a time of day as 18:00"),
        ({"zone": "UTC", "from": "18:00Z", "to": "08:00Z"}, "the zone is `zone`"),
        ({"zone": "UTC", "from": "18:00", "to": "18:00"}, "leave some time"),
        ({"zone": "UTC", "days": list(DAYS)}, "leave some time"),
        ({"zone": "UTC", "form": "18:00"}, "did you mean 'from'"),
    ],
)
def test_quiet_hours_that_cannot_be_meant_are_said_with_their_line(
    settings: Settings, quiet: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=rf"limits\.yaml:\d.*{said}"):
        workspace_of(limited(settings, {"who": "bo", "quiet": quiet}))


async def test_a_question_in_quiet_hours_waits_and_an_urgent_one_does_not(settings: Settings) -> None:
    now = datetime.now(UTC)
    days = [DAYS[(now.weekday() + ahead) % 7] for ahead in (0, 1)]
    quiet = {"zone": "UTC", "days": days}
    async with open_app(limited(settings, {"who": "group:till", "quiet": quiet})) as app:
        waits = (await app.state(await ask(app, expires="1h"))).waits["a1.1"]
        urgent = (await app.state(await ask(app, expires="1h", urgent=True))).waits["a1.1"]
        assert waits.expires is not None
        assert urgent.expires is not None
        assert waits.expires - urgent.expires > timedelta(hours=23)
        assert (waits.expires.hour, waits.expires.minute) == (1, 0)  # an hour after midnight
        people = await app.people()
        assert people.quiet(waits, now).startswith("00:00")
        assert people.quiet(urgent, now) == ""
