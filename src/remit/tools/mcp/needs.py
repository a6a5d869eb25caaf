"""What a server that is started by a command may do beside answering: as its connection says, and nothing else."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from remit.errors import UserError


class Needs(BaseModel):
    """What is let through the walls around it. `network`: all of it, this machine's own services too. `read`: files and folders
    that it reads, beside its program and what its command names. `folder`: where it writes and what stays; none: a folder
    that is gone with the conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: bool = False
    read: tuple[str, ...] = ()
    folder: str = ""

    def __str__(self) -> str:
        reads = (
            f", reads {', '.join(self.read)} beside its program" if self.read else ", reads its program alone"
        )
        return f"network {'on' if self.network else 'off'}{reads}, writes {self.folder or 'a folder that is gone afterwards'}"


def command_of(written: str, path: str) -> list[str]:
    """Its words, with the program's path and those of files in it. Raises UserError."""
    try:
        words = shlex.split(written)
    except ValueError as error:
        raise UserError(f"the MCP server cannot be started: {written!r}: {error}") from error
    program = shutil.which(words[0], path=path) if words else None
    if program is None:
        raise UserError(f"the MCP server cannot be started: {written!r}: there is no such program")
    return [os.path.abspath(program), *(os.path.abspath(w) if os.path.isfile(w) else w for w in words[1:])]


def read_by(command: Sequence[str], needs: Needs) -> list[str]:
    """What it must be able to read: its program, what its command names, what its connection says."""
    named = [word for word in command if os.path.isabs(word) and os.path.exists(word)]
    said = [os.path.abspath(os.path.expanduser(place)) for place in needs.read]
    return list(dict.fromkeys([*_parts(Path(command[0])), *named, *said]))


def _parts(program: Path) -> Iterator[str]:
    """A program, what stands before it as links, and the environment or the distribution that it is a part of."""
    for _ in range(10):
        home = program.parent.parent
        if (home / "pyvenv.cfg").is_file():
            yield str(home)
            lines = (line.partition("=") for line in (home / "pyvenv.cfg").read_text().splitlines())
            yield from (str(Path(value.strip()).parent) for key, _, value in lines if key.strip() == "home")
        elif (home / "lib" / "node_modules").is_dir():
            yield str(home)
        yield str(program)
        if not program.is_symlink():
            return
        program = program.parent / os.readlink(program)
