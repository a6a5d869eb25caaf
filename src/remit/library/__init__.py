"""Ready agents, one folder each: a spec, its tools and its cases."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def agents() -> dict[str, Path]:
    """Name -> spec file of every agent in the library."""
    return {path.parent.name: path for path in sorted(HERE.glob("*/agent.yaml"))}
