"""The tools of AgentDojo's suite `slack`, as slack.yaml labels them."""

from __future__ import annotations

from bench.dojo.labels import suite

TOOLS = suite("slack").tools
