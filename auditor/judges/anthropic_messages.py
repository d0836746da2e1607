"""Judges behind the messages protocol of Anthropic."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from auditor.errors import UncertainJudgeError
from auditor.judges.hosted import HostedJudge, whole
from auditor.judges.http_errors import load_body
from auditor.records import Reply, Request, Usage


class AnthropicJudge(HostedJudge):
    """A model behind ``/v1/messages``; the base URL is without ``/v1``."""

    kind = "anthropic"
    home = "https://api.anthropic.com"
    key_name = "ANTHROPIC_API_KEY"
    url_name = "ANTHROPIC_BASE_URL"

    @staticmethod
    def tidy_url(url: str) -> str:
        """The SDK adds ``/v1`` itself."""
        return url.rstrip("/").removesuffix("/v1")

    def sdk(self) -> ModuleType:
        """The official SDK."""
        import anthropic

        return anthropic

    def make_client(self, **settings: Any) -> Any:
        """The SDK's asynchronous client."""
        import anthropic

        return anthropic.AsyncAnthropic(**settings)

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages: nothing that was not chosen, but for a limit of tokens."""
        sent: dict[str, Any] = {"max_tokens": request.sampling.max_tokens}
        if request.schema is not None:
            sent["output_config"] = {"format": {"type": "json_schema", "schema": dict(request.schema)}}
        if request.tools:
            sent["tools"] = [dict(tool) for tool in request.tools]
        if request.sampling.temperature is not None:
            # The SDK has no such argument any more; servers that still take it read it from the body.
            sent["extra_body"] = {"temperature": request.sampling.temperature}
        return sent

    async def send(self, request: Request, parameters: dict[str, Any]) -> Any:
        """Send the request, the system prompt apart from the turns."""
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        messages = [{"role": m.role, "content": m.content} for m in request.messages if m.role != "system"]
        extra = {"system": system} if system else {}
        create = self._client.messages.with_raw_response.create
        return await create(model=self.model, messages=messages, **extra, **parameters)

    def read(self, body: str, parameters: dict[str, Any]) -> Reply:
        """Read a message."""
        return read_message(body, self.base_url, parameters)


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
