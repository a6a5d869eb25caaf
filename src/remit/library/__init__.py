"""Ready agents, one folder each: a spec, its tools and its cases; and flows (`flows/`), one folder each: what to infer, and a playbook."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
FLOWS = HERE / "flows"


def agents() -> dict[str, Path]:
    """Name -> spec file of every agent in the library."""
    return {path.parent.name: path for path in sorted(HERE.glob("*/agent.yaml"))}


def flows() -> list[Path]:
    """The folders of flows."""
    return sorted(path.parent for path in FLOWS.glob("*/flow.yaml"))
