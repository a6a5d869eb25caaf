"""The tools of AgentDojo's suite `travel`, as travel.yaml labels them."""

from __future__ import annotations

from bench.dojo.labels import suite

TOOLS = suite("travel").tools
