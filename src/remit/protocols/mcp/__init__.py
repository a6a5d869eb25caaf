"""Remit as an MCP server: agents are tools, long runs are tasks, what waits for a person is asked."""
