"""`remit people`: whoever has the shell decides who may come."""

from __future__ import annotations

import pytest

from remit.settings import Settings
from tests.cli.typed import data, remit


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
