"""AgentDojo in a process of its own, with an environment of its own; asked over a pipe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import figures
from remit.errors import Mend

Json = Any
PACKAGES = ["agentdojo==0.1.35"]
SCRIPT = Path(__file__).parent.parent / "peers" / "agentdojo_env.py"
LINE = 64 * 1024 * 1024  # bytes that an answer may have


class Dojo:
    """The other end of the pipe. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.sessions: dict[UUID, int] = {}  # which environment a run works in
        self.done: dict[
            UUID, list[tuple[str, Mapping[str, Json]]]
        ] = {}  # a run's calls that came to something
        self._numbers = count()
        self._turn = asyncio.Lock()

    async def ask(self, do: str, **wanted: Json) -> Json:
        """Its answer. Ends the bench where the process has died."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        async with self._turn:
            stdin.write(json.dumps({"do": do, **wanted}).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            raise SystemExit(f"bench: AgentDojo's process ended on {do} {wanted}; its last words are above")
        return json.loads(line)

    async def open(self, suite: str, user: str, attack: str, text: str) -> tuple[int, Json]:
        """A new environment with `text` where an attacker can write: its number, and what AgentDojo tells of the task."""
        number = next(self._numbers)
        return number, await self.ask(
            "open", session=number, suite=suite, user=user, attack=attack, text=text
        )

    async def made(self, number: int, tool: str, args: Mapping[str, Json]) -> Mapping[str, Json]:
        """A function called in an environment: its `result` or the `error`."""
        answer: Mapping[str, Json] = await self.ask("call", session=number, tool=tool, args=dict(args))
        return answer

    async def call(self, run: UUID, tool: str, args: Mapping[str, Json]) -> Json:
        """A function called by the agent. Raises Mend with what AgentDojo says is wrong."""
        result = _result(await self.made(self.sessions[run], tool, args))
        self.done.setdefault(run, []).append((tool, args))
        return result

    async def look(self, run: UUID, tool: str, args: Mapping[str, Json]) -> Json:
        """A function called by the gate, for its records. Raises Mend."""
        return _result(await self.ask("look", session=self.sessions[run], tool=tool, args=dict(args)))


def _result(answer: Mapping[str, Json]) -> Json:
    if "error" in answer:
        raise Mend(str(answer["error"]))
    return answer["result"]


@asynccontextmanager
async def opened() -> AsyncIterator[Dojo]:
    """AgentDojo, installed on first use."""
    python = figures.peer_python("agentdojo", PACKAGES)
    process = await asyncio.create_subprocess_exec(
        str(python), str(SCRIPT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE
    )
    try:
        yield Dojo(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
