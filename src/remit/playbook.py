"""A playbook as text: actions, rules of contact, goals and budget as YAML, checked, each mistake at its line."""

from __future__ import annotations

from pathlib import Path

from remit.agents.yaml import checked, read, read_as
from remit.decisions.action import Playbook


def read_playbook(path: Path) -> Playbook:
    """Raises SpecError with the line of what is wrong."""
    return read_as(Playbook, path)


def playbook_of(text: str, where: str = "the playbook") -> Playbook:
    """Raises SpecError with the line of what is wrong."""
    return checked(Playbook, read(text, where), where)
