"""Forking a run in the browser, and two runs side by side."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from remit.access import roles
from remit.agents.load import parse_rules, rules_text
from remit.app import App
from remit.gate.unseen import shown
from remit.journal.events import Person, Started
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import agent, call, finish
from tests.console.test_runs import EVIL, begun, done, text

RULES = ({"tool": "send", "ask": "args.to != 'x'", "because": "mail leaves", "expires": "2h"},)


def field(page: str, name: str) -> str:
    """What stands in a field."""
    found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    found = found or re.search(rf'<input[^>]* name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found[1])


async def typed(
    browser: httpx.AsyncClient, run: UUID, at: int | None = None, **changed: str
) -> dict[str, str]:
    """The form as it stands, with some of it changed."""
    page = await text(browser, f"/runs/{run}/fork" + (f"?at={at}" if at else ""))
    names = ("at", "instructions", "model", "rules")
    return {**{name: field(page, name) for name in names}, "how": "shadow", **changed}


async def forked(app: App, answer: httpx.Response) -> tuple[UUID, Started]:
    assert answer.status_code == 303, answer.text
    new = UUID(answer.headers["location"].removeprefix("/runs/"))
    started = (await app.journal.read(new))[0].body
    assert isinstance(started, Started)
    return new, started


async def test_every_event_leads_to_a_fork_from_there(app: App, browser: httpx.AsyncClient) -> None:
    run = await done(app)
    page = await text(browser, f"/runs/{run}")
    for event in await app.journal.read(run):
        assert f'href="/runs/{run}/fork?at={event.seq}"' in page
        assert f'name="at" value="{event.seq}"' in await text(browser, f"/runs/{run}/fork?at={event.seq}")


async def test_a_fork_as_it_is_shares_the_events_and_says_who_made_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(app, [call("look_up", order="W1")], [finish()], rules=RULES, instructions="Be kind")
    answer = await browser.post(f"/runs/{run}/fork", data=await typed(browser, run, 3, how="earnest"))
    new, started = await forked(app, answer)
    before = await app.journal.read(run)
    assert (started.fork_of, started.fork_seq, started.fork_by) == (run, 3, "ann")
    assert [e.body for e in (await app.journal.read(new))[1:]] == [e.body for e in before[1:3]]
    assert started.spec == before[0].body.spec  # type: ignore[union-attr]
    page = await text(browser, f"/runs/{new}")
    assert "after event 3, by ann" in page
    assert f'href="/compare?a={run}&amp;b={new}"' in page


async def test_a_fork_is_simulated_unless_it_is_wanted_in_earnest(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(app, [call("charge", amount=5)], [finish()])
    assert [what for what, _ in world.done] == ["charge"]
    for how, happened in (("shadow", 1), ("", 1), ("earnest", 2)):
        answer = await browser.post(f"/runs/{run}/fork", data=await typed(browser, run, 1, how=how))
        new, _ = await forked(app, answer)
        await app.advance(new)
        assert len(world.done) == happened, how


async def test_instructions_model_and_rules_of_a_fork_are_what_was_typed(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(app, [finish()], rules=RULES, instructions="Be kind")
    app.models["scripted:other"] = ScriptedModel([[finish()]], by_turn=True)
    rules = "rules:\r\n- tool: send\r\n  deny: 'true'\r\n"
    form = await typed(
        browser, run, 1, model="scripted:other", instructions="Be brief\r\nand kind", rules=rules
    )
    _, started = await forked(app, await browser.post(f"/runs/{run}/fork", data=form))
    assert started.spec["model"] == "scripted:other"
    assert started.spec["instructions"] == "Be brief\nand kind"
    assert started.spec["rules"] == [{"tool": "send", "deny": "true"}]
    without = await typed(browser, run, 1, rules=" ")
    _, started = await forked(app, await browser.post(f"/runs/{run}/fork", data=without))
    assert "rules" not in started.spec


@pytest.mark.parametrize(
    ("changed", "name", "said"),
    [
        ({"at": "99"}, "at", "from 1 to"),
        ({"at": EVIL}, "at", "from 1 to"),
        ({"model": ""}, "model", "name a model"),
        ({"model": "nonsense"}, "model", "nonsense"),
        ({"model": EVIL}, "model", ""),
        ({"rules": "rules:\n- tool: send\n  dney: 'true'"}, "rules", "line 3: unknown key"),
        ({"rules": "rules:\n- tool: send\n  deny: 'args.'"}, "rules", ""),
        ({"rules": "rules:\n- tool: send\n  ask: 'true'\n  by: group:nobody"}, "rules", "group:nobody"),
        ({"rules": EVIL}, "rules", ""),
        ({"rules": "rules: []"}, "rules", "rules:"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient, changed: dict[str, str], name: str, said: str
) -> None:
    run = await done(app)
    form = {**await typed(browser, run, 1, instructions=f"New {EVIL}"), **changed}
    answer = await browser.post(f"/runs/{run}/fork", data=form)
    assert answer.status_code == 422
    wrong = re.search(rf'<p class="wrong" id="wrong-{name}" role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert wrong is not None, answer.text
    assert said in html.unescape(wrong[1])
    assert f'aria-describedby="wrong-{name}"' in answer.text
    assert "<script>alert" not in answer.text
    for one in ("instructions", name):
        assert shown(field(answer.text, one)) == shown(form[one])
    assert len(await runs_of(app)) == 1


async def runs_of(app: App) -> list[Any]:
    async with app.store.pool.connection() as connection:
        return await (await connection.execute("select id from runs")).fetchall()


async def test_who_may_steer_but_not_build_forks_a_run_as_it_is_only(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await done(app)
    form = await typed(browser, run, 1)
    monkeypatch.setitem(roles.OF_ROLE, "owner", roles.OF_ROLE["operator"])
    assert "<textarea" not in await text(browser, f"/runs/{run}/fork")
    refused = await browser.post(f"/runs/{run}/fork", data={**form, "instructions": "mine"})
    assert refused.status_code == 403
    assert len(await runs_of(app)) == 1
    await forked(app, await browser.post(f"/runs/{run}/fork", data=form))
    monkeypatch.setitem(roles.OF_ROLE, "owner", roles.OF_ROLE["viewer"])
    assert (await browser.get(f"/runs/{run}/fork")).status_code == 403
    assert (await browser.post(f"/runs/{run}/fork", data=form)).status_code == 403
    assert (await browser.post(f"/runs/{run}/cancel")).status_code == 403
    assert 'class="looks"' in await text(browser, f"/runs/{run}")
    assert len(await runs_of(app)) == 2


async def test_two_runs_stand_side_by_side_with_where_they_part(app: App, browser: httpx.AsyncClient) -> None:
    one = await begun(app, [call("look_up", order="W1")], [call("charge", amount=5)], [finish(report="five")])
    two = await begun(
        app, [call("look_up", order="W1")], [call("charge", amount=7)], [finish(report="seven")]
    )
    page = await text(browser, f"/compare?a={one}&b={two}")
    assert "They part at event" in page
    assert page.count("Here they part") == 1
    parts = page[page.index('id="parts"') : page.index("What differs", page.index('id="parts"'))]
    assert "charge" in parts
    assert f'href="/runs/{one}?event=' in parts
    assert f'href="/runs/{two}?event=' in parts
    assert "calls.charge.args.amount" in page
    assert "five" in page
    assert "seven" in page
    alike = await text(browser, f"/compare?a={one}&b={str(one)[:8]}")
    assert "They do the same." in alike
    assert "Here they part" not in alike
    assert re.search(r"\d+ the same", alike)
    assert not re.search(r"\d+ the same", await text(browser, f"/compare?a={one}&b={one}&all=true"))


async def test_what_a_fork_began_with_otherwise_is_shown(app: App, browser: httpx.AsyncClient) -> None:
    run = await begun(app, [finish()], instructions="Be kind")
    form = await typed(browser, run, 1, instructions="Be brief")
    new, _ = await forked(app, await browser.post(f"/runs/{run}/fork", data=form))
    page = await text(browser, f"/compare?a={run}&b={new}")
    assert "Begun otherwise" in page
    assert "Be kind" in page
    assert "Be brief" in page
    assert "remit.autonomy" in page
    assert "forked after event 1 by ann" in page
    assert "goes on still" in page


async def test_markup_in_what_is_compared_is_shown_and_never_taken(
    app: App, browser: httpx.AsyncClient
) -> None:
    one = await begun(
        app, [call("look_up", order=EVIL)], [finish(report=EVIL)], goal=EVIL, person=Person(id=EVIL)
    )
    two = await begun(app, [call("look_up", order="W1")], [finish(report="x")], goal=EVIL, instructions=EVIL)
    for path in (
        f"/compare?a={one}&b={two}",
        f"/compare?a={EVIL}",
        f"/compare?a={EVIL}&b={EVIL}",
        f"/runs/{two}/fork",
    ):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert "style=" not in page


async def test_a_run_that_is_none_is_asked_for_again(app: App, browser: httpx.AsyncClient) -> None:
    run = await done(app)
    answer = await browser.get(f"/compare?a={run}&b=ffffffff")
    assert answer.status_code == 404
    assert "there is no run" in answer.text
    assert field(answer.text, "a") == str(run)
    assert "Run B" in await text(browser, f"/compare?a={run}")


async def test_the_roles_that_are_asked_about_are_those_of_a_spec(app: App) -> None:
    """The rules that the form shows are read back as they were."""
    rules = agent(rules=RULES).rules
    assert parse_rules(rules_text(rules)) == rules
