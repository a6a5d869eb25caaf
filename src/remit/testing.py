"""Doubles for your own tests: a model that follows a script, one that records, one that replays.

    model = ScriptedModel([ToolCall("1", "look_up", {"order": "W1"}), "It is on its way."])

They are models like any other: give them to a run, and the rest of Remit is real.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from remit.errors import ModelError, UserError
from remit.models.model import Answer, Image, Message, Model, Price, Request, ToolCall, Usage

Json = Any
Stream = Callable[[str], None]
ScriptItem = Answer | str | ToolCall | Sequence[ToolCall] | Mapping[str, Json] | Exception
Script = Iterable[ScriptItem] | Callable[[Request], Answer]
_FREE = Price(Decimal(0), Decimal(0))


class ScriptedModel:
    """Answers by a script, in order, or by a function of the request.

    An item is an Answer, text, one call, several calls, a mapping (the data of a structured answer), or an
    exception to raise. `count` is how often it was asked, `last` the last request. With `by_turn` the answer
    is picked by how many assistant messages the request holds, so that a run resumed in another process goes on.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted:test",
        window: int = 128_000,
        price: Price | None = _FREE,
        small: bool = False,
        by_turn: bool = False,
    ) -> None:
        self.name, self.window, self.price, self.small = name, window, price, small
        self.count = 0
        self.last: Request | None = None
        self._function = script if callable(script) else None
        self._items = () if callable(script) else tuple(_item(item, name) for item in script)
        self._by_turn = by_turn

    async def request(self, request: Request, stream: Stream | None = None) -> Answer:
        """The next answer. Raises ModelError past the script's end."""
        index = self.count
        self.count += 1
        self.last = request
        if self._function is not None:
            answer = self._function(request)
        else:
            if self._by_turn:
                index = sum(message.role == "assistant" for message in request.messages)
            if index >= len(self._items):
                raise ModelError(
                    f"{self.name}: the script has {len(self._items)} answers, this is request {index + 1}"
                )
            item = self._items[index]
            if isinstance(item, Exception):
                raise item
            answer = item
        if stream is not None and answer.text:
            stream(answer.text)
        return answer


def _item(item: ScriptItem, name: str) -> Answer | Exception:
    if isinstance(item, Answer):
        return item if item.model else replace(item, model=name)
    if isinstance(item, Exception):
        return item
    if isinstance(item, str):
        return Answer(text=item, model=name)
    if isinstance(item, Mapping):
        return Answer(data=dict(item), model=name)
    calls = (item,) if isinstance(item, ToolCall) else tuple(item)
    return Answer(calls=calls, model=name, finish="calls")


def load_script(path: Path) -> ScriptedModel:
    """A scripted model from a JSON file, which is what the name `scripted:FILE.json` opens.

    A list of answers, each `{"text": …}`, `{"calls": [{"tool": …, "args": {…}}]}` or `{"data": …}`; or an object
    `{"answers": […], "by": "turn"}` (see `by_turn`). Raises UserError naming what is wrong in it.
    """
    written = _read_json(path)
    options = written if isinstance(written, dict) else {"answers": written}
    unknown = set(options) - {"answers", "by"}
    entries, by = options.get("answers"), options.get("by", "count")
    if unknown or not isinstance(entries, list) or by not in ("turn", "count"):
        raise UserError(f'{path}: a script is a list of answers, or {{"answers": […], "by": "turn"|"count"}}')
    answers = [
        _scripted_answer(entry, index, f"{path}: answer {index + 1}") for index, entry in enumerate(entries)
    ]
    return ScriptedModel(answers, name=f"scripted:{path.name}", by_turn=by == "turn")


def _read_json(path: Path) -> Json:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from error


def _scripted_answer(entry: Json, index: int, where: str) -> Answer:
    if isinstance(entry, str):
        return Answer(text=entry)
    if not isinstance(entry, dict) or not set(entry) <= {"text", "calls", "data"} or not entry:
        raise UserError(
            f'{where}: expected text or {{"text", "calls", "data"}}, not {json.dumps(entry)[:80]}'
        )
    text, calls = entry.get("text", ""), entry.get("calls", [])
    if not isinstance(text, str) or not isinstance(calls, list):
        raise UserError(f"{where}: `text` is a string and `calls` a list")
    made = []
    for number, call in enumerate(calls, 1):
        args = call.get("args", {}) if isinstance(call, dict) else None
        if not isinstance(args, dict) or not isinstance(call.get("tool"), str):
            raise UserError(f'{where}, call {number}: expected {{"tool": name, "args": {{…}}}}')
        made.append(ToolCall(str(call.get("id", f"s{index + 1}-{number}")), call["tool"], args))
    return Answer(text, tuple(made), entry.get("data"), finish="calls" if made else "stop")


