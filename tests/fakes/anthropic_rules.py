"""Field, message and model rules of Anthropic's Messages API.

Fields: SDK `anthropic/types/message_create_params.py`; a test compares the names with the installed SDK.
Sampling parameters: page "Versions" (removed in 2026-10-21 for every model); before that, models from Opus
4.7 on answer "`temperature` is deprecated for this model". Prefill: page "Claude API errors", section
"Prefill not supported". System turns: page "Mid-conversation system messages", section "Limitations" (never
first, after a user turn, before an assistant turn or last, not two in a row; Opus 4.8 and later).
Consecutive user or assistant turns are combined, not refused: `messages` in the SDK. Thinking: SDK
`thinking_config_enabled_param.py`.
"""

from __future__ import annotations

from typing import Any

from .contract import Json, Violation

MODELS = {
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    **{
        name: name
        for name in [
            "claude-sonnet-4-6",
            "claude-opus-4-6",
            "claude-opus-4-7",
            "claude-opus-4-8",
            "claude-sonnet-5",
            "claude-opus-5",
            "claude-sonnet-5-5",
            "claude-opus-5-5",
            "claude-haiku-5-5",
        ]
    },
}
VERSIONS = ("2023-06-01", "2026-10-21")
FIELDS = frozenset(
    [
        "max_tokens",
        "messages",
        "model",
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    ]
)
SAMPLING = ("temperature", "top_p", "top_k")
BLOCKS = frozenset(
    [
        "text",
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "container_upload",
    ]
)


def refuse(message: str, status: int = 400, kind: str = "invalid_request_error", **details: Any) -> Violation:
    """A violation in Anthropic's terms."""
    return Violation(message, status=status, kind=kind, **details)


def samples(model: str) -> bool:
    """Whether a model takes sampling parameters and a thinking budget: those before Opus 4.7."""
    return any(mark in model for mark in ("-4-5", "-4-6"))


def prefills(model: str) -> bool:
    """Whether the conversation may end with an assistant turn: not from the 4.6 models on."""
    return "-4-5" in model


def takes_system_turns(model: str) -> bool:
    """Whether `role: system` is accepted inside the conversation."""
    return not samples(model) and model not in ("claude-opus-4-7", "claude-sonnet-5")


def check_fields(body: Json, version: str) -> None:
    """Refuse unknown and missing fields, and values of the wrong type or range."""
    known = FIELDS | (set(SAMPLING) if version == "2023-06-01" else set())
    for name in body:
        if name not in known:
            raise refuse(f"{name}: Extra inputs are not permitted")
    for name, kind, word in (
        ("model", str, "string"),
        ("max_tokens", int, "integer"),
        ("messages", list, "list"),
    ):
        if name not in body:
            raise refuse(f"{name}: Field required")
        if not isinstance(body[name], kind) or isinstance(body[name], bool):
            raise refuse(f"{name}: Input should be a valid {word}")
    if body["max_tokens"] < 0:
        raise refuse("max_tokens: Input should be greater than or equal to 0")
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        raise refuse("service_tier: Input should be 'auto' or 'standard_only'")
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop.strip() for stop in stops):
        raise refuse("stop_sequences: each stop sequence must contain non-whitespace")
    for name in (body.get("metadata") or {}).keys() - {"user_id"}:
        raise refuse(f"metadata.{name}: Extra inputs are not permitted")
    if body.get("stream"):
        raise refuse("this fake does not stream", 501, "api_error")
    _check_sampling(body)
    _check_thinking(body)


