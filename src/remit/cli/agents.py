"""`remit agents`: those at hand, and the workspace's own with their versions: bring in, compare, publish, go back, take out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from remit import library
from remit.agents.load import load_agent
from remit.agents.lock import Lock, lock_path, write_lock
from remit.agents.spec import Agent
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.differ import as_text, compared
from remit.catalogue.find import find_named, of_library
from remit.catalogue.kept import Kept, list_kept
from remit.catalogue.text import split_pinned
from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.outfit import outfit
from remit.tools.unsaid import unsaid

Name = Annotated[str, typer.Argument(help="The agent's name.")]
Note = Annotated[str, typer.Option("--note", help="Why, for the record.")]


class _ListFirst(TyperGroup):
    """`remit agents ./crm.yaml` is `remit agents list ./crm.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


agents = group(
    cls=_ListFirst,
    help="The agents at hand, and the versions of those that are kept here. A draft runs nowhere until it is published. Each "
    "prints JSON with --json.\n\nExample: remit agents ./crm.yaml\n\nExample: remit agents import ./crm.yaml --publish "
    "--note 'first version'\n\nExample: remit agents versions crm",
)


@agents.command("list")
def list_(
    file: Annotated[
        list[Path] | None, typer.Argument(help="Only check these agent files; no database is asked.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived, too.")] = False,
    as_json: Json = False,
) -> None:
    """The agents at hand: the library's and the workspace's; or files, each checked: its tools exist and its rules compile.

    Example: remit agents list

    Example: remit agents ./crm.yaml
    """
    perform(_files(file, as_json) if file else _list(archived, as_json))


@agents.command()
def show(
    name: Name,
    version: Annotated[
        int | None, typer.Option(min=1, help="This version; without, the one that runs.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="The draft.")] = False,
    as_json: Json = False,
) -> None:
    """An agent as YAML, the way its file would be; of the library, or of the workspace.

    Example: remit agents show support

    Example: remit agents show crm --draft
    """
    perform(_show(name, version, draft, as_json))


@agents.command()
def versions(name: Name, as_json: Json = False) -> None:
    """What was published of an agent, by whom and why; the newest first.

    Example: remit agents versions crm
    """
    perform(_versions(name, as_json))


@agents.command()
def diff(
    name: Name,
    old: Annotated[int | None, typer.Argument(help="A version; without, the one that runs.")] = None,
    new: Annotated[
        int | None, typer.Argument(help="Another; without, the draft, or else the one that runs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What differs between two versions of an agent, or between a version and the draft.

    Example: remit agents diff crm

    Example: remit agents diff crm 2 3
    """
    perform(_diff(name, old, new, as_json))


@agents.command()
def publish(name: Name, note: Note = "", as_json: Json = False) -> None:
    """Let the draft of an agent run from now on, as a new version.

    Example: remit agents publish crm --note "refunds up to $50"
    """
    perform(_publish(name, note, as_json))


@agents.command()
def rollback(
    name: Name,
    version: Annotated[int, typer.Argument(min=1, help="The version that should run again.")],
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Let an old version run again. It becomes a new one: nothing that was published is lost.

    Example: remit agents rollback crm 2 --note "3 refused too much"
    """
    perform(_roll_back(name, version, note, as_json))


@agents.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The agent's file.")],
    publish: Annotated[bool, typer.Option("--publish", help="Let it run at once.")] = False,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Bring an agent's file in as the draft of the agent of that name, a new one where there is none. What is pinned beside it
    comes along. The file may name code: whoever can do this could have run it as well.

    Example: remit agents import ./crm.yaml

    Example: remit agents import ./crm.yaml --publish --note "from the repository"
    """
    perform(_import(file, publish, note, as_json))


@agents.command()
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; without, it is printed.")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="This version; without, the one that runs.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="The draft.")] = False,
    as_json: Json = False,
) -> None:
    """Write an agent as the file that `remit run --agent` takes, and what is pinned of it beside it.

    Example: remit agents export crm --out crm.yaml
    """
    perform(_export(name, out, version, draft, as_json))


@agents.command()
def archive(name: Name, as_json: Json = False) -> None:
    """Take an agent out of use. Runs that it has go on, and nothing of it is lost.

    Example: remit agents archive crm
    """
    perform(_archive(name, True, as_json))


@agents.command()
def restore(name: Name, as_json: Json = False) -> None:
    """Take an archived agent back into use.

    Example: remit agents restore crm
    """
    perform(_archive(name, False, as_json))


async def _files(files: list[Path], as_json: bool) -> None:
    specs = [load_agent(path) for path in files]
    for spec in specs:
        for words in unsaid(outfit(spec).tools.values()):
            errors.print(Text(f"Warning: agent {spec.name}: {shown(words)}", "yellow"))
    if as_json:
        print_json([spec.model_dump(mode="json", by_alias=True) for spec in specs])
        return
    table = listing("agent", "autonomy", "tools", "what it is for", whole=("agent", "autonomy"))
    for spec in specs:
        table.add_row(
            spec.name, spec.remit.autonomy, Text("\n".join(spec.tools)), Text(shown(spec.description))
        )
    console.print(table)


async def _list(archived: bool, as_json: bool) -> None:
    async with open_here() as app:
        own = {one.name: one for one in await list_kept(app.store, archived)}
        names = sorted({*own, *library.agents()})
        rows = [await _row(app, name, own.get(name)) for name in names]
    if as_json:
        print_json(rows)
        return
    table = listing("agent", "from", "state", "autonomy", "what it is for", whole=("agent", "autonomy"))
    for row in rows:
        state = str(row["state"]) + (f" {row['version']}" if row["version"] else "")
        about = Text(shown(str(row["description"])))
        table.add_row(str(row["name"]), str(row["from"]), state, str(row["autonomy"]), about)
    console.print(table)


async def _row(app: App, name: str, one: Kept | None) -> dict[str, object]:
    if one is None:
        agent: Agent | None = of_library(name)
    else:
        agent, _ = await work.judged(app, name, one.published or one.text)
    return {
        "name": name,
        "from": "workspace" if one else "library",
        "state": one.state if one else "published",
        "version": one.version if one else None,
        "autonomy": agent.remit.autonomy if agent else "?",
        "tools": list(agent.tools) if agent else [],
        "description": agent.description if agent else "cannot be used any more; see `remit agents show`",
    }


async def _text(app: App, name: str, version: int | None, draft: bool) -> str:
    """Of the workspace's agent, or the library's. Raises UserError."""
    one = await store_of.find_kept(app.store, name)
    if one is None or (one.version is None and not draft and name in library.agents()):
        await find_named(app.store, name)  # says where there is none
        if version or draft:
            raise UserError(f"agent {name} is the library's: it has neither versions nor a draft")
        return library.agents()[name].read_text(encoding="utf-8")
    if version is not None:
        return (await store_of.version_of(app.store, name, version)).yaml
    if draft:
        if one.draft is None:
            raise UserError(f"agent {name} has no draft: version {one.version} says all")
        return one.draft
    if one.published is None:
        raise UserError(f"agent {name} is a draft, and none was published: --draft shows it")
    return one.published


async def _show(name: str, version: int | None, draft: bool, as_json: bool) -> None:
    async with open_here() as app:
        text = await _text(app, name, version, draft)
        agent, wrong = await work.judged(app, name, text)
    if as_json:
        spec = agent.model_dump(mode="json", by_alias=True, exclude_defaults=True) if agent else None
        print_json({"name": name, "yaml": text, "spec": spec, "wrong": [work.said(one) for one in wrong]})
        return
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    for one in wrong:
        console.print(Text(f"# wrong: {work.said(one)}", "yellow"))


async def _versions(name: str, as_json: bool) -> None:
    async with open_here() as app:
        now, found = await store_of.kept(app.store, name), await store_of.versions(app.store, name)
    if as_json:
        print_json(
            [
                {"version": one.version, "runs": one.version == now.version, "by": one.who, "at": one.at,
                 "note": one.note, "same_as": one.same_as}
                for one in found
            ]
        )  # fmt: skip
        return
    if now.draft is not None:
        console.print(
            f"There is a draft by {now.drafted_by}; `remit agents diff {name}` shows it.", markup=False
        )
    table = listing("version", "", "by", "on", "note", whole=("version", "on"))
    for one in found:
        runs = "runs" if one.version == now.version and now.archived_at is None else ""
        at = f"{one.at.astimezone():%d %b %Y %H:%M}"
        table.add_row(str(one.version), runs, Text(shown(one.who)), at, Text(shown(one.note)))
    console.print(table)


async def _diff(name: str, old: int | None, new: int | None, as_json: bool) -> None:
    async with open_here() as app:
        now = await store_of.kept(app.store, name)
        before = (await store_of.version_of(app.store, name, old)).yaml if old else now.published or ""
        after = (await store_of.version_of(app.store, name, new)).yaml if new else now.text
    found = compared(before, after)
    if as_json:
        print_json([{"is": line.kind, "text": line.text} for line in found if line.kind != "gap"])
    elif not found:
        console.print("Nothing differs.")
    else:
        console.print(Text(shown(as_text(found))))


async def _publish(name: str, note: str, as_json: bool) -> None:
    async with open_here() as app:
        now = await store_of.kept(app.store, name)
        _told(await work.publish(app, name, me(), now.rev, note), as_json)


async def _roll_back(name: str, version: int, note: str, as_json: bool) -> None:
    async with open_here() as app:
        now = await store_of.kept(app.store, name)
        _told(await work.roll_back(app, name, version, me(), now.rev, note), as_json)


async def _import(file: Path, publish: bool, note: str, as_json: bool) -> None:
    name, text = work.read_file(file)
    async with open_here() as app:
        now = await store_of.find_kept(app.store, name)
        saved = await work.save(app, name, text, me(), now.rev if now else None)
        if publish and saved.draft is not None:
            saved = await work.publish(app, name, me(), saved.rev, note)
        _told(saved, as_json)


async def _export(name: str, out: Path | None, version: int | None, draft: bool, as_json: bool) -> None:
    async with open_here() as app:
        text, pinned = split_pinned(await _text(app, name, version, draft))
    if out is None:
        if as_json:
            print_json({"name": name, "yaml": text})
            return
        sys.stdout.write(text)
        if pinned:
            console.print("# its pinned tools go into a file beside it: export it with --out", markup=False)
        return
    locks = {key: Lock.model_validate(one) for key, one in pinned.items()}
    for path in (out, *((lock_path(out),) if locks else ())):
        if path.exists():
            raise UserError(f"{path} is there already: name another file, or remove it")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from error
    wrote = [str(out), *([str(write_lock(out, locks))] if locks else [])]
    if as_json:
        print_json({"name": name, "files": wrote})
    else:
        console.print(Text(f"written: {' and '.join(wrote)}"))


async def _archive(name: str, archived: bool, as_json: bool) -> None:
    async with open_here() as app:
        now = await store_of.kept(app.store, name)
        _told(await store_of.archive(app.store, name, me(), now.rev, archived), as_json)


def _told(now: Kept, as_json: bool) -> None:
    if as_json:
        print_json({"name": now.name, "state": now.state, "version": now.version, "rev": now.rev})
        return
    version = f" {now.version}" if now.version else ""
    console.print(Text(f"{now.name}: {now.state}{version}"))
    if now.draft is not None:
        console.print(f"next: remit agents diff {now.name} && remit agents publish {now.name}", style="dim")
