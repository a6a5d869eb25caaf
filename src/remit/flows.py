"""Ready flows of the library: what to infer of people, and a playbook that decides by it. Added to a workspace, a flow is what its files say, as if somebody had
taught the intents, saved the behaviours and saved the playbook: it decides and logs, and does nothing until its playbook is put on a stage that acts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from pydantic import BaseModel, ConfigDict, Field

from remit import library
from remit.agents.yaml import read_as
from remit.decisions.action import Playbook
from remit.decisions.kept import Version, save
from remit.errors import UnknownName, UserError
from remit.graph import behaviours, intents
from remit.graph.behaviour import Pattern
from remit.graph.intent import Example
from remit.playbook import playbook_of
from remit.store.store import Store

THROUGH = re.compile(r"^through:.*$", re.MULTILINE)


class About(BaseModel):
    """A flow but for its playbook."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    about: str
    needs: list[str] = []
    intents: dict[str, list[str]] = Field({}, description="Examples of what people write who want it.")
    behaviours: list[Pattern] = []


@dataclass(frozen=True)
class Flow:
    name: str
    told: About
    text: str  # of the playbook

    @cached_property
    def book(self) -> Playbook:
        return playbook_of(self.text, f"the playbook of {self.name}")

    def by(self, through: Mapping[str, str]) -> Flow:
        """The same, by other connections: channel -> connection. Raises UserError for a channel that it does not use."""
        known = self.book.through
        if odd := sorted(set(through) - set(known)):
            raise UserError(
                f"{self.name} sends nothing by {odd[0]!r}: it sends by {', '.join(known) or 'nothing'}"
            )
        pairs = ", ".join(f"{channel}: {name}" for channel, name in {**known, **through}.items())
        return Flow(
            self.name, self.told, THROUGH.sub(f"through: {{{pairs}}}", self.text) if through else self.text
        )


@dataclass(frozen=True, slots=True)
class Added:
    """What is new of it: examples that were taught, behaviours that were saved, the version of the playbook."""

    examples: int
    behaviours: int
    playbook: Version


def flows() -> dict[str, Flow]:
    """All of the library, by name."""
    return {folder.name: _read(folder.name) for folder in library.flows()}


def flow_of(name: str) -> Flow:
    """Raises UnknownName."""
    known = [folder.name for folder in library.flows()]
    if name not in known:
        raise UnknownName("flow", name, known)
    return _read(name)


@cache
def _read(name: str) -> Flow:
    folder = library.FLOWS / name
    text = (folder / "playbook.yaml").read_text(encoding="utf-8")
    return Flow(name, read_as(About, folder / "flow.yaml"), text)


async def add(store: Store, flow: Flow, who: str) -> Added:
    """Have a workspace do it. What is there already stays as it is, and so nothing happens twice."""
    examples = [Example(text, name) for name, texts in flow.told.intents.items() for text in texts]
    taught = await intents.teach(store, examples, who) if examples else 0
    shown = await behaviours.save(store, flow.told.behaviours, who) if flow.told.behaviours else 0
    version = await save(store, flow.name, flow.text, flow.book, f"the library's {flow.name}", who)
    return Added(taught, shown, version)
