"""Mutation tests of the gates: break them in one small way at a time, and see whether one of their tests notices.

    python scripts/mutants.py                     every module: an hour
    python scripts/mutants.py judge fields        these modules
    python scripts/mutants.py judge --seconds 120 --json

One process imports everything and runs the tests once, noting which of them reach which line. Each mutant is then a forked
child in which one function has other code; only the tests that reach the line run, the quickest first, until one fails.
A mutant that survives is a line that could be wrong without a test that says so, or one that means the same. Those of which somebody has
found out that they mean the same stand in scripts/mutants.toml with the reason; they are counted apart, and not tried.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import importlib
import json
import os
import signal
import sys
import time
import tomllib
import types
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
GATE = "judge chain evidence known glance fields values rules condition approval sums parts masked unseen remembered addresses numbers accounts"
MODULES = {name: f"remit.gate.{name}" for name in GATE.split()} | {
    "grant": "remit.agents.grant",
    "labels": "remit.tools.labels",
    "eligible": "remit.decisions.eligible",
    "contacts": "remit.decisions.contacts",
    "reach": "remit.agents.reach",
}
TESTS = [
    "tests/gate",
    "tests/agents/test_child_remit.py",
    "tests/agents/test_widening.py",
]  # in memory, all of them
OTHERS = {  # modules whose tests are elsewhere; those below agents, and the last two, have a database
    "known": [*TESTS, "tests/journal/test_refs.py", "tests/agents/test_refs.py"],
    "eligible": ["tests/decisions/test_eligible.py"],
    "contacts": ["tests/decisions/test_contacts.py"],
    "reach": ["tests/channels/test_reach.py"],
}
Function = ast.FunctionDef | ast.AsyncFunctionDef
LIMIT = 5.0  # seconds of CPU for a mutant beyond twice what its tests took; one that runs on is dead as well
SWAPS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE,), ast.LtE: (ast.Lt,), ast.Gt: (ast.GtE,), ast.GtE: (ast.Gt,), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,),
    ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,),
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Each other form of one node, with what it is in words."""

    def other(words: str, **fields: Any) -> tuple[str, ast.AST]:
        made = copy.copy(node)
        for name, value in fields.items():
            setattr(made, name, value)
        return words, made

    match node:
        case ast.Compare(ops=[first, *rest]):
            yield from (other("comparison", ops=[new(), *rest]) for new in SWAPS.get(type(first), ()))
        case ast.BoolOp(op=op, values=values):
            yield other("and/or", op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for place in range(len(values)):
                left = values[:place] + values[place + 1 :]
                yield f"without part {place + 1}", left[0] if len(left) == 1 else other("", values=left)[1]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield "without not", inner
        case ast.BinOp(op=op):
            yield from (other("operator", op=new()) for new in SWAPS.get(type(op), ()))
        case ast.IfExp(body=body, orelse=orelse):
            yield "always the first", body
            yield "always the second", orelse
        case ast.Constant(value=bool() as value):
            yield other("the other truth", value=not value)
        case ast.Constant(value=int() as value):
            yield other("one more", value=value + 1)
        case ast.Constant(value=str() as value) if value:
            yield other("another text", value=f"{value}~")
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield other("returns None", value=ast.Constant(None))
        case ast.If(test=test):
            yield other("always", test=ast.BoolOp(ast.Or(), [test, ast.Constant(True)]))
            yield other("never", test=ast.BoolOp(ast.And(), [test, ast.Constant(False)]))
        case ast.Continue():
            yield "stops instead", ast.Break()
        case ast.comprehension(ifs=[_, *_]):
            yield other("without its condition", ifs=[])
        case ast.Call(func=ast.Name(id="any" | "all" | "min" | "max" as name), args=args):
            swapped = {"any": "all", "all": "any", "min": "max", "max": "min"}[name]
            yield other(swapped, func=ast.Name(swapped, ast.Load()), args=args)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, Function))


def mutants(module: str) -> Iterator[tuple[str, int, int, str, types.CodeType]]:
    """Function, line, the line where its statement begins, what is other, and the function's code with it."""
    path = ROOT / "src" / (module.replace(".", "/") + ".py")
    tree = ast.parse(path.read_text())
    for name, function in functions(tree):
        said = [part for part in ast.walk(function) if isinstance(part, ast.JoinedStr | ast.Raise)]
        quiet = {id(inner) for part in said for inner in ast.walk(part)}  # words for people are not judged
        quiet |= {id(part) for part in ast.walk(function.args)}
        typed = [part.annotation for part in ast.walk(function) if isinstance(part, ast.AnnAssign)]
        quiet |= {id(inner) for part in typed for inner in ast.walk(part)}
        begins = {
            id(inner): part.lineno
            for part in ast.walk(function)
            if isinstance(part, ast.stmt)
            for inner in ast.walk(part)
        }
        quiet |= {id(function.body[0].value)} if isinstance(function.body[0], ast.Expr) else set()
        for node in [node for part in function.body for node in ast.walk(part)]:
            if id(node) in quiet:
                continue
            for words, other in changes(node):
                kept = list(function.body)
                function.body = [
                    _Replace(node, other).visit(copy.deepcopy(part, {id(node): node})) for part in kept
                ]
                whole = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
                function.body = kept
                line = getattr(node, "lineno", 0) or getattr(getattr(node, "iter", function), "lineno", 0)
                yield name, line, begins[id(node)], words, code_of(whole, name)


