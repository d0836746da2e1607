"""Judges behind the chat completions protocol of OpenAI: OpenAI itself and every compatible server."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from auditor.errors import UncertainJudgeError
from auditor.judges.hosted import HostedJudge, whole
from auditor.judges.http_errors import load_body
from auditor.records import Reply, Request, Usage


class OpenAIJudge(HostedJudge):
    """A model behind ``/v1/chat/completions``; the base URL includes ``/v1``."""

    kind = "openai"
    home = "https://api.openai.com/v1"
    key_name = "OPENAI_API_KEY"
    url_name = "OPENAI_BASE_URL"

    def sdk(self) -> ModuleType:
        """The official SDK."""
        import openai

        return openai

    def make_client(self, **settings: Any) -> Any:
        """The SDK's asynchronous client."""
        import openai

        return openai.AsyncOpenAI(**settings)

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages: nothing that was not chosen, but for a limit of tokens."""
        # OpenAI has renamed the limit, and its reasoning models refuse the old name; other servers know the old one.
        limit = "max_completion_tokens" if self.at_home else "max_tokens"
        sent: dict[str, Any] = {limit: request.sampling.max_tokens}
        if request.sampling.temperature is not None:
            sent["temperature"] = request.sampling.temperature
        if request.sampling.seed is not None:
            sent["seed"] = request.sampling.seed
        if request.schema is not None:
            sent["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "rating", "strict": True, "schema": dict(request.schema)},
            }
        if request.tools:
            sent["tools"] = [dict(tool) for tool in request.tools]
        return sent

    async def send(self, request: Request, parameters: dict[str, Any]) -> Any:
        """Send the request."""
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        create = self._client.chat.completions.with_raw_response.create
        return await create(model=self.model, messages=messages, **parameters)

    def read(self, body: str, parameters: dict[str, Any]) -> Reply:
        """Read a chat completion."""
        return read_completion(body, self.base_url, parameters)


def read_completion(body: str, address: str, sent: Mapping[str, Any]) -> Reply:
    """Read a chat completion from its JSON.

    Raises
    ------
    UncertainJudgeError
        If the body is not a chat completion.
    """
    value = load_body(body, address)
    try:
        choice = value["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UncertainJudgeError(
            f"{address} answered JSON that is not a chat completion: {body[:200]!r}"
        ) from None
    usage: Mapping[str, Any] = value["usage"] if isinstance(value.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details") or {}
    finish = choice.get("finish_reason")
    return Reply(
        text=text if isinstance(text, str) else "",
        raw=body,
        model=value.get("model") if isinstance(value.get("model"), str) else None,
        usage=Usage(
            whole(usage.get("prompt_tokens")),
            whole(usage.get("completion_tokens")),
            whole(details.get("cached_tokens") if isinstance(details, dict) else None),
        ),
        refused=bool(refusal) or finish == "content_filter",
        cut=finish == "length",
        sent=sent,
    )
