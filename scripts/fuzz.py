"""Fuzz what reads a stranger's words, guided by which lines are reached (atheris: pip install atheris; Linux, Python to 3.13).

    python scripts/fuzz.py values --seconds 60
    python scripts/fuzz.py yaml rules parts page values --seconds 30      one after the other

Whatever breaks is written to .bench/fuzz/ and its traceback printed. The same is tried with small budgets in the suite, by hypothesis
(tests/gate/test_consumers.py, tests/gate/test_total.py, tests/agents/test_yaml.py): this is for looking longer.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

FOUND = Path(__file__).resolve().parent.parent / ".bench" / "fuzz"
KINDS = ("email", "phone", "account", "url", "path", "amount", "person", "id:order", "text")


def values(data: bytes) -> None:
    """A form is its own form, whatever is found in a text is in its form, and nothing raises."""
    from remit.gate.values import canonical, found, stands

    kind, text = KINDS[(data or b"\0")[0] % len(KINDS)], data[1:].decode("utf-8", "surrogateescape")
    form = canonical(kind, text)
    assert form is None or canonical(kind, form) == form, (kind, text, form)
    for one in found(kind, text):
        assert canonical(kind, one) == one, (kind, text, one)
        stands(kind, one, text)


def parts(data: bytes) -> None:
    """What leads somewhere in a text is found without raising, the same twice."""
    from remit.gate.parts import parts_of

    text = data.decode("utf-8", "surrogateescape")
    assert parts_of(text) == parts_of(text)


def yaml(data: bytes) -> None:
    """A spec is an agent or a SpecError."""
    from remit.agents.load import parse_agent
    from remit.errors import SpecError

    with contextlib.suppress(SpecError):
        parse_agent(data.decode("utf-8", "replace"))


def rules(data: bytes) -> None:
    """A condition compiles or is a SpecError, and holds, or not, or says why it cannot be decided."""
    from remit.errors import SpecError
    from remit.gate.rules import Rule, compile_rules

    with contextlib.suppress(SpecError):
        compiled = compile_rules([Rule(("*",), "deny", data.decode("utf-8", "replace"))])
        compiled.compiled[0].holds({"args": {"a": 1}, "person": {}, "inputs": {}, "run": {}, "evidence": {}})


def page(data: bytes) -> None:
    """Any bytes that say they are a page become words."""
    from remit.knowledge.page import text_of_page

    text_of_page(data.decode("utf-8", "replace"), "https://x.example/")


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (values, parts, yaml, rules, page)
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="none: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument(
        "--alone", action="store_true", help=argparse.SUPPRESS
    )  # in this process, which it ends
    given = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("needs atheris: .venv/bin/pip install atheris", file=sys.stderr)
        return 2
    if not given.alone:
        again = [sys.executable, __file__, "--alone", "--seconds", str(given.seconds)]
        return max(subprocess.run([*again, one]).returncode for one in given.targets or TARGETS)
    FOUND.mkdir(parents=True, exist_ok=True)
    (name,) = given.targets
    with atheris.instrument_imports(
        include=["remit.gate", "remit.agents.yaml", "remit.agents.load", "remit.knowledge.page"]
    ):
        TARGETS[name](b"")
    limits = [
        f"-max_total_time={given.seconds}",
        "-max_len=2000",
        "-timeout=20",
        f"-artifact_prefix={FOUND}/{name}-",
    ]
    atheris.Setup([sys.argv[0], *limits], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
