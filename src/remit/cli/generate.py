"""`remit generate`: one answer from a model, without an agent."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit import settings
from remit.errors import RemitError, UserError

if TYPE_CHECKING:  # the models' modules are heavier than `remit --help` should be
    from remit.models.generate import File, Task
    from remit.models.model import Answer, Model

Json = Any
_STREAMED = ("text", "summarize", "translate")


def generate(
    prompt: Annotated[str, typer.Argument(help="What to do; - reads it from stdin.")] = "",
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="Text, CSV, Markdown or PDF. Repeatable.")
    ] = None,
    image: Annotated[list[Path] | None, typer.Option(help="PNG, JPEG, GIF or WebP. Repeatable.")] = None,
    task: Annotated[
        str | None,
        typer.Option(help="text, code, json, summarize, translate, classify, extract or image."),
    ] = None,
    schema: Annotated[str | None, typer.Option(help="JSON Schema: a file, or the JSON itself.")] = None,
    labels: Annotated[str | None, typer.Option(help="Labels to choose from, with commas.")] = None,
    fields: Annotated[
        str | None, typer.Option(help="Fields to extract: name or name:type, with commas.")
    ] = None,
    to: Annotated[str, typer.Option("--to", help="Language to translate into.")] = "",
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="provider:model; several with commas are tried in turn."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the answer to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print answer, model and cost as JSON.")] = False,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer, in tokens.")] = None,
) -> None:
    """One answer from a model: text, code, JSON, a summary, a translation, a label, fields, an image.

    Examples:

    remit generate "Write a haiku about queues"

    remit generate --task code "A Python function that parses ISO dates" --out dates.py

    remit generate --task summarize --file report.pdf

    cat mail.txt | remit generate --task translate --to German

    cat mail.txt | remit generate --labels complaint,question,praise

    remit generate --fields "invoice_number,total:number,due:date" --file invoice.txt --json

    remit generate --schema person.json "Ada Lovelace, born 1815 in London"

    remit generate --task image "A lighthouse in the fog" --out fog.png --model google:gemini-3.1-flash-image

    Exit codes: 0 done, 1 the model could not, 2 the input is wrong.
    """
    try:
        asyncio.run(
            _generate(
                prompt, file or [], image or [], task, schema, _list(labels), _list(fields), to, model, out, as_json,
                max_tokens,
            )
        )  # fmt: skip
    except RemitError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _generate(
    prompt: str,
    file: Sequence[Path],
    image: Sequence[Path],
    task: str | None,
    schema: str | None,
    labels: Sequence[str],
    fields: Sequence[str],
    to: str,
    model: str | None,
    out: Path | None,
    as_json: bool,
    max_tokens: int | None,
) -> None:
    from remit.models import generate as single
    from remit.models.material import read_file, read_image
    from remit.models.registry import close_model, open_model

    chosen = _task(task, schema, labels, fields, to)
    require_place(out, chosen)
    wanted = _schema(schema) if schema is not None else None
    given, files = _stdin(prompt, [read_file(path) for path in file])
    images = [read_image(path) for path in image]
    # before a model is opened, which may fetch a gigabyte
    single.require_fit(chosen, given, files, images, wanted, labels, fields, to)
    opened = await open_model(model, settings.load(), progress=_progress())
    streaming = sys.stdout.isatty() and not as_json and out is None and chosen in _STREAMED
    try:
        if opened.small:
            typer.echo(f"Note: {opened.name} is a small model; check what it writes.", err=True)
        answer = await single.generate(
            opened, given, task=chosen, files=files, images=images, schema=wanted, labels=labels, fields=fields,
            language=to, max_tokens=max_tokens, stream=_write if streaming else None,
        )  # fmt: skip
    finally:
        await close_model(opened)
    _show(answer, opened, out, as_json, streamed=streaming)


def _task(
    task: str | None, schema: str | None, labels: Sequence[str], fields: Sequence[str], to: str
) -> Task:
    """The task named, else the one that the other options speak of."""
    from remit.errors import UnknownName
    from remit.models.generate import TASKS

    if task is None:
        if schema is not None:
            return "json"
        return "classify" if labels else "extract" if fields else "translate" if to else "text"
    for known in TASKS:
        if known == task:
            return known
    raise UnknownName("task", task, TASKS, "--task")


def require_place(out: Path | None, task: Task) -> None:
    """Raises UserError where the answer could not be put where it is wanted."""
    if task == "image" and out is None:
        raise UserError("an image needs a file to go to: --out FILE")
    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        raise UserError(f"--out {out}: {'is a folder' if out.is_dir() else 'its folder does not exist'}")


def _schema(given: str) -> dict[str, Json]:
    text, where = given, "--schema"
    if not given.lstrip().startswith("{"):
        from remit.models.material import read_file

        text, where = read_file(Path(given)).text, f"--schema {given}"
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise UserError(f"{where}: a JSON Schema is an object")
    return schema


def _stdin(prompt: str, files: list[File]) -> tuple[str, list[File]]:
    """The prompt and the files with what came by stdin: the prompt itself for `-`, else material.

    Without prompt and file, what is piped is the prompt.
    """
    from remit.models.generate import File
    from remit.models.material import decode

    if prompt != "-" and not _piped():
        return prompt, files
    text = decode(sys.stdin.buffer.read(), "stdin")
    if prompt == "-" or (not prompt and not files):
        return text, files
    return prompt, [*files, File("stdin", text)] if text.strip() else files


def _piped() -> bool:
    """Whether stdin is a pipe or a file, not a terminal or nothing."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # a stand-in without a descriptor
        return not sys.stdin.isatty()
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _list(given: str | None) -> list[str]:
    return [part.strip() for part in given.split(",")] if given else []


