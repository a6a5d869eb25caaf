"""The tools of AgentDojo's suite `banking`, as banking.yaml labels them."""

from __future__ import annotations

from bench.dojo.labels import suite

TOOLS = suite("banking").tools
