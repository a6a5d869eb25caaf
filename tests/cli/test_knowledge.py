"""`remit knowledge`: sources and their documents at the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import data, remit

pytestmark = pytest.mark.usefixtures("here")


def test_a_source_is_made_filled_searched_and_forgotten(tmp_path: Path) -> None:
    assert "no sources" in remit("knowledge", "list").stdout
    returns = tmp_path / "returns.md"
    returns.write_text("# Returns\n\nWithin 30 days.\u202e\n")
    made = data("knowledge", "add", "handbook", str(returns), "--title", "Our handbook", "--vouched")
    assert (made["came"], made["vouched_by"], made["title"]) == (
        {"returns.md": "added"},
        "olga",
        "Our handbook",
    )
    made = data("knowledge", "add", "handbook", "--confidentiality", "public", "--not-vouched")
    assert (made["title"], made["confidentiality"], made["vouched_by"]) == ("Our handbook", "public", None)
    (hit,) = data("knowledge", "search", "how many days", "--source", "handbook")
    assert hit["document"] == "returns.md"
    assert "<U+202E>" in remit("knowledge", "search", "days").stdout
    assert data("knowledge", "show", "handbook", "returns.md")["text"].startswith("# Returns")
    assert [one["name"] for one in data("knowledge", "show", "handbook")["documents"]] == ["returns.md"]
    assert "strangers' words" in remit("knowledge", "show", "handbook").stdout
    assert "handbook" in remit("knowledge", "list").stdout
    assert remit("knowledge", "remove", "handbook", "returns.md").exit_code == 0
    assert data("knowledge", "search", "days") == []
    assert remit("knowledge", "remove", "handbook").exit_code == 0
    assert data("knowledge", "list") == []


def test_a_folder_is_synced_from_the_shell(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("alpha")
    (tmp_path / "b.png").write_text("x")
    again = remit("knowledge", "sync", "docs", str(tmp_path))
    assert again.exit_code == 2
    assert "unknown source 'docs'" in again.stderr
    data("knowledge", "add", "docs")
    done = data("knowledge", "sync", "docs", str(tmp_path))
    assert done == {"came": {"a.md": "added"}, "left_out": {"b.png": "of no kind that can be read"}}
    assert "1 unchanged" in remit("knowledge", "sync", "docs", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "Hand book"], "no name for a source"),
        (["add", "a", "none.md"], "none.md: cannot be read"),
        (["add", "a", "--language", "klingon"], "none of english"),
        (["show", "a"], "unknown source 'a'"),
        (["remove", "a"], "unknown source 'a'"),
        (["sync", "a", "nowhere"], "unknown source 'a'"),
        (["search", "x", "--source", "a"], "unknown source 'a'"),
    ],
)
def test_what_cannot_be_done_is_told_why(words: list[str], says: str) -> None:
    result = remit("knowledge", *words)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
