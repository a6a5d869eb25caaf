"""`remit generate` from the outside: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from remit.cli.generate import generate
from tests.models.openai_endpoint import Reply, chunk, completion, serving

app = typer.Typer()
app.command()(generate)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.json"


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def told(script: Path, *answers: object) -> str:
    script.write_text(json.dumps(answers))
    return f"--model=scripted:{script}"


def test_the_answer_goes_to_stdout_and_what_it_cost_to_stderr(script: Path) -> None:
    result = run("Say hello", told(script, "hello"))
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert result.stderr == "scripted:script.json: 0 + 0 tokens, $0\n"


def test_the_usage_of_a_real_endpoint_is_shown() -> None:
    with serving(Reply(completion("hello"))) as endpoint:
        result = run("Say hello", "-m", endpoint.name("tiny-1b"))
    assert result.stdout == "hello\n"
    assert "is a small model; check what it writes" in result.stderr
    assert "100 (40 cached) + 7 tokens, $0" in result.stderr


def test_json_tells_everything_on_stdout(script: Path) -> None:
    result = run("Who?", "--json", "--schema", '{"type": "object"}', told(script, {"data": {"name": "Ada"}}))
    told_ = json.loads(result.stdout)
    assert told_["data"] == {"name": "Ada"}
    assert told_["usage"]["cost_usd"] == "0"


def test_piped_text_is_the_material_and_a_dash_makes_it_the_prompt(tmp_path: Path) -> None:
    with serving(*[Reply(completion("ok"))] * 3) as endpoint:
        model = f"--model={endpoint.name()}"
        run("Compare", model, stdin="piped")
        run("-", model, stdin="asked by pipe")
        run(model, stdin="asked without a dash")
        texts = [body["messages"][-1]["content"] for body in endpoint.requests]
    assert texts == ["Compare\n\n--- stdin\npiped", "asked by pipe", "asked without a dash"]


@pytest.mark.parametrize(
    ("options", "answer", "printed"),
    [
        (["--labels", "praise, complaint"], {"data": {"label": "praise"}}, "praise\n"),
        (["--fields", "total:number"], {"data": {"total": 7}}, '{\n  "total": 7\n}\n'),
        (["--to", "German"], "Hallo", "Hallo\n"),
        (["--task", "summarize"], "short", "short\n"),
        (["--task", "code"], "```\nx = 1\n```", "x = 1\n"),
    ],
)
def test_the_options_say_what_the_task_is(
    options: list[str], answer: object, printed: str, script: Path
) -> None:
    result = run("a text", *options, told(script, answer))
    assert (result.exit_code, result.stdout) == (0, printed)


def test_the_answer_goes_to_a_file_where_one_is_named(script: Path, tmp_path: Path) -> None:
    out = tmp_path / "answer.txt"
    result = run("Say hello", "--out", out, told(script, "hello"))
    assert (result.stdout, out.read_text()) == ("", "hello\n")


def test_a_schema_is_read_from_its_file(script: Path, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text('{"type": "object", "required": ["name"]}')
    result = run("Who?", "--schema", schema, told(script, {"data": {}}))
    assert result.exit_code == 1
    assert "'name' is a required property" in result.stderr


MISTAKES: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "nothing to work on"),
    "task": (["x", "--task", "sumarize"], "Did you mean 'summarize'?"),
    "model": (["x", "--model", "anthropc:claude-sonnet-5-5"], "Did you mean 'anthropic:claude-sonnet-5-5'?"),
    "file": (["x", "--file", "/nonexistent/a.txt"], "/nonexistent/a.txt: cannot be read"),
    "image": (["x", "--image", __file__], "not a PNG"),
    "schema": (["x", "--schema", "{nope"], "--schema: not JSON"),
    "schema file": (["x", "--schema", __file__], "not JSON"),
    "schema kind": (["x", "--schema", '{"type": "nope"}'], "not a JSON Schema"),
    "no place": (["x", "--task", "image"], "--out FILE"),
    "wrong place": (["x", "--out", "/nonexistent/a.txt"], "its folder does not exist"),
    "folder": (["x", "--out", "/"], "is a folder"),
    "no language": (["x", "--task", "translate"], "needs the language"),
    "labels and fields": (["x", "--labels", "a,b", "--fields", "c"], "use extract"),
    "tokens": (["x", "--max-tokens", "0"], "max-tokens"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_with_two_and_says_what_to_change(case: str) -> None:
    arguments, says = MISTAKES[case]
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_model_that_fails_ends_with_one_and_no_traceback() -> None:
    with serving(Reply({"error": {"message": "bad key"}}, 401)) as endpoint:
        result = run("x", "-m", endpoint.name())
    assert result.exit_code == 1
    assert "did not accept the key" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_stdin_that_is_no_text_is_refused() -> None:
    result = CliRunner().invoke(app, ["-"], input=b"\xff\x00")
    assert result.exit_code == 2
    assert "stdin: not UTF-8 text" in result.stderr


def test_help_comes_with_examples() -> None:
    result = run("--help")
    assert "remit generate --labels complaint,question,praise" in " ".join(result.stdout.split())


def test_on_a_terminal_the_text_streams_and_is_not_printed_twice() -> None:
    events = [chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, "stop")]
    program = "import typer; from remit.cli.generate import generate; typer.run(generate)"
    ours, theirs = pty.openpty()
    with serving(Reply(events=events)) as endpoint:
        command = [sys.executable, "-c", program, "Say hello", "-m", endpoint.name()]
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=True
        )
        assert endpoint.requests[0]["stream"] is True
    os.close(theirs)
    assert os.read(ours, 1000).split() == [b"hello"]
    os.close(ours)
    assert b"tokens" in process.stderr
