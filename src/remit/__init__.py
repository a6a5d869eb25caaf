"""Remit: the open-source, self-hosted platform for AI agents that act, within their remit.

`remit.app` is where to begin in Python; `remit --help` on the command line.
"""

__version__ = "0.1.0"
