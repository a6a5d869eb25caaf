"""`remit match`: which records are one person, how good that is, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

from remit.graph.match import STRONG
from tests.cli.typed import remit

FAKE = Path(__file__).parent.parent / "graph" / "data" / "fake_1000.csv"


def test_the_pairs_of_a_file_are_told_with_their_reasons_and_how_good_they_are(tmp_path: Path) -> None:
    some = tmp_path / "some.csv"
    some.write_text("\n".join(FAKE.read_text().splitlines()[:401]))
    result = remit("match", str(some), "--id", "unique_id", "--truth", "cluster", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["records"] == 400
    assert told["goodness"]["precision"] > 0.99
    assert told["goodness"]["F1"] > 0.9
    assert told["sure"] == sum(pair["probability"] >= STRONG for pair in told["pairs"])
    assert told["sure"] + told["asked"] == len(told["pairs"])
    assert all(pair["reasons"] for pair in told["pairs"])


def test_a_file_of_too_few_records_is_refused_with_how_many_it_takes(tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("name,email\nAnn,ann@shop.example\n")
    result = remit("match", str(few))
    assert result.exit_code == 2
    assert "1 records are too few" in result.output


def test_a_truth_that_no_column_says_is_refused(tmp_path: Path) -> None:
    result = remit("match", str(FAKE), "--truth", "person")
    assert result.exit_code == 2
    assert "there is no column 'person'" in " ".join(result.output.split())
