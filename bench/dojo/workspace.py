"""The tools of AgentDojo's suite `workspace`, as workspace.yaml labels them."""

from __future__ import annotations

from bench.dojo.labels import suite

TOOLS = suite("workspace").tools
