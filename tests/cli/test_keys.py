"""`remit keys`: set from what is piped in, listed without values, removed."""

from __future__ import annotations

from remit.settings import Settings
from tests.cli.typed import data, remit

KEY = "sk-canary-0123456789"


def test_a_key_is_set_listed_without_its_value_and_removed(here: Settings) -> None:
    kept = remit("keys", "set", "openai", input=f"{KEY}\n")
    assert kept.exit_code == 0, kept.output
    listed = remit("keys", "list")
    assert "openai" in listed.stdout
    (one,) = data("keys", "list")
    assert (one["provider"], one["by"], one["readable"]) == ("openai", "olga", True)
    assert KEY not in kept.output + listed.output + str(one)
    assert data("keys", "remove", "openai") == {"provider": "openai", "removed": True}
    assert "No key is kept" in remit("keys", "list").stdout


def test_what_is_wrong_is_said(here: Settings) -> None:
    for words, typed, said in (
        (["set", "openia"], KEY, "Did you mean 'openai'?"),
        (["set", "openai"], "short", "that is no key"),
        (["remove", "openai"], "", "unknown key of a provider 'openai'"),
    ):
        result = remit("keys", *words, input=typed)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
        assert KEY not in result.output
