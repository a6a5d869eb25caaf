"""`remit connections`: outside systems by name."""

from __future__ import annotations

import pytest

from tests.cli.typed import data, remit

pytestmark = pytest.mark.usefixtures("here")


def test_a_connection_is_added_tried_listed_and_forgotten() -> None:
    assert "no connections" in remit("connections", "list").stdout
    added = data("connections", "add", "crm", "--http", "http://127.0.0.1:1", "--header", "X-Key=secret:K")
    assert added["works"] is False, "it is kept though it does not answer"
    (one,) = data("connections", "list")
    assert (one["name"], one["kind"], one["where"], one["works"]) == (
        "crm",
        "http",
        "http://127.0.0.1:1",
        False,
    )
    assert (one["healthy"], one["used_at"], one["used_by"]) == (False, None, "")
    listed = remit("connections", "list").stdout
    assert "✗" in listed
    assert "never" in listed
    tried = remit("connections", "try", "crm")
    assert tried.exit_code == 1
    assert remit("connections", "rm", "crm").exit_code == 0
    again = remit("connections", "rm", "crm")
    assert again.exit_code == 2
    assert "unknown connection 'crm'" in again.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["crm"], "a connection has one of"),
        (["CRM", "--http", "https://a.example"], "no name for a connection"),
        (["crm", "--http", "https://a.example", "--header", "X-Key"], "write NAME=VALUE"),
        (["crm", "--http", "https://a.example", "--header", "X-Key=abc"], "secret:CRM_KEY"),
        (["crm", "--sql", "postgresql://u:hunter22@h/x"], "an address with a password"),
    ],
)
def test_what_is_no_connection_is_told_why(words: list[str], says: str) -> None:
    result = remit("connections", "add", *words)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