def _check_sampling(body: Json) -> None:
    given = [name for name in SAMPLING if body.get(name) is not None]
    for name in given:
        if not samples(body["model"]):
            raise refuse(f"`{name}` is deprecated for this model.")
        value = body[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise refuse(f"{name}: Input should be a valid number")
        if value < 0 or (value > 1 and name != "top_k"):
            bound = "greater than or equal to 0" if value < 0 else "less than or equal to 1"
            raise refuse(f"{name}: Input should be {bound}")
    if "temperature" in given and "top_p" in given:
        told = "`temperature` and `top_p` cannot both be specified for this model."
        raise refuse(f"{told} Please use only one.")


def _check_thinking(body: Json) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        raise refuse("thinking.type: Input should be 'enabled', 'disabled', 'adaptive' or 'between_tools'")
    if kind != "enabled":
        return
    if not samples(body["model"]):
        raise refuse('"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".')
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < 1024:
        raise refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise refuse("`temperature` may only be set to 1 when thinking is enabled.")


def check_messages(body: Json, version: str) -> None:
    """Refuse a conversation the API does not take."""
    messages, model = body["messages"], body["model"]
    if not messages:
        raise refuse("messages: at least one message is required")
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise refuse(f"messages.{at}: Input should be a valid dictionary")
        for name in ("role", "content"):
            if name not in message:
                raise refuse(f"messages.{at}.{name}: Field required")
        for name in message.keys() - {"role", "content"}:
            raise refuse(f"messages.{at}.{name}: Extra inputs are not permitted")
        if message["role"] not in ("user", "assistant", "system"):
            raise refuse(
                f'messages: Unexpected role "{message["role"]}". Allowed roles are "user" or "assistant"'
            )
        _check_content(message, f"messages.{at}", version)
    _check_system(messages, model)
    _check_last(messages[-1], model)
    if body.get("system") is not None:
        _check_content({"role": "system", "content": body["system"]}, "system", version)


def _check_content(message: Json, where: str, version: str) -> None:
    content, role = message["content"], message["role"]
    if not isinstance(content, (str, list)):
        raise refuse(f"{where}.content: Input should be a valid string or list")
    if not content and where != "system" and role != "assistant":
        raise refuse(f"{where}: {role} messages must have non-empty content")
    for at, block in enumerate(content if isinstance(content, list) else []):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in (BLOCKS if role != "system" else {"text"}):
            raise refuse(
                f"{where}.content.{at}: Input tag '{kind}' found using 'type' does not match any tag"
            )
        if kind == "text":
            _check_text(block, f"{where}.content.{at}.text", role, version)
        if kind == "document" and role == "assistant" and version != "2023-06-01":
            raise refuse(f"{where}.content.{at}: document blocks are not permitted in assistant messages")


def _check_text(block: Json, where: str, role: str, version: str) -> None:
    for name in block.keys() - {"type", "text", "cache_control", "citations"}:
        raise refuse(f"{where}.{name}: Extra inputs are not permitted")
    if not isinstance(block.get("text"), str):
        raise refuse(f"{where}.text: Field required")
    if not block["text"]:
        raise refuse("messages: text content blocks must be non-empty")
    if block.get("citations") and role == "user" and version != "2023-06-01":
        raise refuse(f"{where}.citations: citations are not permitted in user messages")


def _check_system(messages: list[Json], model: str) -> None:
    roles = [message["role"] for message in messages]
    for at, role in enumerate(roles):
        if role != "system":
            continue
        where = f"messages.{at}"
        if not takes_system_turns(model):
            raise refuse(f"{where}: role 'system' is not supported on this model")
        if at == 0 or roles[at - 1] != "user":
            raise refuse(f"{where}: role 'system' must follow a 'user' message")
        if at + 1 < len(roles) and roles[at + 1] != "assistant":
            raise refuse(f"{where}: role 'system' must precede an 'assistant' message or end the array")


def _check_last(last: Json, model: str) -> None:
    if last["role"] != "assistant":
        return
    if not prefills(model):
        told = "This model does not support assistant message prefill."
        raise refuse(f"{told} The conversation must end with a user message.")
    if isinstance(last["content"], str) and last["content"] != last["content"].rstrip():
        raise refuse("messages: final assistant content cannot end with trailing whitespace")
