"""`remit retain`: old runs become archives, and very old archives go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from remit import settings
from remit.age import parse_age
from remit.cli.common import console, errors, escape, perform, print_json
from remit.errors import UserError
from remit.journal.archive import Checked, check
from remit.journal.due import Due, Policy, due
from remit.journal.index import find_run
from remit.journal.restore import restore
from remit.journal.retain import Retained
from remit.journal.retain import retain as apply
from remit.journal.sweep import Swept, sweep
from remit.run_files import remove_folders
from remit.store.store import Store, open_store


def retain(
    older_than: Annotated[
        str,
        typer.Option(
            help="Archive runs that ended so long ago: 12h, 90d, 6w, 7y. Without it, REMIT_RETAIN_ARCHIVE_AFTER."
        ),
    ] = "",
    agent: Annotated[str, typer.Option(help="Only this agent's runs.")] = "",
    status: Annotated[
        list[str] | None, typer.Option(help="Only such runs: met, failed, …; repeatable.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="A folder for the archives, which every worker can read.")
    ] = None,
    delete_after: Annotated[
        str, typer.Option(help="Delete archives of runs that ended so long ago; a tombstone of each stays.")
    ] = "",
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Runs a transaction.")] = 100,
    sweep_blobs: Annotated[
        bool, typer.Option("--sweep-blobs", help="Also remove big values that no event refers to any more.")
    ] = False,
    restore_run: Annotated[
        str, typer.Option("--restore", help="Only put this archived run back into the journal.")
    ] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Only read every archive and hold it to its hash.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make archives of old runs: about a third of the room, and all commands read them as before.

    Ctrl-C is safe: what is done stays done, and the next call goes on. Exit codes: 0 done, 1 some runs could not be
    archived (they stay as they are) or an archive is broken, 2 wrong input, 130 stopped.

    Examples:

    remit retain --older-than 90d --dry-run

    remit retain --older-than 90d --delete-after 7y --to /archives --sweep-blobs

    remit retain --restore 3f2a
    """
    if verify:
        raise typer.Exit(1 if perform(_verify(as_json)).broken else 0)
    if restore_run:
        perform(_restore(restore_run, as_json))
        return
    ages = (parsed(older_than), parsed(delete_after))
    done = perform(_retain(ages, agent, status or [], to, batch, sweep_blobs, dry_run, as_json))
    raise typer.Exit(1 if done.kept else 0)


def parsed(age: str) -> timedelta | None:
    async def parse() -> timedelta:
        return parse_age(age)

    return perform(parse()) if age else None


async def _retain(
    ages: tuple[timedelta | None, timedelta | None],
    agent: str,
    status: list[str],
    to: Path | None,
    batch: int,
    sweep_blobs: bool,
    dry_run: bool,
    as_json: bool,
) -> Retained:
    given = settings.load()
    archive_after = ages[0] or given.retain_archive_after
    delete_after = ages[1] or given.retain_delete_after
    if archive_after is None and not sweep_blobs:
        raise UserError("say from what age on runs are archived, as `remit retain --older-than 90d`")
    if archive_after is None and delete_after is not None:
        raise UserError("--delete-after needs --older-than: only archives are deleted")
    done, swept = Retained(), None
    async with open_store(given) as store:
        if archive_after is not None:
            policy = Policy(archive_after, delete_after, agent, tuple(status), to, batch)
            found = await due(store, policy)
            if dry_run:
                _say_due(found, policy, as_json)
                return done
            done = await _apply(store, policy, found)
            await remove_folders(given.data_dir, store)
        if sweep_blobs and not dry_run:
            swept = await sweep(store)
    _say(done, swept, as_json)
    return done


async def _apply(store: Store, policy: Policy, found: Due) -> Retained:
    done = Retained()
    with _bar(found.archive) as show:

        def progress(now: Retained) -> None:
            nonlocal done
            done = now
            show(now.archived + len(now.kept))

        try:
            return await apply(store, policy, progress)
        except asyncio.CancelledError:
            errors.print(
                f"Stopped: {done.archived} runs are archived, {done.deleted} deleted. Call it again to go on."
            )
            raise


@contextmanager
def _shown(total: int) -> Any:
    columns = (TextColumn("Archiving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, completed=count)


def _bar(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A bar for whoever watches; nothing in a log."""
    if errors.is_terminal and total:
        bar: AbstractContextManager[Callable[[int], None]] = _shown(total)
        return bar
    return nullcontext(lambda count: None)


async def _verify(as_json: bool) -> Checked:
    async with open_store(settings.load()) as store:
        found = await check(store)
    if as_json:
        print_json(
            {"archives": found.archives, "broken": {str(run): why for run, why in found.broken.items()}}
        )
        return found
    console.print(f"{found.archives} archives read, {len(found.broken)} broken")
    for why in found.broken.values():
        errors.print(f"[red]broken[/] {escape(why)}")
    return found


async def _restore(prefix: str, as_json: bool) -> None:
    async with open_store(settings.load()) as store:
        run = await find_run(store, prefix)
        was = await restore(store, run)
    if as_json:
        print_json({"run": run, "restored": was})
    else:
        console.print(f"{run} is back in the journal" if was else f"{run} is not archived; nothing to do")


def _say_due(found: Due, policy: Policy, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": True, "policy": str(policy), **asdict(found)})
        return
    since = f", the oldest of {found.oldest.astimezone():%d %b %Y}" if found.oldest else ""
    files = ", with the files in their folders" if found.delete else ""
    console.print(
        f"Policy: {escape(str(policy))}. It would archive {found.archive} runs{since}, and delete {found.delete}{files}."
    )


def _say(done: Retained, swept: Swept | None, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(done), "kept": {str(k): v for k, v in done.kept.items()}, "swept": swept})
        return
    saved = f": {done.bytes_before:,} bytes are {done.bytes_after:,}" if done.archived else ""
    console.print(f"{done.archived} runs archived{saved}; {done.deleted} deleted")
    if swept is not None:
        console.print(f"{swept.blobs} big values removed, {swept.bytes:,} bytes")
    for run, why in list(done.kept.items())[:20]:
        errors.print(f"[yellow]kept[/] {run}: {escape(why)}")
    if len(done.kept) > 20:
        errors.print(f"[yellow]kept[/] {len(done.kept) - 20} more; --json lists them")
