"""Judges behind the messages protocol of Anthropic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.errors import UncertainJudgeError
from auditor.judges.hosted import HostedJudge, whole
from auditor.judges.http_errors import load_body
from auditor.records import Reply, Request, Usage


class AnthropicJudge(HostedJudge):
    """A model behind ``/v1/messages``; the base URL is without ``/v1``."""

    dialect = "anthropic"

    @staticmethod
    def tidy_url(url: str) -> str:
        """Without ``/v1``, which stands in the path."""
        return url.rstrip("/").removesuffix("/v1")

    def headers(self, key: str) -> dict[str, str]:
        """Headers of each request, the key among them."""
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def address(self) -> str:
        """The path below the base URL."""
        return "/v1/messages"

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages: nothing that was not chosen, but for a limit of tokens."""
        sent: dict[str, Any] = {"max_tokens": request.sampling.max_tokens}
        if request.schema is not None and self.terms.json == "schema":
            sent["output_config"] = {"format": {"type": "json_schema", "schema": dict(request.schema)}}
        if request.tools:
            sent["tools"] = [dict(tool) for tool in request.tools]
        if request.sampling.temperature is not None and self.takes("temperature"):
            sent["temperature"] = request.sampling.temperature
        return self.with_fragments(sent)

    def body(self, request: Request, parameters: dict[str, Any]) -> dict[str, Any]:
        """The whole body, the system prompt apart from the turns."""
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        messages: list[dict[str, Any]] = [
            {"role": m.role, "content": m.content} for m in request.messages if m.role != "system"
        ]
        if request.shared:
            messages[-1]["content"] = _kept(messages[-1]["content"], request.shared)
        extra = {"system": system} if system else {}
        return {"model": self.model, "messages": messages, **extra, **parameters}

    def read(self, body: str, parameters: dict[str, Any]) -> Reply:
        """Read a message."""
        return read_message(body, self.base_url, parameters)


def _kept(text: str, shared: int) -> list[dict[str, Any]]:
    """A turn in two blocks, of which the provider is to keep the first, and all before it, for the next calls."""
    kept = {"type": "text", "text": text[:shared], "cache_control": {"type": "ephemeral"}}
    rest = text[shared:]
    return [kept, {"type": "text", "text": rest}] if rest else [kept]


def read_message(body: str, address: str, sent: Mapping[str, Any]) -> Reply:
    """Read a message from its JSON.

    Raises
    ------
    UncertainJudgeError
        If the body is not a message.
    """
    value = load_body(body, address)
    blocks = value.get("content")
    if not isinstance(blocks, list) or value.get("type") != "message":
        raise UncertainJudgeError(f"{address} answered JSON that is not a message: {body[:200]!r}")
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    usage: Mapping[str, Any] = value["usage"] if isinstance(value.get("usage"), dict) else {}
    cached, fresh = whole(usage.get("cache_read_input_tokens")), whole(usage.get("input_tokens"))
    written = whole(usage.get("cache_creation_input_tokens")) or 0
    return Reply(
        text="".join(text for text in texts if isinstance(text, str)),
        raw=body,
        model=value.get("model") if isinstance(value.get("model"), str) else None,
        # Anthropic counts cached tokens apart from the others; here input tokens are all that were read.
        usage=Usage(
            None if fresh is None else fresh + (cached or 0) + written,
            whole(usage.get("output_tokens")),
            cached,
        ),
        refused=value.get("stop_reason") == "refusal",
        cut=value.get("stop_reason") in ("max_tokens", "model_context_window_exceeded"),
        sent=sent,
    )
