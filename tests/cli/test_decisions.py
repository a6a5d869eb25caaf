"""`remit decisions` as it is typed; no database is needed to evaluate a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import data, remit
from tests.decisions.logs import log, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "log.csv", log(1000, pays=True)[0])


def test_a_file_is_evaluated_and_a_verdict_given_in_words(file: Path) -> None:
    result = remit("decisions", "evaluate", str(file))
    assert result.exit_code == 0, result.stderr
    for said in (
        "always mail",
        "best single action",
        "learned",
        "region (category)",
        "Choosing by person pays",
    ):
        assert said in result.stdout


def test_as_json_each_policy_has_its_three_estimates_with_intervals(file: Path) -> None:
    found = data("decisions", "evaluate", str(file), "--cost", "mail=0.01", "--worth", "2")
    assert found["costs"] == {"call": 0, "mail": 0.01, "none": 0}
    names = [one["policy"] for one in found["policies"]]
    assert names == [
        "logging policy", "uniform", "always call", "always mail", "always none", "best single action", "learned",
    ]  # fmt: skip
    for one in found["policies"]:
        for estimator in ("ips", "snips", "dr"):
            assert one[estimator]["low"] <= one[estimator]["value"] <= one[estimator]["high"]
    assert found["pays"] is True
    assert found["gain"]["low"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "cannot be read"),
        (["FILE", "--cost", "mail"], "is not ACTION=AMOUNT"),
        (["FILE", "--cost", "male=1"], "Did you mean 'mail'"),
        (["FILE", "--worth", "nan"], "give a number above 0"),
        (["FILE", "--reward", "region"], "which is no number"),
    ],
)
def test_a_mistake_is_told_in_words(file: Path, words: list[str], said: str) -> None:
    result = remit("decisions", "evaluate", *[str(file) if word == "FILE" else word for word in words])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
