"""What Remit promises to the outside: names, commands, files and documents that others rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import remit.testing
from remit.agents.load import parse_agent
from remit.cli.main import COMMANDS, command, overview
from remit.journal.events import TYPES
from remit.outfit import outfit
from remit.tools.tool import Tool

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = ROOT / "examples"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCUMENTED = (  # the commands that scripts and people rely on
    *("demo", "run", "resume", "generate", "inbox", "approve", "reject", "answer", "runs", "show"),
    *("watch", "why", "fork", "replay", "diff", "cancel", "agents", "tools", "models", "worker", "doctor"),
)


def names_of(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def public(module: object) -> set[str]:
    """Names without underscore that the module itself defines."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == getattr(module, "__name__", "")
    }


def test_the_doubles_keep_their_names() -> None:
    assert {"ScriptedModel", "RecordingModel", "ReplayingModel", "load_script"} <= public(remit.testing)


def test_a_tool_keeps_its_fields() -> None:
    fields = {
        "name",
        "description",
        "schema",
        "call",
        "effect",
        "sinks",
        "integrity",
        "settle",
        "records",
        "timeout",
    }
    assert fields <= set(Tool.__dataclass_fields__)


def test_an_undeclared_tool_is_destructive_untrusted_and_asked_about() -> None:
    from remit.tools.decorate import tool

    @tool
    async def wipe(path: str) -> None:
        """Wipe."""

    assert (wipe.effect, wipe.integrity, wipe.settle.how) == ("destroy", "untrusted", "ask")


def test_importing_remit_loads_no_heavy_library() -> None:
    heavy = [
        "pydantic_ai",
        "openai",
        "sqlalchemy",
        "onnxruntime",
        "numpy",
        "xllamacpp",
        "openpyxl",
        "procrastinate",
    ]
    code = f"import sys, remit, remit.cli.main; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_every_documented_command() -> None:
    listed = set(re.findall(r"^  ([a-z]+) +\S", overview(), flags=re.MULTILINE))
    assert set(DOCUMENTED) <= listed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(command(name), ["--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output


@pytest.mark.parametrize(
    "name",
    [
        "run",
        "resume",
        "generate",
        "inbox",
        "runs",
        "show",
        "why",
        "fork",
        "replay",
        "diff",
        "agents",
        "tools",
        "models",
        "doctor",
    ],
)
def test_what_prints_a_result_prints_it_as_json_too(name: str) -> None:
    assert "--json" in CliRunner().invoke(command(name), ["--help"]).output


def test_every_command_that_the_readme_shows_exists() -> None:
    shown = set(
        re.findall(r"\bremit ([a-z]+)", "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)))
    )
    assert shown
    assert shown <= set(COMMANDS)


def test_every_option_that_the_readme_shows_exists() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    for line in blocks.splitlines():
        if found := re.search(r"\bremit ([a-z]+)([^#]*)", line):
            text = re.sub(r'"[^"]*"', "", found[2])
            known = CliRunner().invoke(command(found[1]), ["--help"], env={"COLUMNS": "200"}).output
            for option in re.findall(r"(?<=\s)--[a-z-]+", text):
                assert option in known, f"{line}: {option}"


def test_the_agent_that_the_readme_shows_is_one() -> None:
    found = re.search(r"```yaml\n(# returns\.yaml.*?)```", README, flags=re.DOTALL)
    assert found
    agent = parse_agent(found[1], "README.md")
    assert set(outfit(agent).tools) == {"files_list", "files_read"}


def test_the_rules_that_the_readme_shows_compile() -> None:
    found = re.search(r"```yaml\n(rules:.*?)```", README, flags=re.DOTALL)
    assert found
    agent = parse_agent(f"name: shown\ntools: [http.*]\n{found[1]}", "README.md")
    assert len(outfit(agent).rules.compiled) == len(agent.rules) == 2


def test_every_file_that_the_tour_names_is_among_the_examples() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    named = set(
        re.findall(r"(?<=[ =])\.?/?([\w-]+\.(?:csv|jsonl|txt|yaml))\b", re.sub(r'"[^"]*"', "", blocks))
    )
    assert named
    assert {name for name in named if not (EXAMPLES / name).exists()} <= {"crm.yaml"}


def test_the_agent_among_the_examples_is_the_one_that_the_readme_shows() -> None:
    assert f"```yaml\n{(EXAMPLES / 'returns.yaml').read_text()}```" in README


def test_every_dependency_has_its_line_and_no_line_is_stale() -> None:
    extras = PROJECT["optional-dependencies"].values()
    wanted = names_of(
        [*PROJECT["dependencies"], *(one for extra in extras for one in extra), "hatchling"]
    ) - {"remit"}
    listed = set(
        re.findall(r"^\| ([a-z0-9.-]+) \|", (ROOT / "docs/dependencies.md").read_text(), flags=re.MULTILINE)
    )
    assert listed - {"library"} == wanted


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text()
    pages = sorted(page.name for page in (ROOT / "docs/decisions").glob("*.md"))
    assert pages
    assert [page for page in pages if f"decisions/{page}" not in index] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "AGENTS.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_event_has_a_golden_file(kind: str) -> None:
    golden = list((ROOT / "tests/journal/golden").glob(f"{kind}-*.json"))
    assert golden, f"write tests/journal/golden/{kind}-1.json"
    for path in golden:
        json.loads(path.read_text())
