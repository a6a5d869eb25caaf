"""`remit graph` at the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.typed import data, remit
from tests.graph.conftest import row

pytestmark = pytest.mark.usefixtures("here")
CSV = """id,at,kind,channel,email,customer,value,currency,properties.page,name
o1,2026-05-01T10:00:00Z,purchase,store,Ann@Shop.example,C1,12.50,EUR,,Ann Lee
o2,2026-05-02T10:00:00+02:00,page_view,web,ann@shop.example,,,,/pricing,
o3,2026-05-03 10:00,page_view,web,ann@shop.example,,,,/pricing,
o4,2026-05-04T10:00:00Z,page_view,web
"""


def test_a_table_is_taken_in_looked_at_and_what_is_wrong_mended(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text(CSV)
    done = data("graph", "ingest", str(file), "--verified", "email")
    assert (done["new"], [one["line"] for one in done["set_aside"]]) == (2, [4, 5])
    assert "2 were there already, 2 set aside" in remit("graph", "ingest", str(file)).stdout
    shown = remit("graph", "person", "customer:C1").stdout
    assert "Ann Lee" in shown
    assert "Spent 12.50 EUR in all." in shown
    assert "a source has checked both, first in shop/o1" in shown
    assert data("graph", "person", "ann@shop.example")["state"]["count"] == 2
    told = remit("graph", "timeline", "ann@shop.example").stdout
    assert told.index("looked at a page") < told.index("bought something for 12.50 EUR")
    assert data("graph", "timeline", "ann@shop.example", "--before", "2026-05-02")[0]["event"] == "o1"
    assert "Ann Lee" in remit("graph", "search", "ann").stdout
    (first, second) = data("graph", "rejected")
    assert "no time zone" in first["why"]
    assert "has 4 cells" in second["why"]
    mended = tmp_path / "row.json"
    mended.write_text(json.dumps(json.loads(first["row"]) | {"at": "2026-05-03T10:00:00Z"}))
    assert "taken in" in remit("graph", "mend", str(first["id"]), str(mended)).stdout
    assert remit("graph", "drop", str(second["id"])).exit_code == 0
    assert "Nothing is set aside." in remit("graph", "rejected").stdout
    assert len(data("graph", "timeline", "ann@shop.example")) == 3


def test_lines_of_json_may_be_piped_in_and_those_that_are_none_are_set_aside() -> None:
    lines = "\n".join([json.dumps(row("e1", email="ann@x.example", source="shop")), "{", "", "7"])
    result = remit("graph", "ingest", "-", input=lines)
    assert "1 taken in, 2 set aside" in result.stdout
    assert "line 2: is no JSON" in result.stdout
    assert remit("graph", "search").stdout.count("ann@x.example") == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is nothing in it"),
        ("id,at,kind,emial\n", "no column is called 'emial'"),
        ("id,at,kind,channel\n", "no column says who"),
        ("id,at,kind,email,email\n", "two columns are called 'email'"),
    ],
)
def test_a_table_whose_names_cannot_be_is_refused_whole(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    result = remit("graph", "ingest", str(file))
    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr


def test_who_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    assert "nobody is known" in remit("graph", "person", "bo@x.example").stderr
    assert "cannot be read" in remit("graph", "ingest", str(tmp_path / "none.csv")).stderr
    assert "Nobody is known yet" in remit("graph", "search").stdout


def test_who_is_one_person_is_said_at_the_shell_and_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "crm.jsonl"
    rows = [row("e1", 2, crm="1", email="a@x.example"), row("e2", crm="2", email="a@x.example")]
    rows += [row("e3", crm="1", channel="email", kind="unsubscribed")]
    file.write_text("\n".join(map(json.dumps, rows)))
    data("graph", "ingest", str(file), "--verified", "email")
    assert "one person with two numbers?" in remit("graph", "doubtful").stdout
    assert "is crm:2" in remit("graph", "apart", "crm:2", "crm:1").stdout
    assert "Nothing is doubtful." in remit("graph", "doubtful").stdout
    assert "a@x.example" in remit("graph", "same", "crm:1", "crm:2").stdout
    told = remit("graph", "person", "a@x.example").stdout
    assert "olga said that they are one person" in told
    assert "No to marketing by email" in told
    (word,) = [one["id"] for one in data("graph", "person", "crm:2")["links"] if one["how"] == "same"]
    assert data("graph", "withdraw", str(word)) == {"link": word, "withdrawn": True}
    assert "counts again" in remit("graph", "restore", str(word)).stdout
    assert "no link 999" in remit("graph", "withdraw", "999").stderr


def test_half_lives_are_shown_and_changed() -> None:
    assert data("graph", "terms") == {"brief": 7.0, "lasting": 90.0}
    assert "Half is forgotten in 14 days" in remit("graph", "terms", "--brief", "14").stdout
    assert data("graph", "terms")["brief"] == 14.0
    assert "a half-life has" in remit("graph", "terms", "--lasting", "nan").stderr


def test_a_made_town_is_taken_in_once_and_never_among_real_people() -> None:
    assert data("graph", "sample", "--people", "2")["people"] == 2
    assert data("graph", "person", "customer:C1001")["state"]["count"] > 0
    assert "are not mixed in" in " ".join(remit("graph", "sample").stderr.split())