def _write(piece: str) -> None:
    sys.stdout.write(piece)
    sys.stdout.flush()


def _progress() -> Callable[[int, int], None] | None:
    """How far the local model's download is, on a terminal's last line."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, whole: int) -> None:
        end = "\n" if done >= whole else ""
        sys.stderr.write(f"\rFetching the local model: {done / 1e6:,.0f} of {whole / 1e6:,.0f} MB{end}")
        sys.stderr.flush()

    return show


def _show(answer: Answer, model: Model, out: Path | None, as_json: bool, *, streamed: bool) -> None:
    if out is not None:
        _save(answer, out)
    if as_json:
        typer.echo(json.dumps(_as_json(answer, model, out), ensure_ascii=False, indent=2))
    elif streamed:
        typer.echo()
    elif out is None:
        typer.echo(_text(answer))
    usage = answer.usage
    cost = "price unknown" if usage.cost is None else f"${usage.cost:.6f}".rstrip("0").rstrip(".")
    cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
    typer.echo(
        f"{answer.model or model.name}: {usage.input_tokens}{cached} + {usage.output_tokens} tokens, {cost}",
        err=True,
    )
    if answer.finish == "length":
        typer.echo("Note: the answer was cut off at its longest length; see --max-tokens.", err=True)


def _text(answer: Answer) -> str:
    if answer.text or answer.data is None:
        return answer.text
    return json.dumps(answer.data, ensure_ascii=False, indent=2)


def _save(answer: Answer, out: Path) -> None:
    try:
        if answer.images:
            out.write_bytes(answer.images[0].data)
        else:
            out.write_text(_text(answer).rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        raise RemitError(f"--out {out}: cannot be written: {error.strerror}") from error


def _as_json(answer: Answer, model: Model, out: Path | None) -> dict[str, Json]:
    return {
        "text": answer.text,
        "data": answer.data,
        "out": str(out) if out else None,
        "model": answer.model or model.name,
        "small": model.small,
        "finish": answer.finish,
        "usage": {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "cached_tokens": answer.usage.cached_tokens,
            "cost_usd": None if answer.usage.cost is None else str(answer.usage.cost),
        },
    }
