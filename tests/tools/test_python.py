from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.tools import ToolContext, python, sandbox
from remit.tools.call import Outcome, call
from remit.tools.python import python_full, python_run


async def run(context: ToolContext, code: str, **inputs: Any) -> Outcome:
    return await call(python_run, context, {"code": code, "inputs": inputs})


async def test_code_computes_with_its_inputs_and_prints(context: ToolContext) -> None:
    code = "print('rows', len(rows))\ntotal = sum(row['price'] for row in rows)\n{'total': total, 'mean': total / 2}"
    outcome = await run(context, code, rows=[{"price": 1.5}, {"price": 2}])
    assert outcome.status == "ok", outcome.result
    assert outcome.result == {"value": {"total": 3.5, "mean": 1.75}, "printed": "rows 2\n"}


async def test_what_has_no_json_form_is_still_shown(context: ToolContext) -> None:
    outcome = await run(context, "class A:\n    pass\n(float('nan'), {1}, b'\\xff', A(), 2**70, max)")
    assert outcome.status == "ok", outcome.result
    value = outcome.result["value"]
    assert value[:2] == [None, [1]]
    assert value[2]["invalid_utf8"] is True
    assert "A" in value[3]
    assert value[4] == str(2**70)
    assert (await run(context, "x = 1")).result == {"value": None}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nx.foo()", "AttributeError: 'int' object has no attribute 'foo'\nat line 2: x.foo()"),
        ("def (", "SyntaxError"),
        ("print('a')\n1 / 0", "printed before that:\na"),
        ("  ", "give some Python"),
        ("x" * 200_000, "longer than"),
        ("missing", "NameError"),
        ("def f(): return f()\nf()", "RecursionError"),
    ],
)
async def test_a_mistake_in_the_code_goes_back_with_its_line(
    context: ToolContext, code: str, said: str
) -> None:
    outcome = await run(context, code)
    assert outcome.status == "mend"
    assert said in outcome.result


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "import os\nos.environ",
        "import os\nos.system('id')",
        "import socket",
        "import subprocess",
        "import pathlib\npathlib.Path('/etc/passwd').read_text()",
        "import pathlib\npathlib.Path('/tmp/remit-out').write_text('x')",
        "__import__('os').system('id')",
        "().__class__.__base__.__subclasses__()",
        "eval('__import__(\"os\")').system('id')",
    ],
)
async def test_nothing_of_the_host_is_within_reach(context: ToolContext, code: str) -> None:
    outcome = await run(context, code)
    assert outcome.status == "mend", outcome
    assert not Path("/tmp/remit-out").exists()


@pytest.mark.parametrize(
    "code",
    [
        "x = 'a' * 10\nwhile True:\n    x = x + x",
        "[1] * (10 ** 9)",
        "9 ** (9 ** 9)",
        "x = []\nwhile True:\n    x.append(x)",
        "while True:\n    print('a' * 1000)",
    ],
)
async def test_memory_is_bounded(context: ToolContext, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(python, "SECONDS", 8.0)
    outcome = await run(context, code)
    assert outcome.status == "mend"
    assert "MemoryError" in outcome.result


async def test_time_is_bounded(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "SECONDS", 0.3)
    for code in ("while True:\n    pass", "import time\ntime.sleep(100)"):
        outcome = await run(context, code)
        assert outcome.status == "mend", outcome
        assert "Timeout" in outcome.result or "sleep" in outcome.result


async def test_a_call_leaves_nothing_for_the_next(context: ToolContext) -> None:
    await run(context, "secret = 42")
    assert "NameError" in (await run(context, "secret")).result


def test_a_process_that_has_run_code_ends_cleanly() -> None:
    source = (
        "import asyncio, pathlib, uuid\n"
        "from remit.tools import ToolContext\n"
        "from remit.tools.call import call\n"
        "from remit.tools.python import python_run\n"
        "context = ToolContext(uuid.uuid4(), 'c', 'k', pathlib.Path('none'), {}, {})\n"
        "assert asyncio.run(call(python_run, context, {'code': '1 + 1'})).result == {'value': 2}\n"
    )
    for _ in range(6):
        assert subprocess.run([sys.executable, "-c", source]).returncode == 0


async def test_inputs_must_be_variables(context: ToolContext) -> None:
    outcome = await call(python_run, context, {"code": "1", "inputs": {"not a name": 1}})
    assert "cannot be the name of a variable" in outcome.result


def test_a_whole_python_is_offered_only_with_a_sandbox() -> None:
    assert (python_full in python.TOOLS) == (sandbox.find_sandbox() is not None)


async def test_without_a_sandbox_a_whole_python_does_nothing(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "find_sandbox", lambda: None)
    outcome = await call(python_full, context, {"code": f"open({str(tmp_path / 'out')!r}, 'w')"})
    assert outcome.status == "mend"
    assert "no sandbox" in outcome.result
    assert not (tmp_path / "out").exists()


walled = pytest.mark.skipif(sandbox.find_sandbox() is None, reason="no sandbox works here")


@walled
async def test_a_whole_python_computes_with_its_library(context: ToolContext) -> None:
    code = "import statistics\nprint('hi')\nstatistics.median(xs)"
    outcome = await call(python_full, context, {"code": code, "inputs": {"xs": [1, 5, 3]}})
    assert outcome.result == {"value": 3, "printed": "hi\n"}
    outcome = await call(python_full, context, {"code": "x = 1\nraise ValueError('no')"})
    assert outcome.result == "ValueError: no\nat line 2"


@walled
async def test_a_whole_python_that_does_not_end_is_stopped(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 1.0)
    for code in (
        "while True: pass",
        "import time\ntime.sleep(100)",
        "import sys\nsys.__stdout__.write('x' * 9000000)",
    ):
        assert (await call(python_full, context, {"code": code})).status == "mend", code
