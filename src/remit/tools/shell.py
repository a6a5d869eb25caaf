"""A shell in the run's own folder, in the sandbox (sandbox.py): no network, no files of the host but the system's programs,
bounded time, memory, processes and room. Without a sandbox there is no such tool.

What it says is at most as good as what went in, which nobody can tell of a command: its result is untrusted.
"""

from __future__ import annotations

from remit.errors import Mend
from remit.tools.decorate import tool
from remit.tools.result import text_of
from remit.tools.sandbox import find_sandbox, run_shell
from remit.tools.tool import Json, Tool, ToolContext

COMMAND = 20_000  # characters
SHOWN = 20_000  # characters of each output that are returned


@tool(effect="self", timeout=60)
async def shell_run(context: ToolContext, command: str) -> Json:
    """Run a command of /bin/sh in the run's own folder, with the system's usual programs (grep, sort, awk, sed, tar,
    git, …). There is no network, and nothing outside the folder can be changed. What runs in the background is ended
    with it. Returns the exit status and what it wrote.

    Args:
        command: What to run; several lines are a script.
    """
    if not command.strip():
        raise Mend("command: give something to run")
    if len(command) > COMMAND:
        raise Mend(f"command: longer than {COMMAND:,} characters; write a script with files_write and run it")
    if "\0" in command:
        raise Mend("command: it cannot hold a NUL character")
    ended = await run_shell(command, context.root)
    answer: dict[str, Json] = {"status": ended.status}
    if ended.stopped:
        answer["stopped"] = f"the command {ended.stopped} and was stopped"
    for name, data in (("output", ended.out), ("errors", ended.err)):
        text = text_of(data.decode("utf-8", "replace"))
        if text:
            answer[name] = text[:SHOWN]
        if len(text) > SHOWN:
            answer["truncated"] = (
                f"only the first {SHOWN:,} characters are shown; write the rest to a file and page through it"
            )
    return answer


TOOLS: tuple[Tool, ...] = (shell_run,) if find_sandbox() else ()
