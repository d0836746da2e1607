"""The server of the fake provider: what it keeps of each request, and how it answers.

A request that breaks the contract is always answered as the provider would, whatever fault was due: a fault
never hides a violation. A connection is reset by TCP's RST; the rest is plain HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any

from aiohttp import web

from . import anthropic_api, openai_api
from .contract import Asked, DialectName, Json, Outcome, Received, Violation, limited, parse_json
from .faults import PAGE, Fault, Hit, Schedule, never, reshape, violation_of
from .flavours import FLAVOURS, Flavour
from .openai_rules import default_effort_is_none, is_reasoning
from .schemas import instance

DIALECTS: Mapping[str, ModuleType | Flavour] = {"openai": openai_api, "anthropic": anthropic_api, **FLAVOURS}
KEY = "fake-provider-key-for-tests"
Reply = Callable[[Asked], str]


class FakeProvider:
    """The server. `requests` and `outcomes` may be read while it runs and after."""

    def __init__(
        self,
        reply: Reply | None = None,
        *,
        key: str = KEY,
        faults: Schedule = never,
        latency: float = 0.0,
        score_range: tuple[int, int] = (1, 10),
        cached_tokens: int = 0,
        reasoning_tokens: int = 0,
        openai_models: Mapping[str, str] = openai_api.MODELS,
        anthropic_models: Mapping[str, str] = anthropic_api.MODELS,
        requests_log: str | os.PathLike[str] | None = None,
        port: int = 0,
    ) -> None:
        self.reply = reply or self.default_reply
        self.key = key
        self.faults = faults
        self.latency = latency
        self.score_range = score_range
        self.cached_tokens = cached_tokens
        self.reasoning_tokens = reasoning_tokens
        self.models: Mapping[str, Mapping[str, str]] = {
            "openai": openai_models,
            "anthropic": anthropic_models,
            **{name: flavour.models for name, flavour in FLAVOURS.items()},
        }
        self.requests: list[Received] = []
        self.outcomes: dict[int, str] = {}
        self.errors: list[Exception] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.port = port
        self._log_path = requests_log
        self._log: int | None = None
        self._attempts: Counter[str] = Counter()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """The address without a path: what the Anthropic SDK takes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The address with `/v1`: what the OpenAI SDK takes."""
        return f"{self.base_url}/v1"

    def default_reply(self, asked: Asked) -> str:
        """A valid instance of the schema, or `Score: N`; the messages alone decide N."""
        low, high = self.score_range
        if asked.schema is None:
            return f"Score: {low + asked.digest % (high - low + 1)}"
        return json.dumps(instance(asked.schema, asked.digest, low, high))

    async def start(self) -> None:
        """Listen on loopback."""
        app = web.Application(client_max_size=openai_api.MAX_BYTES + 1)
        app.router.add_post("/v1/chat/completions", self._post)
        app.router.add_post("/v1/messages", self._post)
        app.router.add_post("/{flavour}/chat/completions", self._post)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{name}", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        if self._log_path is not None:
            self._log = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def stop(self) -> None:
        """Stop listening; requests that hang are reset."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._log is not None:
            os.close(self._log)
        self._runner = self._log = None

    async def __aenter__(self) -> FakeProvider:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise the first error a `reply` raised, which the client only saw as a 500."""
        if self.errors:
            raise self.errors[0]

    async def _receive(self, request: web.Request, dialect: DialectName) -> Received:
        raw = await request.read()
        sha256 = hashlib.sha256(raw).hexdigest()
        hidden = ("authorization", "x-api-key")
        headers = {
            name.lower(): value for name, value in request.headers.items() if name.lower() not in hidden
        }
        received = Received(
            number=len(self.requests),
            attempt=self._attempts[sha256],
            time=time.time(),
            dialect=dialect,
            path=request.path,
            headers=headers,
            raw=raw,
            sha256=sha256,
        )
        self._attempts[sha256] += 1
        self.requests.append(received)
        if self._log is not None:
            line = {"n": received.number, "t": received.time, "method": request.method, "path": request.path}
            line |= {"sha256": sha256, "bytes": len(raw), "attempt": received.attempt}
            os.write(self._log, json.dumps(line).encode() + b"\n")
        return received

    async def _post(self, request: web.Request) -> web.StreamResponse:
        dialect: Any = "anthropic" if request.path == "/v1/messages" else "openai"
        if (named := request.match_info.get("flavour", "")) in FLAVOURS:
            dialect = named
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            received = await self._receive(request, dialect)
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._respond(request, received)
        finally:
            self.in_flight -= 1

    def _read(self, request: web.Request, received: Received) -> Asked:
        api = DIALECTS[received.dialect]
        api.authorise(request.headers, self.key)
        api.check_headers(request.headers)
        if len(received.raw) > api.MAX_BYTES:
            raise api.too_large(len(received.raw))
        try:
            body = parse_json(received.raw)
        except ValueError as reason:
            raise api.bad_json(str(reason)) from None
        asked: Asked = api.parse(body, request.headers, self.models[received.dialect])
        return asked

    def _outcome(self, asked: Asked) -> Outcome:
        reasoning = self.reasoning_tokens
        if asked.dialect == "openai" and (
            not is_reasoning(asked.model)
            or (asked.body.get("reasoning_effort", "none") == "none" and default_effort_is_none(asked.model))
        ):
            reasoning = 0
        if asked.dialect in FLAVOURS and not FLAVOURS[asked.dialect].reasons(asked.body):
            reasoning = 0
        return limited(asked, self.reply(asked), reasoning, self.cached_tokens)

    async def _respond(self, request: web.Request, received: Received) -> web.StreamResponse:
        try:
            asked = self._read(request, received)
        except Violation as broken:
            return self._refusal(received, broken, None)
        fault = self.faults(Hit(received.number, received.attempt, received.sha256, received.dialect))
        if fault is not None and fault.kind in ("status", "quota"):
            if fault.status == 502:
                return self._send(received, asked, PAGE.encode(), status=502, kind="text/html", label="502")
            violation = violation_of(fault, received.dialect, asked.model)
            return self._refusal(received, violation, asked, fault.retry_after)
        try:
            answer = self._answer(received, asked, reshape(fault, self._outcome(asked)))
        except Exception as error:  # noqa: BLE001 - whatever a test's reply raises; `check` raises it again
            self.errors.append(error)
            return self._refusal(received, Violation(repr(error), status=500, kind="api_error"), asked)
        body = json.dumps(answer).encode()
        if fault is None:
            return self._send(received, asked, body)
        return await self._misbehave(request, received, asked, fault, body)

    def _answer(self, received: Received, asked: Asked, outcome: Outcome) -> Json:
        answer: Json = DIALECTS[asked.dialect].answer(asked, outcome, received.request_id)
        return answer

    def _refusal(
        self, received: Received, violation: Violation, asked: Asked | None, retry_after: float | None = None
    ) -> web.Response:
        body = DIALECTS[received.dialect].error(violation, received.request_id)
        label = str(violation.status)
        response = self._send(
            received, asked, json.dumps(body).encode(), status=violation.status, label=label
        )
        if retry_after is not None:
            response.headers["retry-after"] = f"{retry_after:g}"
        return response

    def _send(
        self,
        received: Received,
        asked: Asked | None,
        body: bytes,
        *,
        status: int = 200,
        kind: str = "application/json",
        label: str = "200",
    ) -> web.Response:
        self.outcomes[received.number] = label
        headers = DIALECTS[received.dialect].headers(asked, received.number, received.request_id)
        return web.Response(body=body, status=status, headers=headers | {"content-type": kind})

    async def _misbehave(
        self, request: web.Request, received: Received, asked: Asked, fault: Fault, body: bytes
    ) -> web.StreamResponse:
        kind = fault.kind
        self.outcomes[received.number] = kind
        if kind in ("reset", "hang"):
            if kind == "hang":
                await self._closing.wait()
            _abort(request)
            return web.Response()
        if kind in ("cut", "trickle"):
            return await self._piecewise(request, received, asked, fault, body)
        if kind == "slow":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), fault.seconds)
        body = {"html": PAGE.encode(), "truncated": body[: len(body) // 2], "empty": b""}.get(kind, body)
        told = {"html": "text/html", "content_type": "text/plain"}.get(kind, "application/json")
        return self._send(received, asked, body, kind=told, label=kind)

    async def _piecewise(
        self, request: web.Request, received: Received, asked: Asked, fault: Fault, body: bytes
    ) -> web.StreamResponse:
        headers = dict(self._send(received, asked, body, label=fault.kind).headers)
        response = web.StreamResponse(headers=headers | {"content-length": str(len(body))})
        await response.prepare(request)
        step = -(-len(body) // 10)
        for at in range(0, len(body) if fault.kind == "trickle" else step, step):
            if fault.kind == "trickle":
                await asyncio.sleep(fault.seconds / 10)
            await response.write(body[at : at + step])
        if fault.kind == "cut":
            await asyncio.sleep(0.01)
            _abort(request)
            return response
        await response.write_eof()
        return response

    async def _models(self, request: web.Request) -> web.Response:
        dialect: DialectName = "anthropic" if "anthropic-version" in request.headers else "openai"
        api, models = DIALECTS[dialect], self.models[dialect]
        received = await self._receive(request, dialect)
        name = request.match_info.get("name")
        try:
            api.authorise(request.headers, self.key)
            if name is not None and name not in models and name not in models.values():
                kind = "not_found_error" if dialect == "anthropic" else "invalid_request_error"
                told = f"The model '{name}' does not exist"
                raise Violation(told, status=404, kind=kind, code="model_not_found", param="model")
        except Violation as violation:
            return self._refusal(received, violation, None)
        page: Any = api.models_page(models, request.query)
        if name is not None:
            page = api.listed(models.get(name, name) if dialect == "anthropic" else name)
        return self._send(received, None, json.dumps(page).encode())


def _abort(request: web.Request) -> None:
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    # Without lingering, close sends RST instead of FIN: the client sees a reset, not an end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
