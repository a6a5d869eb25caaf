"""`remit people`: whoever has the shell decides who may come."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from remit.access.factor import coming, confirm, set_up
from remit.access.invitations import set_password
from remit.access.people import known
from remit.access.providers import Provider, keep
from remit.app import open_app
from remit.cli.main import command
from remit.settings import Settings
from tests.cli.typed import data, remit
from tests.console.factors import code


def test_people_are_added_changed_disabled_and_listed(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    assert (
        data("people", "add", "bo@shop.example", "--role", "approver", "--called", "Bo")["role"] == "approver"
    )
    assert data("people", "role", "BO@shop.example", "operator")["role"] == "operator"
    assert data("people", "disable", "bo@shop.example")["disabled_at"]
    assert "disabled" in remit("people", "list").stdout
    assert data("people", "enable", "bo@shop.example")["disabled_at"] is None
    found = data("people", "list")
    assert [(one["name"], one["shown"], one["role"], one["added_by"]) for one in found] == [
        ("ann", "", "owner", "ann"),
        ("bo@shop.example", "Bo", "operator", "ann"),
    ]


def test_a_role_for_an_agent_is_given_and_taken_and_a_token_is_made_for_it(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    data("people", "add", "bo", "--role", "guest")
    assert data("people", "role", "bo", "approver", "--agent", "support")["agents"] == {"support": "approver"}
    assert "approver for support" in remit("people", "list").stdout.replace("\n", " ")
    assert "unknown agent 'suport'" in remit("people", "role", "bo", "viewer", "--agent", "suport").stderr
    assert data("people", "role", "bo", "none", "--agent", "support")["agents"] == {}
    made = data("tokens", "add", "desk", "--scope", "runs:read", "--agent", "support")
    assert (made["agents"], made["scopes"]) == (["support"], ["runs:read"])
    assert "with support" in " ".join(remit("tokens", "list").stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "bo", "--role", "aprover"], "Did you mean 'approver'?"),
        (["add", "group:all"], "is no name for a person"),
        (["add", "ANN"], "is here already"),
        (["role", "anm", "viewer"], "Did you mean 'ann'?"),
        (["role", "ann", "viewer"], "last owner"),
        (["disable", "ann"], "last owner"),
    ],
)
def test_what_is_wrong_is_said(
    here: Settings, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    remit("tokens", "add", "crm", "--scope", "runs:read")
    result = remit("people", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_token_is_made_for_whoever_is_at_the_shell_unless_they_were_disabled(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    assert data("tokens", "add", "crm", "--scope", "settings:write")["role"] == "owner"
    remit("people", "add", "bo", "--role", "viewer")
    monkeypatch.setenv("REMIT_USER", "bo")
    beyond = remit("tokens", "add", "more", "--scope", "runs:write")
    assert (beyond.exit_code, "bo is viewer here" in beyond.stderr) == (2, True)
    remit("people", "disable", "bo")
    out = remit("tokens", "add", "other", "--scope", "runs:read")
    assert (out.exit_code, "remit people enable bo" in out.stderr) == (2, True)


def test_a_password_is_piped_in_or_chosen_by_a_link(here: Settings) -> None:
    remit("people", "add", "bo")
    weak = CliRunner().invoke(command("people"), ["password", "bo"], input="password1234\n")
    assert (weak.exit_code, "guessed early" in weak.stderr) == (2, True)
    assert "no password" in remit("people", "list").stdout
    done = CliRunner().invoke(command("people"), ["password", "bo", "--json"], input="seven tin whistles\n")
    assert json.loads(done.stdout)["password"] is True
    assert "seven" not in done.output
    link = data("people", "password", "bo", "--link")["link"]
    assert link.startswith("http://127.0.0.1:7700/join?key=")
    assert remit("people", "password", "bo", "--link").stdout.strip() != link


def test_a_second_factor_is_asked_of_everybody_and_taken_off_from_the_shell(here: Settings) -> None:
    remit("people", "add", "bo")
    assert data("people", "second-factor") == {"required": False, "have": []}
    assert data("people", "second-factor", "--require") == {"required": True, "have": []}
    assert "must have one" in remit("people", "second-factor").stdout
    asyncio.run(_set_up(here))
    assert data("people", "second-factor", "--leave") == {"required": False, "have": ["bo"]}
    assert data("people", "no-code", "bo")["factor"] is False
    assert data("people", "second-factor")["have"] == []
    assert remit("people", "no-code", "nobody").exit_code == 2


async def _set_up(settings: Settings) -> None:
    async with open_app(settings) as app:
        bo = await known(app.store, "bo")
        await set_password(app.store, "ann", bo, "seven tin whistles of Arklow")
        bo = await known(app.store, "bo")
        await set_up(app.store, bo)
        await confirm(app.store, bo, await code(app, await coming(app.store, bo.id)))


def test_a_provider_is_added_at_the_shell_once_it_answers(here: Settings) -> None:
    assert "no provider" in remit("sign-in", "list").stdout
    words = ["sign-in", "add", "corp", "--issuer", "http://127.0.0.1:9", "--client-id", "remit", "--inner"]
    refused = CliRunner().invoke(command("sign-in"), words[1:], input="a secret")
    assert (refused.exit_code, "does not answer" in " ".join(refused.stderr.split())) == (2, True)
    assert data("sign-in", "list") == []
    assert remit("sign-in", "remove", "corp").exit_code == 2
    asyncio.run(_keep(here))
    (found,) = data("sign-in", "list")
    assert (found["name"], found["issuer"], "sealed" in found) == (
        "corp",
        "https://login.shop.example",
        False,
    )
    assert "Shop" in remit("sign-in", "list").stdout
    assert data("sign-in", "remove", "corp") == {"removed": "corp"}


async def _keep(settings: Settings) -> None:
    async def answers(_: Provider) -> None:
        """It is not asked."""

    async with open_app(settings) as app:
        one = Provider("default", "corp", "Shop", "https://login.shop.example", "remit")
        await keep(app.store, "ann", one, "a secret", ask=answers)
