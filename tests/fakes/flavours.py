"""Providers that speak chat completions with rules of their own, at `/NAME/chat/completions` of the fake.

Stricter than some of them: a field that a provider does not document is refused, also where the real one ignores it, so
that a client that sends what it should not is found out. Sources:

google: page "OpenAI compatibility" (ai.google.dev/gemini-api/docs/openai); errors as users of it have reported them
    (discuss.ai.google.dev/t/112648, /t/117875: a list around the error, and which efforts Pro and Flash take).
zai: docs.z.ai/api-reference/llm/chat-completion (temperature 0 to 1, text or json_object) and its page of error codes.
moonshot: OpenAPI description of the chat API (K2.5 has no temperature; max_completion_tokens; json_schema), and
    "invalid temperature: only 1 is allowed for this model".
deepseek: api-docs.deepseek.com/api/create-chat-completion (text or json_object, which needs the word json in the prompt;
    prompt_cache_hit_tokens), guides/thinking_mode (no logprobs while thinking), quick_start/error_codes (402, 422).
together: docs.together.ai/reference/chat-completions-1 (logprobs is a number), docs/inference/chat/reasoning.
openrouter: openrouter.ai/docs/api-reference/overview, parameters, features/provider-routing.
mistral: docs.mistral.ai/api (random_seed; extra fields are refused with 422).
groq: console.groq.com/docs/openai (400 for logprobs, top_logprobs), docs/structured-outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import openai_api
from .contract import Asked, Json, Outcome, Violation, text_of
from .openai_rules import check_format, check_messages, check_tools, check_values, refuse

COMMON = {"model", "messages", "temperature", "top_p", "max_tokens", "stop", "stream", "tools", "tool_choice"}
COMMON |= {"response_format"}


@dataclass(frozen=True)
class Flavour:
    """One provider: what `openai_api` is for OpenAI."""

    name: str
    models: Mapping[str, str]
    fields: frozenset[str]
    check: Callable[[Json], None]
    shape: Callable[[Violation], Any]
    unknown: Callable[[str], Violation]
    field: Callable[[str], Violation]
    formats: tuple[str, ...] = ("text", "json_object", "json_schema")
    reasons: Callable[[Json], bool] = lambda body: False
    usage: Callable[[Json, Outcome], Json] = lambda usage, outcome: usage
    MAX_BYTES = openai_api.MAX_BYTES
    check_headers = staticmethod(openai_api.check_headers)
    bad_json = staticmethod(openai_api.bad_json)
    too_large = staticmethod(openai_api.too_large)
    listed = staticmethod(openai_api.listed)

    def error(self, violation: Violation, request_id: str) -> Any:
        """The provider's error body."""
        return self.shape(violation)

    def authorise(self, headers: Mapping[str, str], key: str) -> None:
        """Refuse a request without the right bearer key."""
        if headers.get("Authorization") == f"Bearer {key}":
            return
        if self.name == "google":
            raise refuse("API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
        given = headers.get("Authorization", "").removeprefix("Bearer ")
        raise refuse(f"Authentication failed: {given}", status=401, code="1000")

    def parse(self, body: Json, headers: Mapping[str, str], models: Mapping[str, str]) -> Asked:
        """Check a request and read it."""
        for name in body:
            if name not in self.fields:
                raise self.field(name)
        model = body.get("model")
        if model not in models:
            raise self.unknown(str(model))
        check_messages(body)
        check_values({name: value for name, value in body.items() if name != "reasoning_effort"})
        kind = (body.get("response_format") or {"type": "text"}).get("type")
        if kind not in self.formats:
            raise refuse("This response_format type is unavailable now", "response_format")
        self.check(body)
        schema = check_format(body)
        forced, parameters = check_tools(body)
        system = "\n".join(text_of(m["content"]) for m in body["messages"] if m["role"] == "system")
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        schema = schema or parameters
        return Asked(self.name, model, models[model], body["messages"], system, schema, forced, limit, body)  # type: ignore[arg-type]

    def answer(self, asked: Asked, outcome: Outcome, request_id: str) -> Json:
        """A chat completion, with the provider's own names for what it counts."""
        found = openai_api.answer(asked, outcome, request_id)
        found["usage"] = self.usage(found["usage"], outcome)
        if outcome.reasoning_tokens:
            for choice in found["choices"]:
                choice["message"]["reasoning_content"] = 'Would {"score": 1} do? No.'
        return found

    def headers(self, asked: Asked | None, number: int, request_id: str) -> dict[str, str]:
        """No limits in the headers: not all of these send them."""
        return {"x-request-id": request_id}


def _plain(violation: Violation) -> Json:
    return {
        "error": {"message": violation.message, "type": violation.kind, "code": violation.details.get("code")}
    }


def _between(body: Json, low: float, high: float) -> None:
    value = body.get("temperature")
    if value is not None and not low <= value <= high:
        raise refuse(f"temperature must be between {low:g} and {high:g}", "temperature")


def _thinking(body: Json, *, default: bool) -> bool:
    found = body.get("thinking")
    if found is None:
        return default
    if not isinstance(found, dict) or found.get("type") not in ("enabled", "disabled") or len(found) > 1:
        raise refuse("Invalid value for 'thinking'", "thinking")
    return bool(found["type"] == "enabled")


# Google


def _google_shape(violation: Violation) -> Any:
    code = violation.details.get("code")
    found: Json = {"code": violation.status, "message": violation.message}
    found["status"] = "NOT_FOUND" if violation.status == 404 else "INVALID_ARGUMENT"
    if violation.status == 429:
        found |= {
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing details.",
        }
        wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
        found["details"] = [wait]
    elif code:
        found["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code}]
    return [{"error": found}]


def _google(body: Json) -> None:
    effort, model = body.get("reasoning_effort"), body["model"]
    if effort is None:
        return
    if effort not in ("high", "low", "medium", "none"):
        raise refuse(f"Invalid reasoning_effort: {effort}. Valid values are: high, low, medium, none")
    if "-pro" in model and effort not in ("low", "high"):
        raise refuse(f"Thinking level {effort.upper()} is not supported for this model.")


def _google_usage(usage: Json, outcome: Outcome) -> Json:
    return usage | {"completion_tokens": usage["completion_tokens"] - outcome.reasoning_tokens}


# The others


def _zai(body: Json) -> None:
    _between(body, 0, 1)
    _thinking(body, default=True)


def _moonshot(body: Json) -> None:
    thinking = _thinking(body, default=True)
    wanted = 1 if thinking else 0.6
    if body.get("temperature") not in (None, wanted):
        raise refuse(f"invalid temperature: only {wanted:g} is allowed for this model")


def _deepseek(body: Json) -> None:
    hybrid = body["model"].startswith("deepseek-v3.1")
    if _thinking(body, default=not hybrid) and (body.get("logprobs") or body.get("top_logprobs")):
        raise refuse("logprobs is not supported while thinking", status=400)


def _deepseek_usage(usage: Json, outcome: Outcome) -> Json:
    hit = usage.pop("prompt_tokens_details")["cached_tokens"]
    return usage | {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": usage["prompt_tokens"] - hit}


def _together(body: Json) -> None:
    if isinstance(body.get("logprobs"), bool):
        raise refuse("logprobs: expected an integer", "logprobs")
    if set(body.get("reasoning") or {}) - {"enabled"}:
        raise refuse("reasoning: only 'enabled' is known", "reasoning")


def _openrouter(body: Json) -> None:
    efforts = ("xhigh", "high", "medium", "low", "minimal", "none")
    if (body.get("reasoning") or {"effort": "low"}).get("effort") not in efforts:
        raise refuse("reasoning.effort: invalid option", "reasoning")


def _groq(body: Json) -> None:
    kind = (body.get("response_format") or {}).get("type")
    if kind == "json_schema" and not body["model"].startswith("openai/gpt-oss"):
        raise refuse("This model does not support response format `json_schema`.", "response_format")


def _nothing(body: Json) -> None:
    return None


def _fields(*more: str) -> frozenset[str]:
    return frozenset(COMMON | set(more))


def _extra(status: int, words: str) -> Callable[[str], Violation]:
    return lambda name: refuse(words.format(name=name), name, status=status)


FLAVOURS: dict[str, Flavour] = {
    one.name: one
    for one in (
        Flavour(
            "google",
            {
                "gemini-3-pro-preview": "gemini-3-pro-preview",
                "gemini-3-flash-preview": "gemini-3-flash-preview",
            },
            _fields("n", "max_completion_tokens", "reasoning_effort", "stream_options", "extra_body"),
            _google,
            _google_shape,
            lambda name: refuse(f"models/{name} is not found for API version v1main.", status=404),
            _extra(400, 'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'),
            reasons=lambda body: body.get("reasoning_effort") != "none",
            usage=_google_usage,
        ),
        Flavour(
            "zai",
            {"glm-4.7": "glm-4.7"},
            _fields("thinking", "do_sample", "request_id", "user_id"),
            _zai,
            lambda broken: {
                "error": {"code": broken.details.get("code") or "1214", "message": broken.message}
            },
            lambda name: refuse("Unknown Model, please check the model code.", code="1211"),
            _extra(400, "The API parameter {name} is wrong."),
            formats=("text", "json_object"),
            reasons=lambda body: _thinking(body, default=True),
        ),
        Flavour(
            "moonshot",
            {"kimi-k2.5": "kimi-k2.5"},
            _fields(
                "max_completion_tokens", "thinking", "stream_options", "prompt_cache_key", "safety_identifier"
            ),
            _moonshot,
            _plain,
            lambda name: Violation(
                f"Not found the model {name} or Permission denied",
                status=404,
                kind="resource_not_found_error",
            ),
            _extra(400, "unknown field {name}"),
            reasons=lambda body: _thinking(body, default=True),
            usage=lambda usage, outcome: (
                usage | {"cached_tokens": outcome.cached_tokens, "prompt_tokens_details": None}
            ),
        ),
        Flavour(
            "deepseek",
            {"deepseek-v3.1": "deepseek-v3.1", "deepseek-v4-flash": "deepseek-v4-flash"},
            _fields(
                "thinking",
                "reasoning_effort",
                "frequency_penalty",
                "presence_penalty",
                "logprobs",
                "top_logprobs",
            ),
            _deepseek,
            _plain,
            lambda name: refuse("Model Not Exist", code="invalid_request_error"),
            _extra(422, "Failed to deserialize the JSON body: unknown field `{name}`"),
            formats=("text", "json_object"),
            reasons=lambda body: _thinking(body, default=not body["model"].startswith("deepseek-v3.1")),
            usage=_deepseek_usage,
        ),
        Flavour(
            "together",
            {"deepseek-ai/DeepSeek-V3.1": "deepseek-ai/DeepSeek-V3.1"},
            _fields("seed", "n", "logprobs", "reasoning", "reasoning_effort", "top_k", "min_p"),
            _together,
            _plain,
            lambda name: refuse(f"Unable to access model {name}.", status=404, code="model_not_available"),
            _extra(400, "unknown field {name}"),
        ),
        Flavour(
            "openrouter",
            {"deepseek/deepseek-chat-v3.1": "deepseek/deepseek-chat-v3.1"},
            _fields("seed", "logprobs", "top_logprobs", "reasoning", "provider", "top_k", "usage"),
            _openrouter,
            lambda broken: {"error": {"code": broken.status, "message": broken.message}},
            lambda name: refuse(f"{name} is not a valid model ID"),
            _extra(400, "unknown field {name}"),
        ),
        Flavour(
            "mistral",
            {"mistral-small-latest": "mistral-small-2603"},
            _fields("random_seed", "reasoning_effort", "n", "safe_prompt", "parallel_tool_calls"),
            _nothing,
            lambda broken: {
                "object": "error",
                "message": broken.message,
                "type": broken.kind,
                "code": "3051",
            },
            lambda name: Violation(f"Invalid model: {name}", kind="invalid_model"),
            _extra(422, "Extra inputs are not permitted: {name}"),
        ),
        Flavour(
            "groq",
            {
                "openai/gpt-oss-20b": "openai/gpt-oss-20b",
                "llama-3.3-70b-versatile": "llama-3.3-70b-versatile",
            },
            _fields("max_completion_tokens", "seed", "reasoning_effort", "n", "service_tier"),
            _groq,
            _plain,
            lambda name: refuse(f"The model `{name}` does not exist", status=404, code="model_not_found"),
            _extra(400, "property '{name}' is unsupported"),
        ),
    )
}
