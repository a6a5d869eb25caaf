"""Accounts at the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import data, remit

pytestmark = pytest.mark.usefixtures("here")
CSV = """id,at,kind,email,account.crm,account.name,account.role,value,currency
o1,2026-05-01T10:00:00Z,purchase,ann@acme.example,A1,ACME GmbH,buyer,12.50,EUR
o2,2026-05-02T10:00:00Z,visit,bo@acme.example,A1,ACME GmbH,,,
"""


def test_an_account_is_looked_at_with_its_people_and_people_say_who_belongs_to_it(tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(CSV)
    assert data("graph", "ingest", str(file))["new"] == 2
    told = " ".join(remit("graph", "account", "crm:A1").stdout.split())
    assert "ACME GmbH" in told
    assert "2 people: 2 dormant." in told
    assert "Spent 12.50 EUR in all." in told
    assert "ann@acme.example buyer 2026-05-01" in told
    assert "ACME GmbH" in remit("graph", "accounts").stdout
    assert "ACME GmbH (crm:A1), buyer since 2026-05-01" in remit("graph", "person", "ann@acme.example").stdout
    said = data("graph", "belongs", "bo@acme.example", "crm:A1", "--not")
    assert [one["called"] for one in data("graph", "account", "crm:A1")["members"]] == ["ann@acme.example"]
    assert len(data("graph", "account", "crm:A1", "--at", "2026-05-01T09:00:00")["members"]) == 0
    assert "counts for nothing" in remit("graph", "unsay", str(said["statement"])).stdout
    made = data(
        "graph", "belongs", "bo@acme.example", "acme.example", "--role", "owner", "--since", "2026-01-01"
    )
    assert {one["by"]: (one["tie"] or {}).get("role") for one in made["accounts"]} == {
        "crm:A1": "",
        "domain:acme.example": "owner",
    }
    same = data("graph", "same-account", "crm:A1", "acme.example")
    assert [one["kind"] for one in same["names"]] == ["crm", "domain"]
    (link,) = same["links"]
    assert "counts for nothing" in remit("graph", "account-link", str(link["id"])).stdout
    assert len(data("graph", "account", "crm:A1")["names"]) == 1


def test_people_are_proposed_by_their_address_and_related_by_a_word(tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text(CSV + "o3,2026-05-03T10:00:00Z,visit,cy@acme.example,,,,,\n")
    assert data("graph", "ingest", str(file))["new"] == 3
    data("graph", "belongs", "ann@acme.example", "acme.example")
    assert "2 new proposals" in remit("graph", "propose").stdout
    told = " ".join(remit("graph", "account", "acme.example").stdout.split())
    assert "cy@acme.example" in told
    assert "may belong to it, by their address" in told
    said = data(
        "graph", "relate", "ann@acme.example", "reports_to", "bo@acme.example", "--since", "2026-01-01"
    )
    assert [(one["way"], one["called"]) for one in said["relations"]] == [("to", "bo@acme.example")]
    assert "ann@acme.example reports to them" in remit("graph", "person", "bo@acme.example").stdout
    assert "counts for nothing" in remit("graph", "unrelate", str(said["statement"])).stdout


def test_what_is_no_account_is_said_with_what_to_do() -> None:
    for words, why in (
        (("account", "acme"), "crm:A-77"),
        (("account", "crm:A9"), "no account is known by the crm"),
        (("unsay", "7"), "there is no such statement"),
        (("unrelate", "7"), "there is no such statement"),
        (("account-link", "7"), "there is no link 7"),
    ):
        result = remit("graph", *words)
        assert result.exit_code == 2
        assert why in " ".join(result.stderr.split())
    assert "No account is known yet" in remit("graph", "accounts").stdout
