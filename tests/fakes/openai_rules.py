"""Field, message and model rules of OpenAI's Chat Completions.

Fields and ranges: SDK `openai/types/chat/completion_create_params.py` and
`chat_completion_*_message_param.py`; a test compares the names with the installed SDK. The largest `n`
(128) is in the API reference only. What reasoning models refuse: guide "Reasoning" and `max_tokens` in the
SDK. `response_format`: SDK `openai/types/shared_params/response_format_json_schema.py`; guide "Structured
Outputs".
"""

from __future__ import annotations

import re

from .contract import Json, Violation, text_of
from .schemas import SchemaFault, check_openai

FIELDS = frozenset(
    [
        "messages",
        "model",
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
ROLES = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {
        "role",
        "content",
        "name",
        "audio",
        "function_call",
        "refusal",
        "tool_calls",
        "annotations",
    },
    "tool": {"role", "content", "tool_call_id"},
    "function": {"role", "content", "name"},
}
NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
INTEGERS: dict[str, tuple[float, float]] = {
    "n": (1, 128),
    "seed": (-(2**63), 2**63 - 1),
    "top_logprobs": (0, 20),
    "max_tokens": (1, 2**31 - 1),
    "max_completion_tokens": (1, 2**31 - 1),
}
WORDS: dict[str, tuple[object, ...]] = {
    "logprobs": (True, False),
    "stream": (True, False),
    "store": (True, False),
    "reasoning_effort": ("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": ("low", "medium", "high"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast"),
}
REASONING_REFUSES = (
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)
_NAME = re.compile(r"^[a-zA-Z0-9_-]+$")


def is_reasoning(model: str) -> bool:
    """Whether a model reasons before it answers, and so takes no sampling parameters."""
    return model.startswith(("gpt-5", "gpt-6", "o")) and not model.startswith("gpt-5-chat")


def default_effort_is_none(model: str) -> bool:
    """Whether a model reasons only if asked to, and takes sampling parameters until then (guide "Latest model")."""
    return model.startswith(("gpt-5.1", "gpt-5.2", "gpt-5.4"))


def refuse(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Violation:
    """A violation in OpenAI's terms."""
    return Violation(message, status=status, param=param, code=code)


def check_messages(body: Json) -> None:
    """Refuse messages with an unknown role, field or kind of content."""
    if "messages" not in body:
        raise refuse("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise refuse("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        told = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise refuse(told, "messages", "empty_array")
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if not isinstance(message, dict):
            raise refuse(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
        role = message.get("role")
        if "role" not in message:
            told = f"Missing required parameter: '{where}.role'."
            raise refuse(told, f"{where}.role", "missing_required_parameter")
        if role not in ROLES:
            told = (
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function',"
            )
            raise refuse(f"{told} 'tool', and 'developer'.", f"{where}.role", "invalid_value")
        for name in message.keys() - ROLES[role]:
            raise refuse(f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}", "unknown_parameter")
        _check_content(message, where)


def _check_content(message: Json, where: str) -> None:
    content, role = message.get("content"), message["role"]
    param = f"{where}.content"
    if (
        content is None
        and role == "assistant"
        and (message.get("tool_calls") or message.get("function_call"))
    ):
        return
    if content is None:
        told = f"Invalid value for 'content': expected a string, got null. ({param})"
        raise refuse(told, param, None)
    if not isinstance(content, (str, list)):
        told = f"Invalid type for '{param}': expected one of a string or array of objects."
        raise refuse(told, param, "invalid_type")
    kinds = {"text", "image_url", "input_audio", "file"} if role == "user" else {"text"}
    kinds |= {"refusal"} if role == "assistant" else set()
    for at, part in enumerate(content if isinstance(content, list) else []):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in kinds:
            told = f"Invalid value: '{kind}'. Supported values are: {', '.join(map(repr, sorted(kinds)))}."
            raise refuse(told, f"{param}[{at}].type", "invalid_value")
        if not isinstance(part.get(kind), dict if kind not in ("text", "refusal") else str):
            told = f"Missing required parameter: '{param}[{at}].{kind}'."
            raise refuse(told, f"{param}[{at}].{kind}", "missing_required_parameter")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        told = f"Missing required parameter: '{where}.tool_call_id'."
        raise refuse(told, f"{where}.tool_call_id", "missing_required_parameter")


def check_values(body: Json) -> None:
    """Refuse values of the wrong type or out of range."""
    for kind, table in (("decimal", NUMBERS), ("integer", INTEGERS)):
        for name, (low, high) in table.items():
            value = body.get(name)
            allowed = int if kind == "integer" else (int, float)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, allowed):
                got = type(value).__name__
                told = f"Invalid type for '{name}': expected a {kind}, but got a {got} instead."
                raise refuse(told, name, "invalid_type")
            for outside, sign, bound, word in (
                (value < low, ">=", low, "below minimum"),
                (value > high, "<=", high, "above maximum"),
            ):
                if outside:
                    told = f"Invalid '{name}': {kind} {word} value. Expected a value {sign} {bound}"
                    code = f"{kind}_{word[:9].replace(' ', '_')}_value"
                    raise refuse(f"{told}, but got {value} instead.", name, code)
    for name, words in WORDS.items():
        if body.get(name) is not None and body[name] not in words:
            raise refuse(f"Invalid value: '{body[name]}'.", name, "invalid_value")
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        told = "'logprobs' must be set to true when 'top_logprobs' is used."
        raise refuse(told, "top_logprobs", "invalid_value")
    if body.get("stream"):
        raise refuse("this fake does not stream", "stream", status=501)


def check_reasoning(body: Json, model: str) -> None:
    """Refuse what a reasoning model does not take."""
    if default_effort_is_none(model) and body.get("reasoning_effort") in (None, "none"):
        if body.get("max_tokens") is not None:
            told = "Unsupported parameter: 'max_tokens' is not supported with this model."
            raise refuse(
                f"{told} Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter"
            )
        return
    if not is_reasoning(model):
        if body.get("reasoning_effort") is not None:
            raise refuse("Unrecognized request argument supplied: reasoning_effort")
        return
    if body.get("max_tokens") is not None:
        told = "Unsupported parameter: 'max_tokens' is not supported with this model."
        raise refuse(f"{told} Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter")
    temperature = body.get("temperature")
    if temperature is not None and temperature != 1:
        told = f"Unsupported value: 'temperature' does not support {temperature} with this model."
        raise refuse(f"{told} Only the default (1) value is supported.", "temperature", "unsupported_value")
    for name in REASONING_REFUSES:
        if body.get(name) not in (None, False):
            told = f"Unsupported parameter: '{name}' is not supported with this model."
            raise refuse(told, name, "unsupported_parameter")


def check_format(body: Json) -> Json | None:
    """The schema the answer has to satisfy, if the response format asks for JSON."""
    wanted = body.get("response_format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_schema":
        return _check_json_schema(wanted)
    if kind == "json_object":
        if not any("json" in text_of(m.get("content")).lower() for m in body["messages"]):
            told = "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
            raise refuse(f"{told} 'json_object'.", "messages")
        return {"type": "object", "properties": {"score": {"type": "integer"}}}
    if kind != "text":
        told = f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'."
        raise refuse(told, "response_format.type", "invalid_value")
    return None


def _check_json_schema(wanted: Json) -> Json:
    where = "response_format.json_schema"
    given = wanted.get("json_schema")
    if not isinstance(given, dict):
        raise refuse(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
    for name in given.keys() - {"name", "description", "schema", "strict"}:
        raise refuse(f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}", "unknown_parameter")
    name, schema = given.get("name"), given.get("schema")
    if not isinstance(name, str):
        told = f"Missing required parameter: '{where}.name'."
        raise refuse(told, f"{where}.name", "missing_required_parameter")
    if len(name) > 64:
        told = f"Invalid '{where}.name': string too long. Expected a string with maximum length 64."
        raise refuse(told, f"{where}.name", "string_above_max_length")
    if not _NAME.match(name):
        told = f"Invalid '{where}.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        raise refuse(told, f"{where}.name", "invalid_value")
    if not isinstance(schema, dict):
        told = f"Missing required parameter: '{where}.schema'."
        raise refuse(told, f"{where}.schema", "missing_required_parameter")
    if given.get("strict"):
        try:
            check_openai(schema)
        except SchemaFault as fault:
            told = f"Invalid schema for response_format '{name}': In context={fault.path}, {fault.message}"
            raise refuse(told, "response_format") from None
    return schema


def check_tools(body: Json) -> tuple[str | None, Json | None]:
    """The name and the parameters of the function the model is made to call, if it is."""
    functions: dict[str, Json] = {}
    for at, tool in enumerate(body.get("tools") or []):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not _NAME.match(str(function.get("name", ""))):
            where = f"tools[{at}].function.name"
            raise refuse(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        functions[function["name"]] = function.get("parameters") or {"type": "object"}
    choice = body.get("tool_choice")
    if choice is None or choice in ("none", "auto"):
        return None, None
    if choice == "required" and functions:
        return next(iter(functions.items()))
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if name not in functions:
        raise refuse(
            "Invalid value for 'tool_choice': the tool is not in 'tools'.", "tool_choice", "invalid_value"
        )
    return name, functions[name]
