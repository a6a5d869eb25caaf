"""The lock file beside an agent: which tools of others a person has read and pinned, each with its hash.

`desk.yaml` has `desk.lock.yaml`. It is written by `remit tools pin` and read with the agent; from then on the
definitions are a part of the spec, so that a run has those that it began with.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML

from remit.agents.yaml import line_of, plain, read_file
from remit.errors import SpecError
from remit.tools.mcp.definition import Definition, Server

Json = Any
HEAD = (
    "# The tools of MCP servers that a person has read: written by `remit tools pin`, and not by hand.\n"
    "# A tool whose definition has another hash is another tool: it is neither offered nor called.\n"
)


class Lock(BaseModel):
    """What is pinned of one connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: Server = Server()
    tools: dict[str, Definition] = {}


def lock_path(agent: Path) -> Path:
    return agent.with_suffix(".lock.yaml")


def read_lock(agent: Path) -> dict[str, Lock]:
    """What is pinned, by connection; nothing where there is no file. Raises SpecError for one that was edited."""
    path = lock_path(agent)
    try:
        data = read_file(path)
    except FileNotFoundError:
        return {}
    return {name: _lock(name, one, data, path) for name, one in plain(data or {}).items()}


def write_lock(agent: Path, locks: Mapping[str, Lock]) -> Path:
    """Raises SpecError where it cannot be written."""
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump({name: _data(locks[name]) for name in sorted(locks)}, out)
    path = lock_path(agent)
    try:
        path.write_text(HEAD + out.getvalue(), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"cannot be written: {error.strerror}", str(path)) from error
    return path


def with_locks(data: dict[str, Json], path: Path) -> dict[str, Json]:
    """An agent's data with what is pinned, and what is declared in other files, in its connections."""
    connections = data.get("connections")
    if not isinstance(connections, dict):
        return data
    locks = (
        read_lock(path)
        if any(
            isinstance(one, dict) and (one.get("mcp") or one.get("openapi")) for one in connections.values()
        )
        else {}
    )
    made = dict(connections)
    for name, one in connections.items():
        if not isinstance(one, dict) or not (one.get("mcp") or one.get("openapi")):
            continue
        if taken := {"pinned", "server"} & set(one):
            raise SpecError(f"connections.{name}.{min(taken)}: is written by `remit tools pin`", str(path))
        lock = locks.get(name, Lock())
        pinned = {key: definition.model_dump() for key, definition in lock.tools.items()}
        made[name] = {**one, "server": lock.server.model_dump(), "pinned": pinned, **_declared(one, path)}
    return {**data, "connections": made}


def _declared(connection: Mapping[str, Json], path: Path) -> dict[str, Json]:
    """`declare: crm.tools.yaml` is the file of that name beside the agent."""
    named = connection.get("declare")
    if not isinstance(named, str):
        return {}
    try:
        return {"declare": plain(read_file(path.parent / named) or {})}
    except FileNotFoundError as error:
        raise SpecError(f"declare: there is no file {path.parent / named}", str(path)) from error


def _data(lock: Lock) -> dict[str, Json]:
    tools = {
        name: {"sha256": one.sha256, **one.model_dump(mode="json", exclude=_unsaid(one))}
        for name, one in sorted(lock.tools.items())
    }
    return {"server": lock.server.model_dump(), "tools": tools}


def _unsaid(one: Definition) -> set[str]:
    return {"name"} | ({"operation"} if one.operation is None else set())


def _lock(name: str, one: Json, data: Json, path: Path) -> Lock:
    if not isinstance(one, dict) or not isinstance(one.get("tools"), dict):
        raise SpecError(f"{name}: has no tools; pin them anew", str(path), line_of(data, (name,)))
    hashes: dict[str, Json] = {}
    tools = {}
    for key, tool in one["tools"].items():
        fields = dict(tool) if isinstance(tool, dict) else {}
        hashes[key] = fields.pop("sha256", "")
        tools[key] = {"name": key, **fields}
    try:
        lock = Lock.model_validate({"server": one.get("server") or {}, "tools": tools})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{name}.{where}: {first['msg']}", str(path), line_of(data, (name,))) from error
    for key, definition in lock.tools.items():
        if definition.sha256 != hashes[key]:
            raise SpecError(
                f"{name}.tools.{key}: was changed by hand: its hash is another. Delete the file and pin anew with `remit tools pin`",
                str(path),
                line_of(data, (name, "tools", key)),
            )
    return lock
