"""Judges behind the messages protocol of Anthropic, by the official SDK in its raw form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, UncertainJudgeError
from auditor.judges.base import Judge
from auditor.judges.http_errors import connection_error, load_body, status_error
from auditor.judges.openai_chat import whole
from auditor.records import JudgeIdentity, Reply, Request, Usage

if TYPE_CHECKING:
    import anthropic

KEY_NAME = "ANTHROPIC_API_KEY"
URL_NAME = "ANTHROPIC_BASE_URL"
_HOME = "https://api.anthropic.com"


class AnthropicJudge(Judge):
    """A model behind ``/v1/messages``.

    Parameters
    ----------
    model : str
        As the server names it.
    base_url : str, optional
        Of a compatible server, without ``/v1``; default Anthropic, or the variable ANTHROPIC_BASE_URL.
    timeout : float
        Seconds until a call is given up.

    Raises
    ------
    InputError
        If Anthropic itself is asked and there is no key.
    """

    def __init__(self, model: str, *, base_url: str | None = None, timeout: float = 120.0) -> None:
        self.identity = JudgeIdentity(f"anthropic:{model}")
        self.model, self.timeout = model, timeout
        self.base_url = (base_url or os.environ.get(URL_NAME) or _HOME).rstrip("/").removesuffix("/v1")
        key = os.environ.get(KEY_NAME)
        if self.base_url == _HOME and not key:
            raise InputError(
                f"the environment variable {KEY_NAME} is not set",
                where=f"judge {self.identity.name}",
                remedy=f"export {KEY_NAME}=..., or give the --base-url of a server that needs no key",
            )
        self._key = key or "none"
        self._client: anthropic.AsyncAnthropic | None = None

    async def start(self) -> None:
        """Open the client."""
        import anthropic

        self._client = anthropic.AsyncAnthropic(
            api_key=self._key, base_url=self.base_url, timeout=self.timeout, max_retries=0
        )

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages."""
        sent: dict[str, Any] = {"max_tokens": request.sampling.max_tokens}
        if request.schema is not None:
            sent["output_config"] = {"format": {"type": "json_schema", "schema": dict(request.schema)}}
        if request.tools:
            sent["tools"] = [dict(tool) for tool in request.tools]
        if request.sampling.temperature is not None:
            # The SDK has no such argument any more; models that still take it read it from the body.
            sent["extra_body"] = {"temperature": request.sampling.temperature}
        return sent

    async def reply(self, request: Request) -> Reply:
        """Ask once."""
        import anthropic

        assert self._client is not None, "enter the judge before asking it"
        sent = self.parameters(request)
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        messages: Any = [
            {"role": m.role, "content": m.content} for m in request.messages if m.role != "system"
        ]
        if system:
            sent["system"] = system
        try:
            response = await self._client.messages.with_raw_response.create(
                model=self.model, messages=messages, **sent
            )
            body = response.http_response.text
        except anthropic.APIStatusError as error:
            raise status_error(
                error.status_code,
                error.response.text,
                error.response.headers,
                model=self.model,
                address=self.base_url,
                key_name=KEY_NAME,
            ) from None
        except anthropic.APIConnectionError as error:
            raise connection_error(error, self.base_url) from None
        shown = {name: value for name, value in sent.items() if name != "system"}
        return read_message(body, self.base_url, shown)


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
