"""The Messages contract of Anthropic, as the fake enforces it.

Fields and types: SDK `anthropic/types/message_create_params.py`, `message_param.py`,
`output_config_param.py`, `json_output_format_param.py`, `tool_param.py`, `tool_choice_*_param.py`,
`thinking_config_*_param.py`. Answer: `anthropic/types/message.py`, `usage.py`, `stop_reason.py`,
`refusal_stop_details.py`. Errors: page "Claude API errors" (platform.claude.com/docs/en/api/errors) and
`anthropic/types/shared/error_type.py`. Version rules: page "Versions"
(platform.claude.com/docs/en/api/versioning): 2026-10-21 removes temperature, top_p and top_k, and refuses
documents in assistant turns and citations in user text. The key comes as `x-api-key`, or as a bearer token
as the SDK sends it since 2.0 (`anthropic/_client.py`). Headers: page "Rate limits". Wording of messages: as
users of the API have reported it where they have, and the fake's own elsewhere: tests should rely on status
and type.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .anthropic_rules import MODELS, VERSIONS, check_fields, check_messages, refuse
from .contract import Asked, Json, Outcome, Violation, prompt_tokens, text_of, tokens_of
from .schemas import SchemaFault, check_anthropic

MAX_BYTES = 32 * 2**20  # "Request size limits" on the page of errors
__all__ = ["MAX_BYTES", "MODELS", "VERSIONS"]


def error(violation: Violation, request_id: str) -> Json:
    """Anthropic's error body."""
    found: Json = {"type": violation.kind, "message": violation.message}
    if "error_code" in violation.details:
        found["details"] = {"error_code": violation.details["error_code"]}
    return {"type": "error", "error": found, "request_id": request_id}


def authorise(headers: Mapping[str, str], key: str) -> None:
    """Refuse a request without the right key, in either of the two headers."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    given = headers.get("x-api-key")
    if given is None and scheme != "Bearer":
        raise refuse("x-api-key header is required", 401, "authentication_error")
    if given is not None and given != key:
        raise refuse("invalid x-api-key", 401, "authentication_error")
    if given is None and token != key:
        raise refuse("Invalid bearer token", 401, "authentication_error")


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse a request without a known version, or whose body does not call itself JSON."""
    version = headers.get("anthropic-version")
    if version is None:
        raise refuse("anthropic-version: header is required")
    if version not in VERSIONS:
        raise refuse(f'anthropic-version: "{version}" is not a valid version')
    if headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        raise refuse("content-type: expected application/json")


def bad_json(reason: str) -> Violation:
    """What a body that is no JSON gets."""
    return refuse(f"The request body is not valid JSON: {reason}")


def too_large(size: int) -> Violation:
    """What a body over the limit gets."""
    return refuse("Request exceeds the maximum size", 413, "request_too_large")


def parse(body: Json, headers: Mapping[str, str], models: Mapping[str, str]) -> Asked:
    """Check a request and read it."""
    version = headers.get("anthropic-version", "")
    check_fields(body, version)
    model = body["model"]
    served = models.get(model, model if model in models.values() else None)
    if served is None:
        raise refuse(f"model: {model}", 404, "not_found_error")
    check_messages(body, version)
    schema = _check_output(body)
    forced, parameters = _check_tools(body)
    if schema is not None and body["messages"][-1]["role"] == "assistant":
        raise refuse("output_config.format: Prefill is not compatible with structured outputs")
    system = text_of(body.get("system"))
    schema = schema or parameters
    return Asked(
        "anthropic", model, served, body["messages"], system, schema, forced, body["max_tokens"], body
    )


def _check_output(body: Json) -> Json | None:
    config = body.get("output_config")
    if config is None:
        return None
    if not isinstance(config, dict):
        raise refuse("output_config: Input should be a valid dictionary")
    for name in config.keys() - {"effort", "format"}:
        raise refuse(f"output_config.{name}: Extra inputs are not permitted")
    if config.get("effort") not in (None, "low", "medium", "high", "xhigh", "max"):
        raise refuse("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    wanted = config.get("format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise refuse("output_config.format.type: Input should be 'json_schema'")
    for name in wanted.keys() - {"type", "schema"}:
        raise refuse(f"output_config.format.{name}: Extra inputs are not permitted")
    schema = wanted.get("schema")
    if not isinstance(schema, dict):
        raise refuse("output_config.format.schema: Field required")
    _check_schema(schema, "output_config.format.schema")
    return schema


def _check_schema(schema: Json, where: str) -> None:
    try:
        check_anthropic(schema)
    except SchemaFault as fault:
        raise refuse(f"{where}: {fault.message}") from None


def _check_tools(body: Json) -> tuple[str | None, Json | None]:
    """The name and the input schema of the tool the model is made to call, if it is."""
    tools: dict[str, Json] = {}
    for at, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, dict):
            raise refuse(f"tools.{at}: Input should be a valid dictionary")
        if tool.get("type", "custom") not in (None, "custom"):
            tools[str(tool.get("name", tool["type"]))] = {"type": "object"}
            continue
        for name in ("name", "input_schema"):
            if name not in tool:
                raise refuse(f"tools.{at}.custom.{name}: Field required")
        schema = tool["input_schema"]
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise refuse(f"tools.{at}.custom.input_schema.type: Input should be 'object'")
        if tool.get("strict"):
            _check_schema(schema, f"tools.{at}.custom.input_schema")
        if tool["name"] in tools:
            raise refuse("tools: Tool names must be unique.")
        tools[tool["name"]] = schema
    return _check_choice(body, tools)


