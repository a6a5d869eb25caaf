"""The local model: a small GGUF on the CPU, in a process of its own.

Every answer with tools or a schema is bound by a grammar, so that it is always a well-typed call or value.
Choices are scored by the log-probabilities of the labels' own names.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from remit.errors import ModelError, UnknownName, UserError
from remit.models import local_choose, local_machine, local_prompt, weights
from remit.models.local_process import Plan, Server, ServerGone
from remit.models.model import Answer, Message, Price, Request, ToolCall, Usage
from remit.models.weights import Progress
from remit.settings import Settings

Size = Literal["auto", "1.5b", "0.5b"]

WINDOW = 16_384  # tokens; 28 KB of memory each with the 1.5B model
MAX_CALL = 512  # tokens of a tool call, unless the request says otherwise
MAX_TEXT = 1024
STATE_FROM = 1_000  # characters of prefix from which its evaluated state is worth keeping on disk
STATES_KEPT = 6


async def open_local(
    settings: Settings,
    progress: Progress | None = None,
    size: Size = "auto",
    *,
    name: str = "",
    threads: int | None = None,
) -> LocalModel:
    """The local model, its weights fetched where they are missing; the process starts on first use.

    `size` auto: the 0.5B model where less than 4 GB of memory are available; `name` (`local:…`) overrules it.
    `threads`: unset, all cores for generation while the machine is idle and one less while it is not. Raises WeightsError, UnknownName, UserError.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise UserError("the local model needs an extra: pip install 'remit[local]'")
    if settings.local_weights is not None:
        path = weights.own_file(settings.local_weights)
        return LocalModel(path, path.stem.lower(), settings.cache_dir, threads)
    if name not in ("", "local"):
        size = _size(name)
    if size == "auto":
        size = "0.5b" if local_machine.available_memory() < 4_000_000_000 else "1.5b"
    wanted = weights.CODER_0_5B if size == "0.5b" else weights.CODER_1_5B
    path = await weights.ensure(wanted, settings, progress)
    return LocalModel(path, wanted.name, settings.cache_dir, threads)


def _size(name: str) -> Size:
    known: dict[str, Size] = {
        f"local:{weights.CODER_1_5B.name}": "1.5b",
        f"local:{weights.CODER_0_5B.name}": "0.5b",
    }
    if name not in known:
        raise UnknownName("model", name, known)
    return known[name]


