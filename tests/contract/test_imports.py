"""The import contracts of pyproject.toml hold (`make test` checks that first), and each of them can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BREACHES = {  # contract -> module, and the line that breaks it
    "Imports point down only": ("journal/events.py", "import remit.gate.judge"),
    "Only dispatch knows the queue engine": ("journal/events.py", "import procrastinate"),
    "Only models knows a provider's library": ("tools/tool.py", "def lazy() -> None:\n    import openai"),
    "Judging and folding are pure: no SQL, no network": ("gate/judge.py", "import remit.store.store"),
    "The client is light: nothing of the server comes with it": ("client/wire.py", "import remit.settings"),
}


def lint(package: Path) -> subprocess.CompletedProcess[str]:
    """lint-imports with our contracts over the copy of the package in `package`."""
    command = [
        Path(sys.executable).parent / "lint-imports",
        "--config",
        ROOT / "pyproject.toml",
        "--no-cache",
    ]
    environment = {**os.environ, "PYTHONPATH": str(package), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_of_the_contract_is_found(contract: str, tmp_path: Path) -> None:
    copy = tmp_path / "remit"
    shutil.copytree(ROOT / "src" / "remit", copy, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    module, line = BREACHES[contract]
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert f"{contract} BROKEN" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1


def test_every_contract_of_the_project_is_tested_here() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == set(BREACHES)
