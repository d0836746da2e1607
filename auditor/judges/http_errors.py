"""What an error of a provider means for the request: shared by both official SDKs, which have the same shape."""

from __future__ import annotations

import json
import math
from typing import Any

from auditor.errors import (
    JudgeError,
    JudgeUnusableError,
    RequestRefusedError,
    TransientJudgeError,
    UncertainJudgeError,
)

_RETRY = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_NEVER_SENT = {
    "ConnectError",
    "ConnectTimeout",
    "PoolTimeout",
    "UnsupportedProtocol",
    "InvalidURL",
    "LocalProtocolError",
}
_OUT_OF_MONEY = ("insufficient_quota", "billing", "credit balance", "payment")


def connection_error(error: Exception, address: str) -> JudgeError:
    """Tell a request that was never sent from one that may have been served."""
    cause = error.__cause__ or error
    name = type(cause).__name__
    if name in _NEVER_SENT:
        return TransientJudgeError(
            f"no connection to {address} ({cause or name}); is the server running, and the base URL right?"
        )
    if "Timeout" in name or "Timeout" in type(error).__name__:
        return UncertainJudgeError(f"{address} did not answer in time; it may still have counted the call")
    return UncertainJudgeError(
        f"the connection to {address} broke before the answer was complete ({name}: {cause})"
    )


def status_error(
    status: int, body: str, headers: Any, *, model: str, address: str, key_name: str
) -> JudgeError:
    """Turn an HTTP status into the error that says what can be done."""
    said = provider_message(body)
    if status in (401, 403):
        return JudgeUnusableError(
            f"{address} refused the key (status {status}: {said}); check the environment variable {key_name}"
        )
    if status == 402 or (status == 429 and any(word in body.casefold() for word in _OUT_OF_MONEY)):
        return JudgeUnusableError(f"the account at {address} is out of credit (status {status}: {said})")
    if status == 404:
        return JudgeUnusableError(
            f"{address} knows no model '{model}', or no such path (status 404: {said}); check name and base URL"
        )
    if status in _RETRY:
        return TransientJudgeError(
            f"{address} is busy or failing (status {status}: {said})", retry_after=_retry_after(headers)
        )
    hint = ""
    if any(
        word in body.casefold() for word in ("response_format", "output_config", "json_schema", "structured")
    ):
        hint = "; this model may not take JSON schemas: try reply = 'text'"
    return RequestRefusedError(f"{address} refused the request (status {status}: {said}){hint}")


def provider_message(body: str) -> str:
    """The human part of a provider's error body, or the beginning of whatever it is."""
    try:
        value = json.loads(body)
    except (json.JSONDecodeError, RecursionError):
        value = None
    if isinstance(value, dict):
        inner = value.get("error", value)
        if isinstance(inner, dict) and isinstance(inner.get("message"), str):
            return str(inner["message"])[:300]
        if isinstance(inner, str):
            return inner[:300]
    return " ".join(body.split())[:200] or "no text"


def _retry_after(headers: Any) -> float | None:
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * factor
        except (TypeError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def load_body(body: str, address: str) -> dict[str, Any]:
    """The JSON object of a successful answer.

    Raises
    ------
    UncertainJudgeError
        If it is something else: a page of a gateway, half a text.
    """
    try:
        value = json.loads(body)
    except (json.JSONDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UncertainJudgeError(
            f"{address} answered something that is not a reply of its protocol: {provider_message(body)!r}"
        )
    return value
