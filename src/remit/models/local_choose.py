"""Scores of labels by the log-probabilities of their own names, calibrated against the model's favourites.

The labels' tokens make a trie. Only where it branches is the model asked, and only along branches that can
still win, so that seventy labels cost a handful of single-token questions.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from remit.errors import UserError
from remit.models import local_prompt
from remit.models.model import Message, Request

NextTokens = Callable[[str, Sequence[int], int], Awaitable[list[tuple[int, str, float]]]]
Tokenize = Callable[[str], Awaitable[list[int]]]

BATCH = 8  # prompts from which their own mean is the better prior
NO_CONTENT = ("N/A", "", "[MASK]")
FLOOR = -18.0  # log-probability of a token that is not among the likeliest
WIDTH = 9.0  # branches this much (log) below the best one are not followed
ASKED = 400  # likeliest next tokens looked at


class Scores:
    """Label scorer over one model. Remembers the tries and priors of the label sets it has seen."""

    def __init__(self, next_tokens: NextTokens, tokenize: Tokenize) -> None:
        self._next_tokens = next_tokens
        self._tokenize = tokenize
        self._tokens: dict[str, tuple[int, ...]] = {}
        self._priors: dict[tuple[str, tuple[str, ...]], list[float]] = {}

    async def choose(
        self, prompts: Sequence[str], labels: Sequence[str], task: str
    ) -> list[Mapping[str, float]]:
        if not labels or len(set(labels)) != len(labels) or not all(labels):
            raise UserError("labels to choose from must be different and not empty")
        if len(labels) == 1:
            return [{labels[0]: 1.0} for _ in prompts]
        raw = [await self._score(prompt, labels, task) for prompt in prompts]
        if len(raw) >= BATCH:
            prior = [sum(column) / len(raw) for column in zip(*raw, strict=True)]
        else:
            prior = await self._prior(labels, task)
        return [dict(zip(labels, _softmax(scores, prior), strict=True)) for scores in raw]

    async def _prior(self, labels: Sequence[str], task: str) -> list[float]:
        key = (task, tuple(labels))
        if key not in self._priors:
            empty = [await self._score(text, labels, task) for text in NO_CONTENT]
            self._priors[key] = [sum(column) / len(empty) for column in zip(*empty, strict=True)]
        return self._priors[key]

    async def _score(self, prompt: str, labels: Sequence[str], task: str) -> list[float]:
        """Log-probability of each label, normalised over the labels at each branch."""
        shown = [_shown(label) for label in labels]
        for name in shown:
            if name not in self._tokens:
                self._tokens[name] = (
                    *await self._tokenize(name),
                    -1,
                )  # -1 ends a label: one may begin another
        question = _question(prompt, shown, task)
        scores = dict.fromkeys(shown, -math.inf)
        # (log-probability, tokens so far, labels below)
        open_nodes: list[tuple[float, tuple[int, ...], list[str]]] = [(0.0, (), list(dict.fromkeys(shown)))]
        while open_nodes:
            open_nodes.sort(key=lambda node: node[0])
            so_far, tokens, below = open_nodes.pop()
            best = max([so_far, *(s for s in scores.values() if s > -math.inf)])
            if len(below) == 1 or so_far < best - WIDTH:
                for name in below:
                    scores[name] = so_far - math.log(len(below))
                continue
            open_nodes += await self._branch(question, so_far, tokens, below)
        return [scores[name] for name in shown]

    async def _branch(
        self, question: str, so_far: float, tokens: tuple[int, ...], below: list[str]
    ) -> list[tuple[float, tuple[int, ...], list[str]]]:
        children: dict[int, list[str]] = {}
        for name in below:
            children.setdefault(self._tokens[name][len(tokens)], []).append(name)
        if len(children) == 1:
            (only,) = children
            return [(so_far, (*tokens, only), below)]
        found = await self._next_tokens(question, tokens, ASKED)
        likely = {token: p for token, _, p in found}
        # A label ends with the quotation mark that the question has opened.
        end = max((p for _, text, p in found if text.startswith('"')), default=FLOOR)
        logs = {token: end if token == -1 else likely.get(token, FLOOR) for token in children}
        total = _log_sum(list(logs.values()))
        return [(so_far + logs[t] - total, (*tokens, t), names) for t, names in children.items()]


def _question(prompt: str, labels: Sequence[str], task: str) -> str:
    """The answer is begun for the model, in a sentence: of the layouts tried this was the best on single texts."""
    instructions = (
        f"{task or 'Classify the message.'} It belongs to one of these topics: {'; '.join(labels)}."
    )
    message = Message("user", f'Message: "{prompt}"\nTopic?')
    return local_prompt.prompt(Request(instructions, (message,))) + 'The topic is "'


def _shown(label: str) -> str:
    return local_prompt.neutral(" ".join(label.split()))


def _softmax(scores: Sequence[float], prior: Sequence[float]) -> list[float]:
    logits = [score - expected for score, expected in zip(scores, prior, strict=True)]
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    return [weight / sum(weights) for weight in weights]


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs))
