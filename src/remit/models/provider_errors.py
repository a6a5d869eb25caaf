"""A provider's failure in our words: what happened, whether waiting helps, what to do. For `provider` only."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_ai import exceptions as ai

from remit.errors import ModelError, RemitError, UserError

_PASSING = (408, 409, 425, 429)
_TEMPORARY = (
    ai.ModelRateLimitError,
    ai.ModelUnavailableError,
    ai.ModelServerError,
    ai.ModelConnectionError,
    ai.ModelRequestTimeout,
)


def failure(name: str, error: Exception) -> RemitError:
    """A pydantic-ai exception as ours: what happened, whether waiting helps, what to do."""
    if isinstance(error, ai.UserError):
        return UserError(f"{name}: {error}")
    if not isinstance(error, ai.ModelAPIError):
        filtered = isinstance(error, ai.ContentFilterError)
        what = "refused by the provider's content filter" if filtered else "the answer cannot be read"
        return ModelError(f"{name}: {what}: {_short(error)}", retryable=not filtered)
    status = error.status_code if isinstance(error, ai.ModelHTTPError) else None
    reason = _short(error.body or "the provider gave no reason")
    said = f"HTTP {status}: {reason}" if status else _short(error)
    if isinstance(error, ai.ModelAuthenticationError):
        return ModelError(f"{name}: the provider did not accept the key. {said}")
    if isinstance(error, ai.ModelQuotaExceededError):
        return ModelError(f"{name}: the account's quota or credit is used up. {said}")
    if isinstance(error, ai.ModelNotFoundError):
        suggested = error.suggested_model_id if isinstance(error, ai.ModelHTTPError) else None
        hint = f" Did you mean {suggested!r}?" if suggested else " `remit models` lists what is there."
        return ModelError(f"{name}: the provider has no such model.{hint} {said}")
    if isinstance(error, ai.ModelContextWindowExceededError):
        return ModelError(f"{name}: the input is longer than the model takes. {said}")
    if isinstance(error, ai.ModelConnectionError) and not isinstance(error, ai.ModelTimeoutError):
        said = f"the connection failed ({_root(error)}). Is the address right, and the server up?"
    # Of no category at all: what came was not an API's answer, but a proxy's page or half a body.
    passing = type(error) is ai.ModelAPIError or isinstance(error, _TEMPORARY)
    if status is not None:
        passing = passing or status in _PASSING or status >= 500
    if isinstance(error, ai.ModelHTTPError) and error.provider_retry_hint is not None:
        passing = error.provider_retry_hint
    return ModelError(f"{name}: {said}", retryable=passing, retry_after=error.retry_after)


def _root(error: BaseException) -> str:
    """What the innermost cause says; the outer ones only say that there was an error."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return _short(error) or type(error).__name__


def _short(what: object) -> str:
    if isinstance(what, Mapping):
        inner = what.get("error", what)
        what = inner.get("message", inner) if isinstance(inner, Mapping) else inner
    text = " ".join(str(what).split())
    return text if len(text) <= 300 else text[:300] + " …"
