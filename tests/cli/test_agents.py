"""`remit agents`: what is brought in, published and gone back to, and run by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.agents.load import load_agent
from tests.cli.typed import DONE, data, remit, script, spec


def test_files_are_checked_without_a_database_and_those_at_hand_are_listed(
    tmp_path: Path, here: object
) -> None:
    assert [agent["name"] for agent in data("agents", spec(tmp_path))] == ["shop"]
    assert [agent["name"] for agent in data("agents")] == ["airline", "assistant", "support", "writer"]
    assert "Answers customers' e-mails" in remit("agents").stdout
    wrong = remit("agents", spec(tmp_path, tools=["tests.agents.world:chrage"]))
    assert wrong.exit_code == 2
    assert "'charge'" in wrong.stderr or "tests.agents.world:charge" in wrong.stderr
    rule = remit("agents", spec(tmp_path, rules=[{"tool": "charge", "allow": "args.amount <"}]))
    assert rule.exit_code == 2
    assert "rule 1" in rule.stderr


def test_an_agent_is_brought_in_published_run_changed_and_gone_back_to(tmp_path: Path, here: object) -> None:
    file = spec(tmp_path)
    drafted = remit("agents", "import", file)
    assert "shop: draft" in drafted.stdout
    assert "remit agents publish shop" in drafted.stdout
    unpublished = remit("run", "go", "--agent", "shop", "--model", script(tmp_path, DONE))
    assert unpublished.exit_code == 2
    assert "is a draft" in unpublished.stderr
    assert data("agents", "publish", "shop", "--note", "first")["version"] == 1
    assert data("run", "go", "--agent", "shop", "--model", script(tmp_path, DONE))["report"] == "It is done."
    spec(tmp_path, plan=False)
    assert data("agents", "import", file, "--publish")["version"] == 2
    assert "+ plan: false" in remit("agents", "diff", "shop", "1", "2").stdout
    assert "Nothing differs" in remit("agents", "diff", "shop").stdout
    assert data("agents", "rollback", "shop", "1")["version"] == 3
    told = data("agents", "versions", "shop")
    assert [(one["version"], one["runs"], one["note"], one["same_as"]) for one in told] == [
        (3, True, "back to version 1", 1),
        (2, False, "", None),
        (1, False, "first", None),
    ]
    assert "back to version 1" in remit("agents", "versions", "shop").stdout
    assert "plan" not in remit("agents", "show", "shop").stdout
    assert "plan: false" in remit("agents", "show", "shop", "--version", "2").stdout
    (shop,) = (one for one in data("agents") if one["name"] == "shop")
    assert (shop["from"], shop["state"], shop["version"]) == ("workspace", "published", 3)
    assert data("agents", "archive", "shop")["state"] == "archived"
    assert "shop" not in {one["name"] for one in data("agents")}
    assert "shop" in {one["name"] for one in data("agents", "--archived")}
    assert data("agents", "restore", "shop")["state"] == "published"


def test_what_is_exported_means_what_was_brought_in(tmp_path: Path, here: object) -> None:
    file = Path(spec(tmp_path))
    file.write_text("# kept by hand\n" + file.read_text())
    before = load_agent(file)
    data("agents", "import", str(file), "--publish")
    out = tmp_path / "out.yaml"
    assert data("agents", "export", "shop", "--out", str(out))["files"] == [str(out)]
    assert out.read_text() == file.read_text()
    assert load_agent(out) == before
    again = remit("agents", "export", "shop", "--out", str(out))
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert remit("agents", "export", "support").stdout.startswith("# The shop's support agent.")


def test_what_stands_beside_a_file_comes_along(tmp_path: Path, here: object) -> None:
    from remit.agents.lock import Lock, write_lock
    from remit.tools.mcp.definition import Definition, Server

    (tmp_path / "member.yaml").write_text("name: member\ninstructions: Help.\n")
    (tmp_path / "crm.tools.yaml").write_text("find: {effect: read}\n")
    file = tmp_path / "lead.yaml"
    file.write_text(
        "name: lead\nteam: [member.yaml]\ntools: ['crm:*']\nconnections:\n"
        "  crm: {mcp: 'crm-server', declare: crm.tools.yaml}  # theirs\n"
    )
    tool = Definition(name="find", description="Find.", input={"type": "object", "properties": {}})
    write_lock(file, {"crm": Lock(server=Server(name="crm", version="1"), tools={"find": tool})})
    before = load_agent(file, lambda path: load_agent(Path(path)))
    assert data("agents", "import", str(file), "--publish")["version"] == 1
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    out = folder / "lead.yaml"
    assert len(data("agents", "export", "lead", "--out", str(out))["files"]) == 2
    assert load_agent(out) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "suport"], "Did you mean 'support'?"),
        (["show", "support", "--draft"], "is the library's"),
        (["publish", "nobody"], "unknown agent"),
        (["versions", "support"], "unknown agent of the workspace 'support'"),
        (["rollback", "nobody", "1"], "unknown agent"),
        (["diff", "nobody"], "unknown agent"),
        (["archive", "nobody"], "unknown agent"),
        (["import", "none.yaml"], "no agent file none.yaml"),
        (["export", "nobody"], "unknown agent"),
    ],
)
def test_a_name_that_is_none_is_said_to_be_wrong(here: object, words: list[str], says: str) -> None:
    result = remit("agents", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
