"""What every command shares: opening the platform, exit codes, errors as messages, printing JSON."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console, OverflowMethod
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from remit.errors import RemitError, UserError
from remit.journal.state import State

T = TypeVar("T")
Run = Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PIPED = 200  # columns where nobody looks: lines stay whole for grep and less
EXIT = {
    "met": 0,
    "waiting": 3,
    "paused": 3,
    "not met": 4,
    "refused": 5,
    "cannot verify": 6,
    "cancelled": 4,
    "failed": 1,
}


def _columns(terminal: bool) -> int | None:
    """How wide to print; None is what the terminal or COLUMNS says."""
    return None if terminal or os.environ.get("COLUMNS") else PIPED


console = Console(highlight=False, width=_columns(sys.stdout.isatty()))
errors = Console(stderr=True, highlight=False, width=_columns(sys.stderr.isatty()))


def group(help: str, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """Commands under one name: plain text, no completion, our own errors. Without a command it says which there are, but where
    `cls` knows better."""
    return typer.Typer(
        cls=cls,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=cls is None,
        help=help,
    )


def perform(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; our own errors become a line on stderr and their exit code."""
    logging.getLogger("psycopg.pool").addFilter(_news)
    try:
        return asyncio.run(work)
    except RemitError as error:
        errors.print(f"[bold red]Error:[/] {escape(str(error))}")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def print_line(value: Any) -> None:
    """JSON in one line, at once: for what comes bit by bit."""
    sys.stdout.write(json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _news(record: logging.LogRecord) -> bool:
    """Connections that we close ourselves are no news to whoever sits at the terminal."""
    return "discarding closed connection" not in record.msg


def escape(text: str) -> str:
    return text.replace("[", r"\[")


def me() -> str:
    """Who is at the keyboard: REMIT_USER, else the login name."""
    return os.environ.get("REMIT_USER") or getpass.getuser()


def read_text(path: Path) -> str:
    """A file that was named. Raises UserError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def hidden(what: str, longest: int, twice: bool = True) -> str:
    """What nobody should see: typed unseen (`twice`: and once more), or piped in. It is never an argument, which would stand in
    the shell's history. Of what is piped in only so much is read that whoever checks it sees it to be too long."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"The {what}", hide_input=True, confirmation_prompt=twice))
    value = sys.stdin.read(longest + 3).removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise UserError(f"nothing came in: pipe the {what} into the command")
    return value


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False, indent=2) + "\n")


def left_out(archived: int) -> None:
    """Say of a list that is read from events what it does not have."""
    if archived:
        runs = "1 run" if archived == 1 else f"{archived} runs"
        console.print(f"{runs} in the archive left out.", style="dim")


def listing(*columns: str, whole: tuple[str, ...] = (), cut: str = "") -> Table:
    """A plain table. The columns `whole` are never wrapped, since people copy from them; `cut` is one line at most."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        overflow: OverflowMethod = "ellipsis" if column == cut else "fold"
        least = 12 if column == cut else None
        table.add_column(column, no_wrap=column in (*whole, cut), overflow=overflow, min_width=least)
    return table


def exit_code(state: State) -> int:
    """An end that cannot be verified is fine where the agent has no checks."""
    if state.status == "cannot verify" and not state.checks:
        return 0
    return EXIT.get(state.status, 3)


class Download:
    """A progress bar that appears with the first byte and goes when all are there."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=errors, transient=True)
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._bar.add_task("Fetching the local model, once", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self._bar.stop()
