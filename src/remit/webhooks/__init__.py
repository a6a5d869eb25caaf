"""Telling others over HTTP of what happens in runs: at least once, signed, and nothing that a model or a stranger wrote."""
