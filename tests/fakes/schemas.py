"""Which JSON schemas the providers take for structured outputs, and a valid instance of one.

OpenAI (strict): guide "Structured Outputs", section "Supported schemas"
(developers.openai.com/api/docs/guides/structured-outputs): root is an object and no anyOf,
additionalProperties false and every property required, allOf/not/if/then/else/dependent* refused, at most
5000 properties, 10 levels, 1000 enum values; keywords the guide does not list are refused here as the API
refuses them ("'maxLength' is not permitted"). `$ref` has no neighbours: SDK `openai/lib/_pydantic.py`.

Anthropic: guide "Structured outputs", section "JSON Schema limitations"
(platform.claude.com/docs/en/build-with-claude/structured-outputs) and SDK
`anthropic/lib/_parse/_transform.py`, which removes what the API does not take: no recursion, no outer
`$ref`, no numeric or length bounds, minItems 0 or 1 only, enums of primitives, additionalProperties false
on every object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .contract import Json

Path = tuple[str, ...]

_SHARED = {"type", "properties", "required", "additionalProperties", "description", "title"}
_SHARED |= {
    "enum",
    "const",
    "items",
    "anyOf",
    "$ref",
    "$defs",
    "definitions",
    "format",
    "pattern",
    "minItems",
}
_BOUNDS = {"multipleOf", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}
_OPENAI_KEYWORDS = _SHARED | _BOUNDS | {"maxItems"}
_ANTHROPIC_KEYWORDS = _SHARED | {"allOf", "default"}
_TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
_OPENAI_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_ANTHROPIC_FORMATS = _OPENAI_FORMATS | {"uri"}
_DEEP = 6


class SchemaFault(Exception):
    """A schema the provider does not take; `path` leads to the node."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def nodes(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every schema inside a schema, with the path to it."""
    if not isinstance(schema, dict):
        raise SchemaFault(path, f"{schema!r} is not of type 'object', 'boolean'.")
    yield path, schema
    for keyword in ("properties", "$defs", "definitions"):
        for name, child in (schema.get(keyword) or {}).items():
            yield from nodes(child, (*path, keyword, name))
    if "items" in schema:
        yield from nodes(schema["items"], (*path, "items"))
    for keyword in ("anyOf", "allOf"):
        for at, child in enumerate(schema.get(keyword) or []):
            yield from nodes(child, (*path, keyword, str(at)))


def resolve(root: Json, reference: Any, path: Path = ()) -> Json:
    """Follow a local `$ref`."""
    found: Any = root
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise SchemaFault(path, f"reference '{reference}' is not supported: only local references are.")
    for step in reference[2:].split("/") if reference != "#" else []:
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise SchemaFault(path, f"reference '{reference}' cannot be resolved.")
    return found


