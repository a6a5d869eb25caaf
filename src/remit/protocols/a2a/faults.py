"""What goes wrong beside what a client can mend: said in words of ours. The library would send the error's own, which may tell
of the database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from functools import wraps
from typing import Any, TypeVar

import psycopg
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import validate_request_params
from a2a.utils.errors import InternalError, UnsupportedOperationError

from remit.errors import ModelError, RemitError, StoreError

T = TypeVar("T")
P = TypeVar("P")
D = TypeVar("D")
AWAY = "the database or a model's provider cannot be reached now; try again"


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, OSError, StoreError, ModelError) as error:
        raise InternalError(AWAY) from error
    except RemitError as error:
        raise UnsupportedOperationError(str(error)) from error


def answers(
    method: Callable[[D, P, ServerCallContext], Coroutine[Any, Any, T]],
) -> Callable[[D, P, ServerCallContext], Coroutine[Any, Any, T]]:
    checked = validate_request_params(method)

    @wraps(method)
    async def told(self: D, params: P, context: ServerCallContext) -> T:
        with _in_words():
            result: T = await checked(self, params, context)
            return result

    return told


def streams(
    method: Callable[[D, P, ServerCallContext], AsyncGenerator[T]],
) -> Callable[[D, P, ServerCallContext], AsyncGenerator[T]]:
    checked = validate_request_params(method)

    @wraps(method)
    async def told(self: D, params: P, context: ServerCallContext) -> AsyncGenerator[T]:
        coming: AsyncGenerator[Any] = checked(self, params, context)
        with _in_words():
            async with aclosing(coming):
                async for one in coming:
                    yield one

    return told
