"""The page on security names tests; each of them is there, so that the page cannot claim what nothing shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
RISKS = [
    "ASI01 Agent Goal Hijack", "ASI02 Tool Misuse and Exploitation", "ASI03 Identity and Privilege Abuse",
    "ASI04 Agentic Supply Chain Vulnerabilities", "ASI05 Unexpected Code Execution", "ASI06 Memory & Context Poisoning",
    "ASI07 Insecure Inter-Agent Communication", "ASI08 Cascading Failures", "ASI09 Human-Agent Trust Exploitation",
    "ASI10 Rogue Agents",
]  # fmt: skip
ROWS = re.findall(r"^\| (ASI\d\d [^|]+?) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:tests|bench)/[\w/.]+(?:::\w+)?)`", PAGE)))


def test_each_risk_of_the_list_has_one_row_with_all_that_is_to_be_said() -> None:
    assert [row[0] for row in ROWS] == RISKS
    for name, does, shown, lacks in ROWS:
        assert does.strip(), name
        assert lacks.strip(), name
        assert "::test_" in shown, name


def test_each_requirement_of_the_standard_is_shown_or_said_to_be_not_met() -> None:
    rows = re.findall(r"^\|( V\d+\.\d+\.\d+[^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    chapters = {row[0].strip().partition(".")[0] for row in rows}
    assert {"V1", "V2", "V3", "V6", "V7", "V8", "V11", "V12", "V13", "V14", "V16"} <= chapters
    for name, does, shown, lacks in rows:
        assert "::test_" in shown or "*not met*" in lacks or "*no test of ours*" in lacks, name
        assert does.strip() or "*not met*" in lacks, name


@pytest.mark.parametrize("named", NAMED)
def test_what_the_page_names_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    assert (ROOT / file).exists()
    if test:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        defined = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in defined


def test_a_test_that_is_not_there_would_be_missed() -> None:
    assert len(NAMED) > 25
    with pytest.raises(AssertionError):
        test_what_the_page_names_is_there("tests/gate/test_judge.py::test_that_nobody_wrote")