class LocalModel:
    """A Model and a Chooser over one GGUF file. Requests queue; one is answered at a time."""

    small = True
    price = Price(Decimal(0), Decimal(0))

    def __init__(
        self, path: Path, name: str, cache_dir: Path, threads: int | None = None, window: int = WINDOW
    ) -> None:
        cores = local_machine.cores()
        self._spare = local_machine.Spare(cores) if threads is None else None
        self._asked = 0  # requests under way
        self.name = f"local:{name}"
        self.window = window
        self._states = cache_dir / "models" / "states"
        self._server = Server(
            Plan(
                model=path,
                context=window,
                states=self._states,
                threads=threads or cores,
                batch_threads=threads or cores,  # evaluation in batches loses nothing on a busy machine
            )
        )
        self._warm: set[tuple[int, str]] = set()  # (generation of the process, prefix) already evaluated
        self._scores = local_choose.Scores(self._next_tokens, self._tokenize)

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        """Ask once. Streams free text and data, never calls. Raises ModelError, WeightsError."""
        if any(message.images for message in request.messages) or request.image:
            raise ModelError("the local model neither reads nor makes images: use a provider that does")
        schema = local_prompt.answer_schema(request)
        body: dict[str, Any] = {
            "prompt": local_prompt.prompt(request),
            "n_predict": request.max_tokens
            or (MAX_TEXT if schema is None or not request.tools else MAX_CALL),
            "temperature": request.temperature if request.temperature is not None else 0.0,
            "seed": 1,
            "cache_prompt": True,
            "stream": True,
        }
        if schema is None:
            body["repeat_penalty"] = 1.05  # greedy free text of a small model circles without it
        else:
            body["json_schema"] = schema
        await self._fit(anew=all(message.role != "assistant" for message in request.messages))
        with self._asking():
            await self._warm_up(local_prompt.prefix(request))
            text, last = await self._complete(body, stream if not request.tools else None)
        return _answer(request, text, last, self.name)

    async def choose(self, prompt: str, labels: Sequence[str]) -> Mapping[str, float]:
        """Probability of each label for `prompt`, against what the labels get for no content; sums to 1."""
        return (await self.choose_many([prompt], labels))[0]

    async def choose_many(
        self, prompts: Sequence[str], labels: Sequence[str], task: str = ""
    ) -> list[Mapping[str, float]]:
        """`choose` for many at once; from eight on, calibrated by the batch's own mean instead.

        `task`: what the labels mean, if their names do not say. Batch calibration: Zhou et al. 2023,
        arXiv:2309.17249; content-free: Zhao et al. 2021, arXiv:2102.09690.
        """
        return await self._scores.choose(prompts, labels, task)

    async def sure(self, messages: Sequence[Message], request: Request | None = None) -> float:
        """P(yes) for the yes/no question that `messages` ends with.

        `request`: whose instructions, tools and turns stand before it; its evaluated prefix is reused.
        """
        asked = request or Request("Answer each question with yes or no.", ())
        asked = replace(asked, messages=(*asked.messages, *messages), allowed=None)
        found = await self._next_tokens(local_prompt.prompt(asked), (), 100)
        yes = sum(math.exp(p) for _, token, p in found if token.strip().strip('"').lower() == "yes")
        no = sum(math.exp(p) for _, token, p in found if token.strip().strip('"').lower() == "no")
        return yes / (yes + no) if yes + no > 0 else 0.5

    async def aclose(self) -> None:
        """End the process. The next use starts it again."""
        await asyncio.to_thread(self._server.stop)

    async def _fit(self, anew: bool) -> None:
        """Have the process run with as many threads as are good now. It is begun again for that, which loses what it has
        evaluated, so only between conversations (`anew`) and while it has nothing to do."""
        if self._spare is None or self._asked or not (anew or self._server.pid is None):
            return
        threads = await asyncio.to_thread(self._spare.look, self._server.pid)
        if threads != self._server.plan.threads and not self._asked:
            await asyncio.to_thread(self._server.stop)
            self._server.plan = replace(self._server.plan, threads=threads)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def _complete(
        self, body: Mapping[str, Any], stream: Callable[[str], None] | None
    ) -> tuple[str, Mapping[str, Any]]:
        """Text and the last event. A server that dies in the middle is started again, once."""
        shown = 0  # characters: an answer begun again is not shown twice
        for attempt in (1, 2):
            text = ""
            try:
                async for event in self._server.stream("/completion", body):
                    text += event.get("content", "")
                    if stream and len(text) > shown:
                        stream(text[shown:])
                        shown = len(text)
                    if event.get("stop"):
                        return text, event
                raise ServerGone("the answer ended early")
            except ServerGone as error:
                if attempt == 2:
                    raise _gone(error) from error
        raise AssertionError("unreachable")

    async def _call(self, path: str, body: Mapping[str, Any]) -> Any:
        for attempt in (1, 2):
            try:
                return await self._server.call(path, body)
            except ServerGone as error:
                if attempt == 2:
                    raise _gone(error) from error
        raise AssertionError("unreachable")

    async def _tokenize(self, text: str) -> list[int]:
        found = await self._call("/tokenize", {"content": text, "add_special": False})
        return [int(token) for token in found["tokens"]]

    async def _next_tokens(
        self, prompt: str, tokens: Sequence[int], count: int
    ) -> list[tuple[int, str, float]]:
        """The `count` likeliest next tokens after prompt and tokens: id, text, log-probability."""
        body = {
            "prompt": [prompt, *tokens] if tokens else prompt,
            "n_predict": 1,
            "n_probs": count,  # of the logits before the bias
            "logit_bias": [["a", 1000]],  # half a letter, or the turn's end, would come without probabilities
            "temperature": 0.0,
            "cache_prompt": True,
        }
        with self._asking():
            found = await self._call("/completion", body)
        top = found["completion_probabilities"][0]["top_logprobs"]
        return [(one["id"], one["token"], one["logprob"]) for one in top if one["logprob"] is not None]

    async def _warm_up(self, prefix: str) -> None:
        """Have a long prefix evaluated, from disk where an earlier process has left its state there."""
        await self._server.start()
        digest = hashlib.sha256(prefix.encode()).hexdigest()[:24]
        key = (self._server.generation, digest)
        if key in self._warm or len(prefix) < STATE_FROM:
            return
        name = f"{self.name.split(':')[1]}-{self.window}-{digest}.state"
        try:
            if (self._states / name).exists():
                await self._restore(name)
            else:
                await self._call(
                    "/completion",
                    {"prompt": prefix, "n_predict": 0, "cache_prompt": True, "temperature": 0.0},
                )
                await self._save(name)
        except (ModelError, OSError):
            # Only speed is lost: the request itself evaluates the prefix, and says what is wrong with it.
            pass
        self._warm.add((self._server.generation, digest))

    async def _restore(self, name: str) -> None:
        try:
            await self._call("/slots/0?action=restore", {"filename": name})
            os.utime(self._states / name)
        except ModelError:
            (self._states / name).unlink(missing_ok=True)  # of another version, or damaged

    async def _save(self, name: str) -> None:
        unfinished = self._states / f"{name}.{uuid.uuid4().hex}"
        try:
            await self._call("/slots/0?action=save", {"filename": unfinished.name})
            os.replace(unfinished, self._states / name)
        finally:
            unfinished.unlink(missing_ok=True)
        kept = sorted(self._states.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in kept[STATES_KEPT:]:
            old.unlink(missing_ok=True)


def _answer(request: Request, text: str, last: Mapping[str, Any], name: str) -> Answer:
    timings = last.get("timings", {})
    cached, fresh = int(timings.get("cache_n", 0)), int(timings.get("prompt_n", 0))
    usage = Usage(cached + fresh, int(timings.get("predicted_n", 0)), cached, Decimal(0))
    cut = last.get("stop_type") == "limit"
    plain = Answer(text=text.strip(), usage=usage, model=name, finish="length" if cut else "stop")
    if not request.tools and request.schema is None:
        return plain
    try:
        made = json.loads(text)
    except ValueError:
        return plain  # cut off in the middle: the caller sees "length" and what there is
    if not request.tools:
        return replace(plain, data=made)
    if made["tool"] == local_prompt.FINISH and all(t.name != local_prompt.FINISH for t in request.tools):
        if request.schema is not None:
            return replace(plain, data=made["args"])
        return replace(plain, text=str(made["args"]["report"]))
    call = ToolCall(f"call_{uuid.uuid4().hex[:12]}", made["tool"], made["args"])
    return replace(plain, text="", calls=(call,), finish="calls")


def _gone(error: ServerGone) -> ModelError:
    return ModelError(f"the local model's process died twice; {error}", retryable=True)
