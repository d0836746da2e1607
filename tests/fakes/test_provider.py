"""The fake provider against the real SDKs: what it takes, what it refuses, and each thing that can go wrong.

The exception classes expected are those of `openai/_exceptions.py` and `anthropic/_exceptions.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params

from . import anthropic_rules, openai_rules
from .contract import Asked
from .faults import KINDS
from .openai_api import masked
from .process import ROOT
from .provider import KEY, FakeProvider, Fault, Hit, Seeded, always, first, running, score_of, spawned
from .schemas import instance

ASK: list[dict[str, Any]] = [{"role": "user", "content": "Rate this answer: 2 + 2 = 4."}]
SCORE: dict[str, Any] = {
    "type": "object",
    "properties": {"score": {"type": "integer"}, "reason": {"type": "string"}},
    "required": ["score", "reason"],
    "additionalProperties": False,
}
BOUNDED = {**SCORE, "properties": {**SCORE["properties"], "score": {"type": "integer", "minimum": 1}}}
LENGTH = {**SCORE, "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}
OLD = {"anthropic-version": "2023-06-01"}


def response_format(schema: Any = None, **changes: Any) -> dict[str, Any]:
    inner = {"name": "score", "strict": True, "schema": SCORE if schema is None else schema, **changes}
    return {"type": "json_schema", "json_schema": inner}


def output_config(schema: Any = None) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": SCORE if schema is None else schema}}


class Client:
    """Both SDKs on one fake, without retries; what the typed arguments do not take goes into the body."""

    def __init__(self, fake: Any, key: str = KEY) -> None:
        self.openai = openai.OpenAI(base_url=fake.openai_url, api_key=key, max_retries=0, timeout=5)
        self.anthropic = anthropic.Anthropic(base_url=fake.base_url, api_key=key, max_retries=0, timeout=5)

    def chat(self, timeout: float = 5, **body: Any) -> Any:
        body = {"model": "gpt-4o-mini", "messages": ASK, **body}
        known = {"model": body.pop("model"), "messages": body.pop("messages")}
        return self.openai.chat.completions.create(**known, extra_body=body, timeout=timeout)

    def message(self, timeout: float = 5, headers: dict[str, str] | None = None, **body: Any) -> Any:
        body = {"model": "claude-haiku-4-5", "messages": ASK, "max_tokens": 200, **body}
        known = {name: body.pop(name) for name in ("model", "messages", "max_tokens")}
        return self.anthropic.messages.create(
            **known, extra_body=body, extra_headers=headers, timeout=timeout
        )

    def close(self) -> None:
        self.openai.close()
        self.anthropic.close()


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with running(FakeProvider()) as started:
        yield started


@pytest.fixture(scope="module")
def client(fake: FakeProvider) -> Iterator[Client]:
    made = Client(fake)
    yield made
    made.close()


@pytest.fixture
def faulty() -> Iterator[Callable[..., tuple[FakeProvider, Client]]]:
    """A function that starts a fake with the given arguments, and a client of it."""
    with contextlib.ExitStack() as stack:

        def start(fault: Fault | None = None, **arguments: Any) -> tuple[FakeProvider, Client]:
            if fault is not None:
                arguments["faults"] = always(fault)
            started = stack.enter_context(running(FakeProvider(**arguments)))
            made = Client(started)
            stack.callback(made.close)
            return started, made

        yield start


def post(fake: FakeProvider, path: str, body: bytes, **headers: str) -> httpx2.Response:
    told = {
        "content-type": "application/json",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return httpx2.post(fake.base_url + path, content=body, headers=told)


# What is answered


def test_chat_completion_is_complete(client: Client) -> None:
    raw = client.openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK)  # type: ignore[arg-type]
    got = raw.parse()
    assert got.choices[0].message.content == f"Score: {score_of(ASK, 1, 10)}"
    assert got.model == "gpt-4o-mini-2024-07-18"
    assert (got.choices[0].finish_reason, got.choices[0].message.refusal) == ("stop", None)
    assert got.usage is not None
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens
    # 28 characters make 7 tokens of four, and a message costs 4 more; "Score: N" is 8 characters or 9.
    assert got.usage.prompt_tokens == 11
    assert got.usage.prompt_tokens_details is not None
    assert got.usage.prompt_tokens_details.cached_tokens == 0
    assert raw.headers["x-ratelimit-limit-requests"] == "10000"
    assert raw.headers["x-request-id"] == raw.request_id
    # `construct` fills models without validating: validate the answer against the SDK's own types.
    type(got).model_validate_json(raw.text)


def test_message_is_complete(client: Client) -> None:
    raw = client.anthropic.messages.with_raw_response.create(
        model="claude-haiku-4-5",
        messages=ASK,  # type: ignore[arg-type]
        max_tokens=50,
    )
    got = raw.parse()
    assert got.content[0].type == "text"
    assert got.content[0].text == f"Score: {score_of(ASK, 1, 10)}"
    assert (got.model, got.stop_reason) == ("claude-haiku-4-5-20251001", "end_turn")
    assert got.usage.input_tokens == 11
    assert (got.usage.cache_read_input_tokens, got.usage.cache_creation_input_tokens) == (0, 0)
    assert raw.headers["anthropic-ratelimit-requests-limit"] == "4000"
    assert raw.headers["request-id"].startswith("req_")
    type(got).model_validate_json(raw.text())


def test_schema_is_satisfied(client: Client) -> None:
    one = json.loads(client.chat(response_format=response_format()).choices[0].message.content)
    other = json.loads(client.message(output_config=output_config()).content[0].text)
    assert one == other == {"score": score_of(ASK, 1, 10), "reason": "text"}


@pytest.mark.parametrize(
    ("schema", "number", "expected"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 5}, 7, 3),  # 1 + 7 % 5
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, 1, 2),  # 1 + 1 % 2
        ({"type": "integer", "minimum": 20}, 7, 20),
        ({"type": "number"}, 12, 3.0),  # 1 + 12 % 10
        ({"type": "number", "minimum": 0, "maximum": 1}, 0, 0.01),  # (0 % 99 + 1) / 100
        ({"enum": ["a", "b", "c"]}, 4, "b"),
        ({"type": "array", "items": {"type": "boolean"}}, 1, [True]),
        ({"anyOf": [{"const": 3}, {"type": "null"}]}, 1, 3),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": ["string", "null"]}}}, 1, "text"),
    ],
)
def test_instance(schema: dict[str, Any], number: int, expected: object) -> None:
    assert instance(schema, number, 1, 10) == expected


def test_recursive_schema_has_an_end() -> None:
    tree: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    schema = {**SCORE, "properties": {"next": tree}, "required": ["next"]}
    assert instance(schema, 0, 1, 10)["next"] is not None


def test_reply_decides(faulty: Any) -> None:
    asked: list[Asked] = []

    def reply(what: Asked) -> str:
        asked.append(what)
        return "seven"

    _, client = faulty(reply=reply)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How many?"}]
    assert client.chat(messages=messages).choices[0].message.content == "seven"
    assert client.message(messages=messages[1:], system="Be brief.").content[0].text == "seven"
    assert [(what.dialect, what.system, what.prompt) for what in asked] == [
        ("openai", "Be brief.", "How many?"),
        ("anthropic", "Be brief.", "How many?"),
    ]


def test_a_reply_that_raises_is_told() -> None:
    def reply(asked: Asked) -> str:
        raise KeyError("what the test forgot")

    fake = FakeProvider(reply)

    def ask() -> None:
        with running(fake), contextlib.closing(Client(fake)) as client:
            client.chat()

    with pytest.raises(openai.InternalServerError, match="forgot"):
        ask()
    with pytest.raises(KeyError, match="forgot"):
        fake.check()


def test_logprobs_choices_and_limit(client: Client) -> None:
    got = client.chat(logprobs=True, top_logprobs=3, n=2)
    assert len(got.choices) == 2
    content = got.choices[1].logprobs.content
    assert "".join(one.token for one in content) == got.choices[1].message.content
    assert {len(one.top_logprobs) for one in content} == {3}
    cut = client.chat(max_tokens=1).choices[0]
    assert (cut.message.content, cut.finish_reason) == ("Scor", "length")
    short = client.message(max_tokens=1)
    assert (short.content[0].text, short.stop_reason) == ("Scor", "max_tokens")


def test_reasoning_spends_the_limit(faulty: Any) -> None:
    _, client = faulty(reasoning_tokens=64, cached_tokens=5)
    got = client.chat(model="gpt-5-mini", max_completion_tokens=64)
    assert (got.choices[0].message.content, got.choices[0].finish_reason) == ("", "length")
    assert got.usage.completion_tokens_details.reasoning_tokens == 64
    assert got.usage.prompt_tokens_details.cached_tokens == 5
    usage = client.message().usage
    assert (usage.cache_read_input_tokens, usage.input_tokens) == (5, 6)


def test_forced_tool(client: Client) -> None:
    tool = {"name": "rate", "input_schema": SCORE, "strict": True}
    got = client.message(tools=[tool], tool_choice={"type": "tool", "name": "rate"})
    assert (got.stop_reason, got.content[0].name) == ("tool_use", "rate")
    assert got.content[0].input["score"] == score_of(ASK, 1, 10)
    function = {"type": "function", "function": {"name": "rate", "parameters": SCORE}}
    choice = client.chat(tools=[function], tool_choice="required").choices[0]
    assert json.loads(choice.message.tool_calls[0].function.arguments)["score"] == score_of(ASK, 1, 10)


def test_models(client: Client) -> None:
    assert "gpt-4o-mini" in [model.id for model in client.openai.models.list()]
    assert "claude-opus-4-8" in [model.id for model in client.anthropic.models.list(limit=2)]
    assert client.anthropic.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5-20251001"
    with pytest.raises(openai.NotFoundError):
        client.openai.models.retrieve("gpt-none")


def test_both_dialects_async() -> None:
    async def ask() -> tuple[int, int]:
        async with FakeProvider(latency=0.05) as fake:
            async with openai.AsyncOpenAI(base_url=fake.openai_url, api_key=KEY, max_retries=0) as client:
                asks = [
                    client.chat.completions.create(model="gpt-4o", messages=ASK)  # type: ignore[arg-type]
                    for _ in range(5)
                ]
                await asyncio.gather(*asks)
            return len(fake.requests), fake.max_in_flight

    assert asyncio.run(ask()) == (5, 5)


# What is refused

OPENAI_REFUSES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"top_k": 3}, "Unrecognized request argument supplied: top_k"),
    "no messages": ({"messages": []}, "empty array"),
    "role": ({"messages": [{"role": "judge", "content": "x"}]}, "Supported values are: 'system'"),
    "message field": ({"messages": [{**ASK[0], "weight": 1}]}, "Unknown parameter: 'messages[0].weight'"),
    "null content": ({"messages": [{"role": "user", "content": None}]}, "expected a string, got null"),
    "part": ({"messages": [{"role": "user", "content": [{"type": "poem"}]}]}, "Invalid value: 'poem'"),
    "hot": ({"temperature": 2.1}, "Expected a value <= 2"),
    "temperature type": ({"temperature": "0"}, "expected a decimal"),
    "seed": ({"seed": 1.5}, "expected a integer"),
    "n": ({"n": 0}, "below minimum"),
    "top_logprobs alone": ({"top_logprobs": 2}, "'logprobs' must be set"),
    "21 logprobs": ({"logprobs": True, "top_logprobs": 21}, "Expected a value <= 20"),
    "gpt-5 temperature": ({"model": "gpt-5", "temperature": 0}, "Only the default (1) value"),
    "o3 max_tokens": ({"model": "o3", "max_tokens": 9}, "Use 'max_completion_tokens' instead"),
    "o3 logprobs": ({"model": "o3", "logprobs": True}, "'logprobs' is not supported"),
    "effort": ({"reasoning_effort": "low"}, "Unrecognized request argument supplied"),
    "format": ({"response_format": {"type": "yaml"}}, "'json_object', 'json_schema', and 'text'"),
    "json mode": ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    "schema name": ({"response_format": response_format(name="a b")}, "does not match pattern"),
    "schema long name": ({"response_format": response_format(name="a" * 65)}, "string too long"),
    "no schema": ({"response_format": response_format(schema="x")}, "Missing required parameter"),
    "open object": (
        {"response_format": response_format({**SCORE, "additionalProperties": True})},
        "In context=(), 'additionalProperties' is required to be supplied and to be false",
    ),
    "optional property": (
        {"response_format": response_format({**SCORE, "required": ["score"]})},
        "Missing 'reason'",
    ),
    "keyword": (
        {"response_format": response_format(LENGTH)},
        "In context=('properties', 'a'), 'minLength' is not permitted",
    ),
    "root": (
        {"response_format": response_format({"type": "array", "items": SCORE})},
        "got 'type: \"array\"'",
    ),
    "tool": ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
}


@pytest.mark.parametrize("case", OPENAI_REFUSES)
def test_openai_refuses(client: Client, case: str) -> None:
    body, told = OPENAI_REFUSES[case]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat(**body)
    assert told in caught.value.message
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id


def test_openai_takes_what_the_rules_allow(client: Client) -> None:
    client.chat(model="gpt-5", temperature=1, max_completion_tokens=900, reasoning_effort="low")
    client.chat(temperature=0, seed=7, response_format=response_format(BOUNDED), max_tokens=900)
    client.chat(response_format=response_format({"type": "object", "minProperties": 1}, strict=False))
    parts = [{"role": "user", "content": [{"type": "text", "text": "Rate this."}]}]
    assert client.chat(messages=parts, model="o4-mini").usage.prompt_tokens == 7


ANTHROPIC_REFUSES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"seed": 3}, "seed: Extra inputs are not permitted"),
    "no messages": ({"messages": []}, "at least one message is required"),
    "first system": ({"messages": [{"role": "system", "content": "x"}, *ASK]}, "role 'system'"),
    "role": ({"messages": [{"role": "tool", "content": "x"}]}, 'Unexpected role "tool"'),
    "empty content": ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
    "block": ({"messages": [{"role": "user", "content": [{"type": "poem"}]}]}, "Input tag 'poem'"),
    "temperature now": ({"temperature": 0}, "temperature: Extra inputs are not permitted"),
    "top_p now": ({"top_p": 1}, "top_p: Extra inputs are not permitted"),
    "temperature then": ({"temperature": 1.5, "headers": OLD}, "less than or equal to 1"),
    "both": ({"temperature": 1, "top_p": 1, "headers": OLD}, "cannot both be specified"),
    "model": ({"model": "claude-opus-4-8", "temperature": 1, "headers": OLD}, "`temperature` is deprecated"),
    "version": ({"headers": {"anthropic-version": "2020-01-01"}}, "is not a valid version"),
    "prefill": (
        {"model": "claude-opus-4-6", "messages": [*ASK, {"role": "assistant", "content": "{"}]},
        "prefill",
    ),
    "budget": ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "greater than or equal to 1024"),
    "thinking": (
        {"model": "claude-opus-5", "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "is not supported for this model",
    ),
    "format": ({"output_config": {"format": {"type": "yaml"}}}, "Input should be 'json_schema'"),
    "format name": (
        {"output_config": {"format": {"type": "json_schema", "schema": SCORE, "name": "score"}}},
        "output_config.format.name: Extra inputs are not permitted",
    ),
    "open object": (
        {"output_config": output_config({key: SCORE[key] for key in ("type", "properties")})},
        "'additionalProperties' must be explicitly set to false",
    ),
    "bound": (
        {"output_config": output_config(BOUNDED)},
        "For 'integer' type, property 'minimum' is not supported",
    ),
    "recursion": (
        {"output_config": output_config({**SCORE, "properties": {"next": {"$ref": "#"}}})},
        "Recursive schemas are not supported",
    ),
    "tool": ({"tools": [{"name": "rate"}]}, "tools.0.custom.input_schema: Field required"),
    "choice": ({"tool_choice": {"type": "auto"}}, "only be specified while providing tools"),
    "wrong choice": (
        {"tools": [{"name": "rate", "input_schema": SCORE}], "tool_choice": {"type": "tool", "name": "x"}},
        "Tool 'x' not found",
    ),
}


@pytest.mark.parametrize("case", ANTHROPIC_REFUSES)
def test_anthropic_refuses(client: Client, case: str) -> None:
    body, told = ANTHROPIC_REFUSES[case]
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.message(**body)
    assert told in (caught.value.api_message or "")
    assert caught.value.type == "invalid_request_error"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == caught.value.request_id


def test_anthropic_takes_what_the_rules_allow(client: Client) -> None:
    client.message(temperature=0, headers=OLD)
    client.message(messages=[*ASK, *ASK])
    client.message(messages=[*ASK, {"role": "assistant", "content": "Score:"}])
    client.message(model="claude-opus-5-5", messages=[*ASK, {"role": "system", "content": "Be brief."}])
    client.message(
        model="claude-opus-4-8", thinking={"type": "adaptive"}, system=[{"type": "text", "text": "x"}]
    )
    optional = {**SCORE, "required": ["score"]}
    client.message(output_config={"effort": "low", **output_config(optional)})
    assert client.message(max_tokens=0).content == []


def test_keys(fake: FakeProvider) -> None:
    wrong = Client(fake, key="sk-wrong-0123456789-tail")
    with pytest.raises(openai.AuthenticationError) as caught:
        wrong.chat()
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong************tail" in caught.value.message
    with pytest.raises(anthropic.AuthenticationError, match="Invalid bearer token"):
        wrong.message()
    wrong.close()
    assert not any("sk-wrong" in str(one.headers) for one in fake.requests)
    body = json.dumps({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": ASK}).encode()
    version = {"anthropic_version": "2023-06-01"}
    assert post(fake, "/v1/messages", body, x_api_key=KEY, **version).status_code == 200
    assert post(fake, "/v1/messages", body, x_api_key="no", **version).status_code == 401
    assert post(fake, "/v1/messages", body, **version).json()["error"]["type"] == "authentication_error"
    assert post(fake, "/v1/messages", body, x_api_key=KEY).json()["error"]["type"] == "invalid_request_error"
    assert post(fake, "/v1/chat/completions", body).json()["error"].keys() == {
        "message",
        "type",
        "param",
        "code",
    }
    assert "x-api-key" not in fake.requests[-4].headers


def test_masked_key_shows_no_more_than_its_ends() -> None:
    assert masked("abcdefgh" + "0" * 39 + "wxyz") == "abcdefgh" + "*" * 39 + "wxyz"
    assert masked("short") == "sh***"


def test_unknown_models(client: Client) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat(model="gpt-none")
    assert caught.value.code == "model_not_found"
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.message(model="claude-none")
    assert refused.value.type == "not_found_error"


@pytest.mark.parametrize("body", [b"{", b'{"model": NaN}', b'{"model": "\\ud800"}', b"\xff", b"[]"])
def test_bodies_that_are_no_json(fake: FakeProvider, body: bytes) -> None:
    one = post(fake, "/v1/chat/completions", body, authorization=f"Bearer {KEY}")
    other = post(fake, "/v1/messages", body, x_api_key=KEY, anthropic_version="2023-06-01")
    assert (one.status_code, other.status_code) == (400, 400)
    assert "could not parse the JSON body" in one.json()["error"]["message"]
    assert "not valid JSON" in other.json()["error"]["message"]


def test_content_type_missing_fields_and_size(fake: FakeProvider) -> None:
    key = {"authorization": f"Bearer {KEY}", "anthropic_version": "2026-10-21"}
    plain = post(fake, "/v1/chat/completions", b"{}", **{**key, "content-type": "text/plain"})
    assert "Invalid Content-Type header (text/plain)" in plain.json()["error"]["message"]
    none = post(fake, "/v1/chat/completions", b"{}", **key)
    assert none.json()["error"]["message"] == "you must provide a model parameter"
    body = json.dumps({"model": "claude-haiku-4-5", "messages": ASK}).encode()
    assert post(fake, "/v1/messages", body, **key).json()["error"]["message"] == "max_tokens: Field required"
    huge = post(fake, "/v1/messages", b" " * (32 * 2**20 + 1), **key)
    assert (huge.status_code, huge.json()["error"]["type"]) == (413, "request_too_large")


def test_field_lists_are_the_sdk_s() -> None:
    chat = get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming)
    assert set(chat) == openai_rules.FIELDS
    message = get_type_hints(message_create_params.MessageCreateParamsNonStreaming)
    assert (
        set(message) - {"user_profile_id", "workspace_id"} == anthropic_rules.FIELDS
    )  # those two are headers


# What goes wrong

OPENAI_STATUSES: dict[int, type[Exception]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}
ANTHROPIC_STATUSES: dict[int, tuple[type[anthropic.APIStatusError], str | None]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.APIStatusError, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, None),
    503: (anthropic.InternalServerError, "api_error"),
    529: (anthropic.InternalServerError, "overloaded_error"),
}


def test_statuses(faulty: Any) -> None:
    statuses = list(OPENAI_STATUSES)
    fake, client = faulty(faults=lambda hit: Fault.http(statuses[hit.attempt], retry_after=7))
    for status, kind in OPENAI_STATUSES.items():
        with pytest.raises(kind) as caught:
            client.chat()
        assert getattr(caught.value, "status_code", None) == status
    for status, (error, name) in ANTHROPIC_STATUSES.items():
        with pytest.raises(error) as refused:
            client.message()
        assert (refused.value.status_code, refused.value.type) == (status, name)
        expected = None if status == 502 else "7"
        assert refused.value.response.headers.get("retry-after") == expected
    assert list(fake.outcomes.values()) == [str(status) for status in statuses] * 2


def test_only_429_says_retry_after_by_itself() -> None:
    assert Fault.http(429).retry_after == 1
    assert Fault.http(503).retry_after is None


def test_spent_quota_is_not_a_rate_limit(faulty: Any) -> None:
    _, client = faulty(Fault("quota"))
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat()
    assert caught.value.code == "insufficient_quota"
    with pytest.raises(anthropic.RateLimitError) as refused:
        client.message()
    assert refused.value.error_code == "enforced_spend_limit_reached"
    assert "retry-after" not in refused.value.response.headers


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_no_answer(faulty: Any, kind: Any) -> None:
    _, client = faulty(Fault(kind))
    for error, ask in (
        (openai.APIConnectionError, client.chat),
        (anthropic.APIConnectionError, client.message),
    ):
        with pytest.raises(error) as caught:
            ask(timeout=0.3)
        assert ("timed out" in str(caught.value)) == (kind == "hang")
        assert isinstance(caught.value.__cause__, httpx2.ReadError if kind == "reset" else httpx2.ReadTimeout)


@pytest.mark.parametrize("kind", ["cut", "truncated", "empty"])
def test_broken_bodies(faulty: Any, kind: Any) -> None:
    _, client = faulty(Fault(kind))
    broken: tuple[type[Exception], ...] = (json.JSONDecodeError, httpx2.RemoteProtocolError, httpx2.ReadError)
    broken += (openai.APIConnectionError, anthropic.APIConnectionError)
    for ask in (client.chat, client.message):
        with pytest.raises(broken):
            ask()


def test_html_and_content_type(faulty: Any) -> None:
    # The SDKs return the text of an answer that is not JSON, and parse JSON whatever it is called.
    _, client = faulty(Fault("html"))
    assert client.chat().startswith("<html>")
    assert client.message().startswith("<html>")
    _, client = faulty(Fault("content_type"))
    assert (
        client.openai.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
        .headers["content-type"]
        .startswith("text/plain")
    )
    assert client.message().content[0].text.startswith("Score")


def test_content_faults(faulty: Any) -> None:
    _, client = faulty(Fault("surrogate"))
    assert client.chat().choices[0].message.content.endswith("\ud800")
    assert client.message().content[0].text.endswith("\ud800")
    _, client = faulty(Fault("huge", size=3_000_000))
    assert len(client.chat().choices[0].message.content) > 3_000_000
    _, client = faulty(Fault("refusal"))
    message = client.chat().choices[0].message
    assert (message.content, bool(message.refusal)) == (None, True)
    refused = client.message()
    assert (refused.content, refused.stop_reason, refused.stop_details.type) == ([], "refusal", "refusal")
    _, client = faulty(Fault("no_choices"))
    assert (client.chat().choices, client.message().content) == ([], [])
    _, client = faulty(Fault("length"))
    choice = client.chat(response_format=response_format()).choices[0]
    assert choice.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)
    assert client.message().stop_reason == "max_tokens"


@pytest.mark.parametrize("kind", ["slow", "trickle"])
def test_slow_answers(faulty: Any, kind: Any) -> None:
    _, client = faulty(Fault(kind, seconds=0.3))
    began = time.monotonic()
    assert client.chat().choices[0].message.content.startswith("Score")
    assert time.monotonic() - began >= 0.3


def test_a_fault_does_not_hide_a_violation(faulty: Any) -> None:
    _, client = faulty(Fault.http(500))
    with pytest.raises(openai.BadRequestError):
        client.chat(temperature=3)


def test_first_attempts_fail(faulty: Any) -> None:
    fake, client = faulty(faults=first(Fault.http(503), attempts=2))
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            client.chat()
    client.chat()
    assert [one.attempt for one in fake.requests] == [0, 1, 2]
    assert list(fake.outcomes.values()) == ["503", "503", "200"]
    assert fake.requests[0].body["model"] == "gpt-4o-mini"


def test_seeded_faults_do_not_depend_on_the_order() -> None:
    rates = {Fault.http(429): 0.2, Fault("reset"): 0.1}
    hits = [Hit(number, 0, f"{number:064x}", "openai") for number in range(2000)]
    drawn = {hit.sha256: Seeded(1, rates)(hit) for hit in hits}
    assert drawn == {hit.sha256: Seeded(1, rates)(hit) for hit in reversed(hits)}
    counts = [list(drawn.values()).count(fault) for fault in rates]
    # Binomial(2000, 0.2) and (2000, 0.1): five standard deviations are 89 and 67.
    assert abs(counts[0] - 400) < 89
    assert abs(counts[1] - 200) < 67
    assert drawn != {hit.sha256: Seeded(2, rates)(hit) for hit in hits}


def test_faults_are_read_from_text() -> None:
    assert Fault.read("status:529") == Fault.http(529)
    assert Fault.read("slow:0.5").seconds == 0.5
    assert Fault.read("huge:9").size == 9
    assert {Fault.read(kind).kind for kind in KINDS if kind != "status"} == set(KINDS) - {"status"}
    with pytest.raises(ValueError, match="unknown fault"):
        Fault.read("fire")


# In another process


def test_process_counts_what_a_killed_client_asked(tmp_path: Path) -> None:
    with spawned(
        tmp_path / "log.jsonl", "--latency-ms", "20", "--reply", "fixed", "--fault", "reset=0"
    ) as server:
        client = Client(server)
        assert client.message().content[0].text == "fixed"
        client.close()
        looping = (
            "import http.client as h, sys\nc = h.HTTPConnection('127.0.0.1', int(sys.argv[1]))\nwhile True:\n"
        )
        looping += "  c.request('POST', '/v1/messages', b'{}'); c.getresponse().read()"
        killed = subprocess.Popen([sys.executable, "-c", looping, str(server.port)])
        deadline = time.monotonic() + 10
        while len(server.logged()) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        time.sleep(0.1)
        lines = server.logged()
    assert len(lines) >= 4
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert [line["attempt"] for line in lines[1:]] == list(range(len(lines) - 1))
    # printf '{}' | sha256sum
    assert lines[1]["sha256"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert lines[1].keys() == {"n", "t", "method", "path", "sha256", "bytes", "attempt"}


def test_program_prints_its_port_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.fakes.provider", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.terminate()
        assert process.communicate(timeout=10)[1] == ""
        assert process.returncode == 0
