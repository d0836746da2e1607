"""The Chat Completions contract of OpenAI, as the fake enforces it.

Fields, ranges and limits: SDK `openai/types/chat/completion_create_params.py` and
`chat_completion_*_message_param.py`. Answer: `openai/types/chat/chat_completion.py`, `completion_usage.py`.
Model names and their dated forms: `openai/types/shared/chat_model.py`. Error codes: guide "Error codes"
(developers.openai.com/docs/guides/error-codes). Rate-limit headers: guide "Rate limits". Error shape:
`{"error": {"message", "type", "param", "code"}}`, read by `openai/_exceptions.py`. What reasoning models
refuse: guide "Reasoning" and `max_tokens` in the SDK. Wording of messages: as users of the API have
reported it where they have, and the fake's own elsewhere: tests should rely on status, type and code.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from .contract import Asked, Json, Outcome, Violation, prompt_tokens, text_of, tokens_of
from .openai_rules import (
    FIELDS,
    check_format,
    check_messages,
    check_reasoning,
    check_tools,
    check_values,
    refuse,
)

MODELS: Mapping[str, str] = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5.2": "gpt-5.2-2025-12-11",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.5": "gpt-5.5-2026-04-23",
    "o3": "o3-2025-04-16",
    "o4-mini": "o4-mini-2025-04-16",
}
MAX_BYTES = 64 * 2**20
_KEYS_PAGE = "https://platform.openai.com/account/api-keys"


def error(violation: Violation, request_id: str) -> Json:
    """OpenAI's error body. The request id is only in the header."""
    param, code = violation.details.get("param"), violation.details.get("code")
    return {"error": {"message": violation.message, "type": violation.kind, "param": param, "code": code}}


def masked(key: str) -> str:
    """A key as OpenAI shows it in a 401: eight characters, asterisks, the last four."""
    if len(key) <= 12:
        return key[:2] + "*" * max(len(key) - 2, 0)
    return key[:8] + "*" * (len(key) - 12) + key[-4:]


def authorise(headers: Mapping[str, str], key: str) -> None:
    """Refuse a request without the right bearer key."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not given:
        told = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using"
        )
        told += " Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        told += f" You can obtain an API key from {_KEYS_PAGE}."
        raise refuse(told, status=401)
    if given != key:
        told = f"Incorrect API key provided: {masked(given)}. You can find your API key at {_KEYS_PAGE}."
        raise refuse(told, code="invalid_api_key", status=401)


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse a body that does not call itself JSON."""
    kind = headers.get("Content-Type", "")
    if kind.split(";")[0].strip().lower() != "application/json":
        raise refuse(f"Invalid Content-Type header ({kind}), expected application/json.")


def bad_json(reason: str) -> Violation:
    """What a body that is no JSON gets."""
    told = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your"
    return refuse(f"{told} HTTP library correctly. The OpenAI API expects a JSON payload: {reason})")


def too_large(size: int) -> Violation:
    """What a body over the limit gets."""
    return refuse(f"Request body of {size} bytes is too large.", status=413)


def parse(body: Json, headers: Mapping[str, str], models: Mapping[str, str]) -> Asked:
    """Check a request and read it."""
    unknown = [name for name in body if name not in FIELDS]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise refuse(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise refuse("you must provide a model parameter")
    model = body["model"]
    served = models.get(model, model if model in models.values() else None)
    if served is None:
        told = f"The model `{model}` does not exist or you do not have access to it."
        raise refuse(told, code="model_not_found", status=404)
    check_messages(body)
    check_values(body)
    check_reasoning(body, model)
    schema = check_format(body)
    forced, parameters = check_tools(body)
    system = [text_of(m["content"]) for m in body["messages"] if m["role"] in ("system", "developer")]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    schema = schema or parameters
    return Asked("openai", model, served, body["messages"], "\n".join(system), schema, forced, limit, body)


def answer(asked: Asked, outcome: Outcome, request_id: str) -> Json:
    """A chat completion."""
    count = 0 if outcome.stop == "empty" else asked.body.get("n") or 1
    prompt = prompt_tokens(asked)
    made = count * (len(tokens_of(outcome.text)) + outcome.reasoning_tokens)
    completion = {"reasoning_tokens": count * outcome.reasoning_tokens, "audio_tokens": 0}
    completion |= {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    return {
        "id": f"chatcmpl-{hashlib.sha256(request_id.encode()).hexdigest()[:29]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.served,
        "choices": [_choice(asked, outcome, at) for at in range(count)],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
            "prompt_tokens_details": {"cached_tokens": min(outcome.cached_tokens, prompt), "audio_tokens": 0},
            "completion_tokens_details": completion,
        },
        "service_tier": "default",
        "system_fingerprint": "fp_fake000000",
    }


def _choice(asked: Asked, outcome: Outcome, index: int) -> Json:
    refused = outcome.stop == "refusal"
    message: Json = {"role": "assistant", "content": None if refused else outcome.text}
    message |= {"refusal": "I'm sorry, I can't help with that." if refused else None, "annotations": []}
    reason = "length" if outcome.stop == "length" else "stop"
    if asked.forced_tool is not None and not refused:
        function = {"name": asked.forced_tool, "arguments": outcome.text}
        message |= {
            "content": None,
            "tool_calls": [{"id": "call_0", "type": "function", "function": function}],
        }
    logprobs = None
    if asked.body.get("logprobs"):
        top = asked.body.get("top_logprobs") or 0
        content = [] if refused else [_logprob(token, top) for token in tokens_of(outcome.text)]
        logprobs = {"content": content, "refusal": None}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def _logprob(token: str, top: int) -> Json:
    def one(text: str, value: float) -> Json:
        return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "surrogatepass"))}

    alternatives = [one(token if at == 0 else f"{token}{at}", -0.01 - at) for at in range(top)]
    return one(token, -0.01) | {"top_logprobs": alternatives}


def headers(asked: Asked | None, number: int, request_id: str) -> dict[str, str]:
    """The headers that come with every answer."""
    found = {"x-request-id": request_id, "openai-version": "2020-10-01", "openai-processing-ms": "5"}
    if asked is not None:
        found |= {"openai-organization": "fake-organization"}
        for what, limit in (("requests", 10_000), ("tokens", 2_000_000)):
            found[f"x-ratelimit-limit-{what}"] = str(limit)
            found[f"x-ratelimit-remaining-{what}"] = str(max(limit - number - 1, 0))
            found[f"x-ratelimit-reset-{what}"] = "6ms"
    return found


def listed(name: str) -> Json:
    """One entry of GET /v1/models."""
    return {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}


def models_page(models: Mapping[str, str], query: Mapping[str, str]) -> Any:
    """The answer to GET /v1/models, which has no pages."""
    names = dict.fromkeys([*models, *models.values()])
    return {"object": "list", "data": [listed(name) for name in names]}
