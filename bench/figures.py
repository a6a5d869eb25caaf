"""What every bench prints: the machine it ran on, then a table or one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
SCRATCH = ROOT / ".bench"  # databases, virtual environments; git ignores it


def commit_ms(times: int = 50) -> float:
    """Milliseconds that the disk under .bench takes to make one 8 KB write durable (median). No durable step
    that waits for its own commit can be faster, so a figure without this one says little."""
    SCRATCH.mkdir(exist_ok=True)
    block, taken = os.urandom(8192), []
    sync = getattr(os, "fdatasync", os.fsync)
    with tempfile.TemporaryFile(dir=SCRATCH) as file:
        for _ in range(times):
            start = time.perf_counter()
            file.seek(0)
            file.write(block)
            file.flush()
            sync(file.fileno())
            taken.append(1000 * (time.perf_counter() - start))
    return round(sorted(taken)[times // 2], 3)


def machine() -> dict[str, Any]:
    """The figures that decide what the others mean."""
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "commit_ms": commit_ms(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all benches share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def show(as_json: bool, title: str, around: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print `rows` (all with the keys of the first) under the machine's figures."""
    if as_json:
        print(
            json.dumps(
                {"bench": title, "machine": dict(around), "rows": [dict(row) for row in rows]}, default=str
            )
        )
        return
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(f"[bold]{title}[/bold]")
    console.print(
        f"{around['cpus']} CPUs, load {around['load']}, a durable 8 KB write takes {around['commit_ms']} ms, "
        f"Python {around['python']}, {around['system']}",
        style="dim",
    )
    table = Table()
    for index, key in enumerate(rows[0] if rows else ()):
        table.add_column(key, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*("–" if value is None else str(value) for value in row.values()))
    console.print(table)


def note(text: str) -> None:
    """Progress, on stderr, so that --json stays clean."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def peer_python(name: str, packages: Sequence[str]) -> Path:
    """The interpreter of a peer's own virtual environment, made and filled on first use."""
    venv = SCRATCH / "venvs" / name
    python, done = venv / "bin" / "python", venv / ".installed"
    if done.exists() and done.read_text() == "\n".join(packages):
        return python
    note(f"installing {', '.join(packages)} into {venv.relative_to(ROOT)}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    quiet = ["-qq", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, *packages], check=True)
    done.write_text("\n".join(packages))
    return python
