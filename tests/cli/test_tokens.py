"""`remit tokens`: shown once, kept as a hash, ended at once."""

from __future__ import annotations

import asyncio

import pytest

from remit.api.tokens import token_of
from remit.settings import Settings
from remit.store.store import open_store
from tests.cli.typed import data, remit


def known(settings: Settings, secret: str) -> bool:
    async def look() -> bool:
        async with open_store(settings) as store:
            return await token_of(store, secret) is not None

    return asyncio.run(look())


def test_a_token_is_shown_once_holds_and_is_revoked(here: Settings) -> None:
    made = data("tokens", "add", "crm", "--scope", "runs:read", "--scope", "runs:write")
    assert (made["who"], made["scopes"]) == ("olga", ["runs:read", "runs:write"])
    assert made["token"].startswith("remit_")
    assert known(here, made["token"])
    listed = data("tokens", "list")
    assert [(one["name"], one["used_at"] is not None) for one in listed] == [("crm", True)]
    assert made["token"] not in remit("tokens", "list").output + str(listed)
    assert "crm" in remit("tokens", "list").stdout
    assert data("tokens", "revoke", "crm") == {"name": "crm", "revoked": True}
    assert not known(here, made["token"])
    assert data("tokens", "list") == []
    assert "revoked: crm" not in remit("tokens", "revoke", "crm").output


def test_only_the_token_goes_to_stdout(here: Settings) -> None:
    result = remit("tokens", "add", "ci", "--scope", "runs:read", "--expires", "never")
    assert known(here, result.stdout.strip())
    assert "calls in the name of olga, for ever" in result.stderr
    assert data("tokens", "list")[0]["expires_at"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["crm"], "say what it is for, by --scope"),
        (["crm", "--scope", "runs:raed"], "Did you mean 'runs:read'?"),
        (["c r m", "--scope", "runs:read"], "is no name for a token"),
        (["taken", "--scope", "runs:read"], "there is a token 'taken' already"),
        (["crm", "--scope", "runs:read", "--expires", "soon"], "write 90d, 12h or never"),
        (["crm", "--scope", "runs:read", "--expires", "0d"], "lasts some time"),
        (["crm", "--scope", "runs:read", "--expires", "9999d"], "3650 days at most"),
    ],
)
def test_what_is_wrong_is_said(here: Settings, words: list[str], said: str) -> None:
    data("tokens", "add", "taken", "--scope", "runs:read")
    result = remit("tokens", "add", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_an_unknown_token_is_said_with_the_nearest(here: Settings) -> None:
    data("tokens", "add", "crm", "--scope", "runs:read")
    assert "Did you mean 'crm'?" in remit("tokens", "revoke", "crn").stderr
