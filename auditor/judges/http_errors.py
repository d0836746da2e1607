"""What an error of a provider means for the request, the same for all of them."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from auditor.errors import (
    JudgeError,
    JudgeUnusableError,
    RequestRefusedError,
    TransientJudgeError,
    UncertainJudgeError,
)

_RETRY = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_TOO_FAST = {429, 503, 529}
#: Errors of aiohttp before a request was sent, by name. `ServerDisconnectedError` is none: the request was on its way.
_NEVER_SENT = {
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ClientConnectorSSLError",
    "ClientConnectorCertificateError",
    "ClientProxyConnectionError",
    "ConnectionTimeoutError",
    "InvalidURL",
    "InvalidUrlClientError",
    "NonHttpUrlClientError",
}
_OUT_OF_MONEY = (
    *("insufficient_quota", "billing", "credit balance", "payment", "enforced_spend_limit"),
    *("exceeded_current_quota_error", "insufficient balance"),  # Moonshot; Z.ai
)
#: Google says the words of an empty account for every limit a minute, but not under its name for that.
_ONLY_TOO_FAST = "resource_exhausted"
#: How providers say with status 400 what others say with 401 and 404: Google; DeepSeek, Mistral, Z.ai.
_WRONG_KEY = ("api_key_invalid", "api key not valid")
_NO_MODEL = ("model_not_found", "model not exist", "invalid_model", "unknown model", "is not a valid model")


def connection_error(error: Exception, address: str) -> JudgeError:
    """Tell a request that was never sent from one that may have been served."""
    name = type(error).__name__
    if name in _NEVER_SENT:
        return TransientJudgeError(
            f"no connection to {address} ({error or name}); is the server running, and the base URL right?"
        )
    if isinstance(error, TimeoutError):
        return UncertainJudgeError(f"{address} did not answer in time; it may still have counted the call")
    return UncertainJudgeError(
        f"the connection to {address} broke before the answer was complete ({name}: {error})"
    )


def status_error(
    status: int, body: str, headers: Any, *, model: str, address: str, key_name: str
) -> JudgeError:
    """Turn an HTTP status into the error that says what can be done."""
    said, low = provider_message(body), body.casefold()
    if status in (401, 403) or (status == 400 and any(word in low for word in _WRONG_KEY)):
        return JudgeUnusableError(
            f"{address} refused the key (status {status}: {said}); check the environment variable {key_name}"
        )
    broke = any(word in low for word in _OUT_OF_MONEY) and _ONLY_TOO_FAST not in low
    if status == 402 or (status == 429 and broke):
        return JudgeUnusableError(f"the account at {address} is out of credit (status {status}: {said})")
    if status == 404 or (status == 400 and any(word in low for word in _NO_MODEL)):
        return JudgeUnusableError(
            f"{address} knows no model '{model}', or no such path (status {status}: {said}); check name and base URL"
        )
    if status in _RETRY:
        return TransientJudgeError(
            f"{address} is busy or failing (status {status}: {said})",
            retry_after=retry_after(headers) or _asked_in_body(body),
            limits=limit_headers(headers),
            limited=status in _TOO_FAST,
        )
    hint = ""
    if any(word in low for word in ("response_format", "output_config", "json_schema", "structured")):
        hint = "; this model may not take JSON schemas: try reply = 'text'"
    return RequestRefusedError(f"{address} refused the request (status {status}: {said}){hint}")


def provider_message(body: str) -> str:
    """The human part of a provider's error body, or the beginning of whatever it is."""
    try:
        value = json.loads(body)
    except (json.JSONDecodeError, RecursionError):
        value = None
    if isinstance(value, list) and value:  # Google's compatible endpoint wraps its errors in a list
        value = value[0]
    if isinstance(value, dict):
        inner = value.get("error", value)
        for text in (inner.get("message"), inner.get("detail")) if isinstance(inner, dict) else (inner,):
            if isinstance(text, str):
                return text[:300]
    return " ".join(body.split())[:200] or "no text"


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds that the server asks us to wait: a number, or a date (RFC 9110, section 10.2.3).

    Examples
    --------
    >>> retry_after({"retry-after": "2"}), retry_after({"retry-after-ms": "250"}), retry_after({})
    (2.0, 0.25, None)
    >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=30.0)
    30.0
    """
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if not text:
            continue
        try:
            seconds = float(text) * factor
        except ValueError:
            try:
                date = parsedate_to_datetime(text)
            except ValueError:
                continue
            seconds = max(0.0, date.timestamp() - (time.time() if now is None else now))
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


_RETRY_DELAY = re.compile(r'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"')


def _asked_in_body(body: str) -> float | None:
    """Google's wish, which stands in the body."""
    found = _RETRY_DELAY.search(body)
    return float(found[1]) if found else None


def limit_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those headers that tell of the provider's limits.

    Examples
    --------
    >>> limit_headers({"x-ratelimit-limit-requests": "500", "content-type": "text/html"})
    {'x-ratelimit-limit-requests': '500'}
    """
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower().startswith(("x-ratelimit-", "anthropic-ratelimit-"))
    }


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
