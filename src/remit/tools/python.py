"""Python for computation, in a sandbox: no network, no files of the host, bounded time and memory.

`python_run` is Monty, an interpreter of a part of Python in a process of its own that has no way out (see
pydantic-monty). `python_full` is the real CPython inside the sandbox (sandbox.py), and there only where there is one:
without a sandbox there is no tool.
"""

from __future__ import annotations

import math
from typing import Any

from remit.errors import Mend
from remit.tools.decorate import tool
from remit.tools.result import safe
from remit.tools.sandbox import find_sandbox, run_python
from remit.tools.tool import Json, Tool, ToolContext

SECONDS = 10.0  # of computing
MEMORY = 256_000_000  # bytes
PRINTED = 100_000  # characters of print() that are taken
SHOWN = 20_000  # characters of print() that are returned
CODE = 100_000  # characters


@tool(effect="read", timeout=20)
def python_run(context: ToolContext, code: str, inputs: dict[str, Any] = {}) -> Json:  # noqa: B006
    """Run a piece of Python to compute something. Returns what it printed and the value of its last expression.
    It has the language, math, json, re, datetime, and nothing else: no other imports, no files, no network.

    Args:
        code: The code; its last line may be an expression, whose value is returned.
        inputs: Values by name, which the code finds as variables.
    """
    from pydantic_monty import (
        CollectString,
        Monty,
        MontyConversionError,
        MontyCrashedError,
        MontyRuntimeError,
        MontySyntaxError,
        ResourceLimits,
    )

    _check(code, inputs)
    limits = ResourceLimits(
        max_feed_duration_secs=SECONDS, max_memory=MEMORY, max_suspensions=1, max_total_sleep_secs=0.0
    )
    printed = CollectString(PRINTED)
    try:
        # A process for each call: nothing of one run's can be seen by another's. Not AsyncMonty: its threads can
        # abort the interpreter at exit, and leaving it while code runs can wait for ever (pydantic/monty#551).
        with (
            Monty(max_processes=1, request_timeout=SECONDS + 3, max_checkouts_per_worker=1) as pool,
            pool.checkout(limits=limits) as session,
        ):
            value = session.feed_run(code, inputs=inputs, print_callback=printed)
    except (MontySyntaxError, MontyRuntimeError) as error:
        raise Mend(_told(error, printed.output)) from error
    except MontyConversionError as error:
        raise Mend(f"the last expression has a value that cannot be returned: {error}") from error
    except MontyCrashedError as error:
        reason = f"it took longer than {SECONDS:g} s" if error.timed_out else "its process ended"
        raise Mend(f"the code was stopped: {reason}; make it do less") from error
    return _answer(value, printed.output)


@tool(effect="read", timeout=60)
async def python_full(context: ToolContext, code: str, inputs: dict[str, Any] = {}) -> Json:  # noqa: B006
    """Run a Python program with its whole standard library, without files of the host and without network.
    Returns what it printed and the value of its last expression.

    Args:
        code: The code; its last line may be an expression, whose value is returned.
        inputs: Values by name, which the code finds as variables.
    """
    _check(code, inputs)
    done = await run_python(code, inputs)
    if done.error:
        raise Mend(f"{done.error}{_before(done.printed)}")
    return _answer(done.value, done.printed)


def _check(code: str, inputs: dict[str, Any]) -> None:
    if not code.strip():
        raise Mend("code: give some Python")
    if len(code) > CODE:
        raise Mend(f"code: longer than {CODE:,} characters")
    if wrong := [name for name in inputs if not name.isidentifier()]:
        raise Mend(f"inputs: {wrong[0]!r} cannot be the name of a variable")


def _answer(value: Any, printed: str) -> Json:
    answer: dict[str, Json] = {"value": safe(value, unknown=repr, limit=math.inf)}
    if printed:
        answer["printed"] = printed[:SHOWN]
    if len(printed) > SHOWN:
        answer["truncated"] = f"printed {len(printed)} characters"
    return answer


def _told(error: Any, printed: str) -> str:
    """Kind, message and line of what went wrong in the code."""
    lines = [error.display("type-msg")]
    frames = error.traceback()
    if frames:
        last = frames[-1]
        source = f": {last.source_line.strip()[:200]}" if last.source_line else ""
        lines.append(f"at line {last.line}{source}")
    return "\n".join(lines) + _before(printed)


def _before(printed: str) -> str:
    return f"\nprinted before that:\n{printed[-2_000:]}" if printed else ""


TOOLS: tuple[Tool, ...] = (python_run, python_full) if find_sandbox() else (python_run,)