def canonical(request: Request) -> dict[str, Json]:
    """A request as JSON, the same for the same question; images by their hash."""
    return {
        "instructions": request.instructions,
        "messages": [_message(message) for message in request.messages],
        "tools": [[tool.name, tool.description, dict(tool.schema)] for tool in request.tools],
        "schema": dict(request.schema) if request.schema is not None else None,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "image": request.image,
        "allowed": None if request.allowed is None else sorted(request.allowed),
    }


def key_of(request: Request) -> str:
    """The SHA-256 of the canonical request, in hex."""
    return hashlib.sha256(_dump(canonical(request)).encode()).hexdigest()


def _dump(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _message(message: Message) -> dict[str, Json]:
    return {
        "role": message.role,
        "text": message.text,
        "calls": [[call.id, call.name, dict(call.args)] for call in message.calls],
        "call_id": message.call_id,
        "tool": message.tool,
        "images": [[hashlib.sha256(image.data).hexdigest(), image.media_type] for image in message.images],
    }


class RecordingModel:
    """Passes on to `model` and appends every question with its answer to a JSON Lines file."""

    def __init__(self, model: Model, path: Path) -> None:
        self.model, self.path = model, path
        self.name, self.window, self.price, self.small = model.name, model.window, model.price, model.small

    async def request(self, request: Request, stream: Stream | None = None) -> Answer:
        answer = await self.model.request(request, stream)
        line = {
            "key": key_of(request),
            "model": self.name,
            "window": self.window,
            "request": canonical(request),
            "answer": _written(answer),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_dump(line) + "\n")
        return answer


@dataclass(slots=True)
class _Tape:
    """The answers recorded for one question, in the order they came; the last one repeats."""

    request: str
    answers: list[Answer]
    played: int = 0

    def play(self) -> Answer:
        answer = self.answers[min(self.played, len(self.answers) - 1)]
        self.played += 1
        return answer


class ReplayingModel:
    """Answers as recorded, without a network. Raises UserError for a file that is no recording."""

    price: Price | None = _FREE
    small = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"replay:{path.name}"
        self.window = 128_000
        self._tapes: dict[str, _Tape] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            self._load(line, f"{path}:{number}")

    def _load(self, line: str, where: str) -> None:
        try:
            entry = json.loads(line)
            answer = _read_answer(entry["answer"])
            tape = self._tapes.setdefault(entry["key"], _Tape(_dump(entry["request"]), []))
            self.window = int(entry["window"])
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise UserError(f"{where}: not a line of a recording ({error!r}); record it again") from error
        tape.answers.append(answer)

    async def request(self, request: Request, stream: Stream | None = None) -> Answer:
        """The recorded answer. Raises ModelError naming the nearest recorded question on a miss."""
        tape = self._tapes.get(key_of(request))
        if tape is None:
            raise ModelError(f"{self.path}: this request was not recorded. {self._nearest(request)}")
        answer = tape.play()
        if stream is not None and answer.text:
            stream(answer.text)
        return answer

    def _nearest(self, request: Request) -> str:
        if not self._tapes:
            return "The recording is empty."
        asked = _dump(canonical(request))

        def likeness(tape: _Tape) -> float:
            return difflib.SequenceMatcher(None, asked, tape.request, autojunk=False).quick_ratio()

        nearest = max(self._tapes.values(), key=likeness).request
        at = next((i for i, (a, b) in enumerate(zip(asked, nearest, strict=False)) if a != b), len(nearest))
        begin = max(at - 60, 0)
        return f"The nearest recorded one reads …{nearest[begin : at + 60]}… where this reads …{asked[begin : at + 60]}…"


def _written(answer: Answer) -> dict[str, Json]:
    return {
        "text": answer.text,
        "calls": [[call.id, call.name, dict(call.args)] for call in answer.calls],
        "data": answer.data,
        "images": [[base64.b64encode(image.data).decode(), image.media_type] for image in answer.images],
        "usage": [
            answer.usage.input_tokens,
            answer.usage.output_tokens,
            answer.usage.cached_tokens,
            None if answer.usage.cost is None else str(answer.usage.cost),
        ],
        "model": answer.model,
        "finish": answer.finish,
    }


def _read_answer(written: Mapping[str, Json]) -> Answer:
    tokens_in, tokens_out, cached, cost = written["usage"]
    return Answer(
        text=written["text"],
        calls=tuple(ToolCall(*call) for call in written["calls"]),
        data=written["data"],
        images=tuple(Image(base64.b64decode(data), media) for data, media in written["images"]),
        usage=Usage(tokens_in, tokens_out, cached, None if cost is None else Decimal(cost)),
        model=written["model"],
        finish=written["finish"],
    )