def code_of(code: types.CodeType, name: str) -> types.CodeType:
    for part in name.split("."):
        code = next(one for one in code.co_consts if isinstance(one, types.CodeType) and one.co_name == part)
    return code


def target(module: str, name: str) -> Any:
    """The function itself, below decorators."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = found.__dict__[part] if isinstance(found, type) else getattr(found, part)
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    return getattr(found, "__wrapped__", found)


def forget() -> None:
    """What is remembered from one test to the next would hide which lines it needs."""
    for module in [one for name, one in list(sys.modules.items()) if name.startswith("remit.")]:
        for value in list(vars(module).values()):
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()


class Same:
    """The mutants of which scripts/mutants.toml says that they mean the same: by module, function, a part of the line as it is
    written, and the changes."""

    def __init__(self) -> None:
        self.told = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text())["same"]
        self.met: set[int] = set()

    def has(self, module: str, function: str, line: str, words: str) -> bool:
        for place, one in enumerate(self.told):
            about = (one["module"], one["function"]) == (module, function)
            if about and words in one["changes"] and any(part in line for part in one["lines"]):
                self.met.add(place)
                return True
        return False

    def unmet(self, names: list[str]) -> list[str]:
        """Those that are no mutants any more."""
        left = (one for place, one in enumerate(self.told) if place not in self.met)
        return [
            f"{one['module']}: {one['function']}: {one['lines'][0]}" for one in left if one["module"] in names
        ]


class Gauntlet:
    """A pytest plugin: runs the tests once, then the mutants against them."""

    def __init__(self, names: list[str], skip: int, seconds: float) -> None:
        self.names, self.skip, self.until = names, skip, time.monotonic() + seconds
        self.rows: list[dict[str, Any]] = []
        self.same, self.whole = Same(), False  # `whole`: all were tried

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        files = {importlib.import_module(MODULES[name]).__file__: name for name in self.names}
        reach: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        for number, item in enumerate(session.items):
            lines: set[tuple[str, int]] = set()

            def trace(frame: Any, event: str, _argument: Any, lines: set[tuple[str, int]] = lines) -> Any:
                if (name := files.get(frame.f_code.co_filename)) is None:
                    return None
                lines.add((name, frame.f_lineno))
                return trace

            forget()
            sys.settrace(trace)
            began = time.process_time()
            failed = self._fails(item)
            sys.settrace(None)
            assert not failed, f"{item.nodeid} fails without any mutant"
            for line in lines:
                reach[line][number] = time.process_time() - began
        for name in self.names:
            lines_of = Path(importlib.import_module(MODULES[name]).__file__ or "").read_text().splitlines()
            for function, line, begins, words, code in islice(mutants(MODULES[name]), self.skip, None):
                about = {"module": name, "function": function, "line": line, "change": words}
                if self.same.has(name, function, lines_of[line - 1], words):
                    self.rows.append(about | {"fate": "same"})
                    continue
                reached = reach[name, line] or reach[name, begins]  # a constant is on no line of its own
                tests = sorted(reached, key=reached.__getitem__)
                if time.monotonic() > self.until:
                    return True
                seconds = LIMIT + 2 * sum(reached.values())
                fate = self._try(name, function, code, [session.items[one] for one in tests], seconds)
                self.rows.append(about | {"fate": fate})
                if fate != "killed":
                    print(f"{name}.py:{line}: {function}: {words}: {fate}", flush=True)
        self.whole = not self.skip
        return True

    def _fails(self, item: pytest.Item) -> bool:
        from _pytest.runner import runtestprotocol

        return any(report.failed for report in runtestprotocol(item, log=False))

    def _try(
        self, name: str, function: str, code: types.CodeType, items: list[pytest.Item], seconds: float
    ) -> str:
        if not items:
            return "not reached"
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
            target(MODULES[name], function).__code__ = code
            forget()
            os._exit(any(self._fails(item) for item in items))
        status = os.waitpid(child, 0)[1]
        return "survived" if status == 0 else "killed"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", choices=[*MODULES, []], help=f"of {', '.join(MODULES)}; none: all"
    )
    parser.add_argument("--seconds", type=float, default=3_600, help="begin no further mutant after that")
    parser.add_argument("--skip", type=int, default=0, help="so many mutants of each module first")
    parser.add_argument(
        "--tests", nargs="*", help="only these: quicker, and what survives may be noticed by others"
    )
    parser.add_argument("--json", action="store_true", help="every mutant, as JSON")
    given = parser.parse_args()
    os.chdir(ROOT)
    hypothesis.settings.register_profile(
        "mutants",
        max_examples=25,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    names = given.modules or list(MODULES)
    plugin = Gauntlet(names, given.skip, given.seconds)
    pytest.main(
        [
            "-q",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--hypothesis-profile=mutants",
            "-s",
            "-k",
            "not twice_the_text",
            *(given.tests or dict.fromkeys(path for name in names for path in OTHERS.get(name, TESTS))),
        ],
        plugins=[plugin],
    )
    if given.json:
        print(json.dumps(plugin.rows, indent=1))
        return 0
    for name in dict.fromkeys(row["module"] for row in plugin.rows):
        fates = [row["fate"] for row in plugin.rows if row["module"] == name]
        same = fates.count("same")
        print(f"{name:<12}{fates.count('killed'):>5} of {len(fates) - same:>5} killed; {same} mean the same")
    for words in plugin.same.unmet(plugin.names) if plugin.whole else ():
        print(f"scripts/mutants.toml names no mutant: {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