def check_openai(schema: Json) -> None:
    """Refuse a schema that strict structured outputs do not take."""
    if "anyOf" in schema or schema.get("type") != "object":
        kind = schema.get("type")
        raise SchemaFault((), f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.")
    properties = enums = 0
    for path, node in nodes(schema):
        for keyword in sorted(node.keys() - _OPENAI_KEYWORDS):
            raise SchemaFault(path, f"'{keyword}' is not permitted.")
        _check_node(schema, path, node, _OPENAI_FORMATS)
        if "$ref" in node and len(node.keys() - {"$defs", "definitions"}) > 1:
            raise SchemaFault(path, f"$ref cannot have keywords {sorted(node.keys() - {'$ref'})}.")
        _check_openai_object(path, node)
        properties += len(node.get("properties") or {})
        enums += len(node.get("enum") or [])
        if path.count("properties") > 10:
            raise SchemaFault(path, "schema exceeds the limit of 10 levels of nesting.")
    if properties > 5000 or enums > 1000:
        raise SchemaFault((), "schema exceeds the limit of 5000 properties or of 1000 enum values.")


def _check_openai_object(path: Path, node: Json) -> None:
    if node.get("type") != "object" and "properties" not in node:
        return
    if node.get("additionalProperties") is not False:
        raise SchemaFault(path, "'additionalProperties' is required to be supplied and to be false.")
    required = node.get("required")
    needed = list(node.get("properties") or {})
    told = "'required' is required to be supplied and to be an array including every key in properties."
    for name in needed:
        if not isinstance(required, list) or name not in required:
            raise SchemaFault(path, f"{told} Missing '{name}'.")
    for name in required or []:
        if name not in needed:
            raise SchemaFault(path, f"{told} Extra required key '{name}' supplied.")


def _check_node(root: Json, path: Path, node: Json, formats: set[str]) -> None:
    if "$ref" in node:
        resolve(root, node["$ref"], path)
    elif not node.keys() & {"type", "anyOf", "allOf", "enum", "const"}:
        raise SchemaFault(path, "schema must have a 'type' key.")
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            raise SchemaFault(path, f"{kind!r} is not valid under any of the given schemas.")
    if node.get("type") == "array" and "items" not in node:
        raise SchemaFault(path, "array schema missing items.")
    if "format" in node and node["format"] not in formats:
        raise SchemaFault(path, f"'{node['format']}' is not a valid format.")
    if "enum" in node and (not isinstance(node["enum"], list) or not node["enum"]):
        raise SchemaFault(path, "'enum' must be a non-empty array.")


def check_anthropic(schema: Json) -> None:
    """Refuse a schema that Anthropic's structured outputs (and strict tools) do not take."""
    for path, node in nodes(schema):
        kind = node.get("type")
        extra = sorted(node.keys() - _ANTHROPIC_KEYWORDS)
        if len(extra) == 1:
            raise SchemaFault(path, f"For '{kind}' type, property '{extra[0]}' is not supported")
        if extra:
            raise SchemaFault(path, f"For '{kind}' type, properties {', '.join(extra)} are not supported")
        _check_node(schema, path, node, _ANTHROPIC_FORMATS)
        if kind == "object" and "additionalProperties" not in node:
            raise SchemaFault(
                path, "For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        if kind == "object" and node["additionalProperties"] is not False:
            value = str(node["additionalProperties"]).lower()
            told = f"For 'object' type, 'additionalProperties: {value}' is not supported."
            raise SchemaFault(path, f"{told} Please set 'additionalProperties' to false")
        if node.get("minItems", 0) not in (0, 1):
            raise SchemaFault(path, "For 'array' type, 'minItems' values other than 0 or 1 are not supported")
        if any(isinstance(value, (dict, list)) for value in node.get("enum", [])):
            raise SchemaFault(path, "Enum values must be strings, numbers, booleans, or null")
    _refuse_recursion(schema, schema, ())


def _refuse_recursion(root: Json, node: Json, open_references: Path) -> None:
    for _, inner in nodes({key: value for key, value in node.items() if key not in ("$defs", "definitions")}):
        reference = inner.get("$ref")
        if reference is None:
            continue
        if reference in open_references or reference == "#":
            raise SchemaFault((), "Recursive schemas are not supported")
        _refuse_recursion(root, resolve(root, reference), (*open_references, reference))


def instance(schema: Json, number: int, low: int, high: int, root: Json | None = None, depth: int = 0) -> Any:
    """A valid instance: `number` decides every score and choice; `low`..`high` where no bound is set."""
    root = schema if root is None else root

    def inner(child: Json) -> Any:
        return instance(child, number, low, high, root, depth + 1)

    if "$ref" in schema:
        return inner(resolve(root, schema["$ref"]))
    for keyword in ("const", "enum", "anyOf", "allOf"):
        if keyword in schema:
            return _choice(keyword, schema[keyword], number, depth, inner)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: inner(child) for name, child in (schema.get("properties") or {}).items()}
    if kind == "array":
        count = schema.get("minItems", 0 if depth > _DEEP else 1)
        return [inner(schema.get("items", {"type": "null"})) for _ in range(count)]
    if kind in ("integer", "number"):
        return _numeric(schema, kind, number, low, high)
    return {"boolean": bool(number % 2), "null": None}.get(kind, "") if kind != "string" else _string(schema)


def _choice(keyword: str, options: Any, number: int, depth: int, inner: Any) -> Any:
    if keyword == "const":
        return options
    if keyword == "enum":
        return options[number % len(options)]
    if keyword == "anyOf":
        return inner(options[-1 if depth > _DEEP else 0])
    made = [inner(option) for option in options]
    return {key: value for part in made for key, value in part.items()} if len(made) > 1 else made[0]


def _numeric(schema: Json, kind: str, number: int, low: int, high: int) -> float:
    bottom = schema.get("minimum", schema.get("exclusiveMinimum"))
    top = schema.get("maximum", schema.get("exclusiveMaximum"))
    bottom = (low if top is None else min(low, top)) if bottom is None else bottom
    top = max(high, bottom) if top is None else top
    if kind == "integer" or "multipleOf" in schema:
        step = schema.get("multipleOf", 1)
        first = -(-bottom // step) + ("exclusiveMinimum" in schema and bottom % step == 0)
        last = top // step - ("exclusiveMaximum" in schema and top % step == 0)
        value: float = step * (first + number % (last - first + 1))
        return int(value) if kind == "integer" else value
    if not schema.keys() & _BOUNDS:
        return float(bottom + number % int(top - bottom + 1))
    return float(round(bottom + (top - bottom) * (number % 99 + 1) / 100, 6))


def _string(schema: Json) -> str:
    examples = {
        "date": "2026-01-02",
        "time": "03:04:05Z",
        "date-time": "2026-01-02T03:04:05Z",
        "duration": "P1D",
    }
    examples |= {"email": "a@example.org", "hostname": "example.org", "uri": "https://example.org/"}
    examples |= {"ipv4": "127.0.0.1", "ipv6": "::1", "uuid": "00000000-0000-4000-8000-000000000000"}
    text = examples.get(schema.get("format", ""), "text")
    if "pattern" in schema and not re.search(schema["pattern"], text):
        raise ValueError(
            f"give the fake a reply: it cannot make a string for the pattern {schema['pattern']!r}"
        )
    return text