def _check_choice(body: Json, tools: dict[str, Json]) -> tuple[str | None, Json | None]:
    choice = body.get("tool_choice")
    if choice is None:
        return None, None
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        raise refuse(
            "tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
        )
    allowed = {"type"} | ({"disable_parallel_tool_use"} if kind != "none" else set())
    for name in choice.keys() - allowed - ({"name"} if kind == "tool" else set()):
        raise refuse(f"tool_choice.{kind}.{name}: Extra inputs are not permitted")
    if not tools:
        raise refuse("tool_choice may only be specified while providing tools.")
    if kind in ("auto", "none"):
        return None, None
    if (body.get("thinking") or {}).get("type") == "enabled":
        raise refuse("Thinking may not be enabled when tool_choice forces tool use.")
    named = str(choice.get("name")) if kind == "tool" else next(iter(tools))
    if named not in tools:
        raise refuse(f"Tool '{named}' not found in provided tools")
    return named, tools[named]


def answer(asked: Asked, outcome: Outcome, request_id: str) -> Json:
    """A message."""
    prompt = prompt_tokens(asked)
    cached = min(outcome.cached_tokens, prompt)
    seed = hashlib.sha256(request_id.encode()).hexdigest()[:20]
    content, reason = _content(asked, outcome, seed)
    refused = {"type": "refusal", "category": None, "explanation": None}
    return {
        "id": f"msg_01{seed}",
        "type": "message",
        "role": "assistant",
        "model": asked.served,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": refused if reason == "refusal" else None,
        "usage": {
            "input_tokens": prompt - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": len(tokens_of(outcome.text)) + outcome.reasoning_tokens,
            "output_tokens_details": {"thinking_tokens": outcome.reasoning_tokens},
            "service_tier": "standard",
            "inference_geo": "global",
        },
    }


def _content(asked: Asked, outcome: Outcome, seed: str) -> tuple[list[Json], str]:
    if outcome.stop in ("refusal", "empty"):
        return [], "refusal" if outcome.stop == "refusal" else "end_turn"
    if asked.forced_tool is not None and outcome.stop == "stop":
        block = {"type": "tool_use", "id": f"toolu_01{seed}", "name": asked.forced_tool}
        return [block | {"input": json.loads(outcome.text), "caller": {"type": "direct"}}], "tool_use"
    text = [{"type": "text", "text": outcome.text, "citations": None}] if outcome.text else []
    return text, "max_tokens" if outcome.stop == "length" else "end_turn"


def headers(asked: Asked | None, number: int, request_id: str) -> dict[str, str]:
    """The headers that come with every answer."""
    found = {"request-id": request_id}
    if asked is not None:
        found |= {"anthropic-organization-id": "00000000-0000-4000-8000-000000000000"}
        reset = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        limits = {"requests": 4000, "tokens": 480_000, "input-tokens": 400_000, "output-tokens": 80_000}
        for what, limit in limits.items():
            found[f"anthropic-ratelimit-{what}-limit"] = str(limit)
            found[f"anthropic-ratelimit-{what}-remaining"] = str(max(limit - number - 1, 0))
            found[f"anthropic-ratelimit-{what}-reset"] = reset
    return found


def listed(name: str) -> Json:
    """One entry of GET /v1/models."""
    title = name.replace("-", " ").title()
    found: Json = {"type": "model", "id": name, "display_name": title, "created_at": "2026-01-01T00:00:00Z"}
    found |= {
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "capabilities": None,
    }
    return found | {"max_input_tokens": 200_000, "max_tokens": 64_000}


def models_page(models: Mapping[str, str], query: Mapping[str, str]) -> Any:
    """The answer to GET /v1/models: `limit` (20) entries after `after_id`."""
    names = list(dict.fromkeys(models.values()))
    after = query.get("after_id")
    start = names.index(after) + 1 if after in names else 0
    page = names[start : start + int(query.get("limit", "20"))]
    more = start + len(page) < len(names)
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return {"data": [listed(name) for name in page], "has_more": more, **ends}
