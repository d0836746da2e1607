"""Judges behind the chat completions protocol of OpenAI: OpenAI itself and every compatible server.

The official SDK carries the requests, in its raw form: we read the few fields that we need from the body as it
arrived, and keep the body.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, UncertainJudgeError
from auditor.judges.base import Judge
from auditor.judges.http_errors import connection_error, load_body, status_error
from auditor.records import JudgeIdentity, Reply, Request, Usage

if TYPE_CHECKING:
    import openai

KEY_NAME = "OPENAI_API_KEY"
URL_NAME = "OPENAI_BASE_URL"
_HOME = "https://api.openai.com/v1"


class OpenAIJudge(Judge):
    """A model behind ``/v1/chat/completions``.

    Parameters
    ----------
    model : str
        As the server names it.
    base_url : str, optional
        Of a compatible server, with its ``/v1``; default OpenAI, or the variable OPENAI_BASE_URL.
    timeout : float
        Seconds until a call is given up.
    identity : JudgeIdentity, optional
        Where a judge of another kind uses this one to talk to its server.

    Raises
    ------
    InputError
        If OpenAI itself is asked and there is no key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        identity: JudgeIdentity | None = None,
    ) -> None:
        self.identity = identity or JudgeIdentity(f"openai:{model}")
        self.model, self.timeout = model, timeout
        self.base_url = base_url or os.environ.get(URL_NAME) or _HOME
        self.hosted = self.base_url.rstrip("/") == _HOME
        key = os.environ.get(KEY_NAME)
        if self.hosted and not key:
            raise InputError(
                f"the environment variable {KEY_NAME} is not set",
                where=f"judge {self.identity.name}",
                remedy=f"export {KEY_NAME}=..., or give the --base-url of a server that needs no key",
            )
        self._key = key or "none"
        self._client: openai.AsyncOpenAI | None = None

    async def start(self) -> None:
        """Open the client."""
        import openai

        # One retry policy: ours. The SDK's own would hide repeated calls from the ledger.
        self._client = openai.AsyncOpenAI(
            api_key=self._key, base_url=self.base_url, timeout=self.timeout, max_retries=0
        )

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages."""
        sent: dict[str, Any] = {}
        # OpenAI has renamed the limit, and its reasoning models refuse the old name; other servers know the old one.
        sent["max_completion_tokens" if self.hosted else "max_tokens"] = request.sampling.max_tokens
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

    async def reply(self, request: Request) -> Reply:
        """Ask once."""
        import openai

        assert self._client is not None, "enter the judge before asking it"
        sent = self.parameters(request)
        messages: Any = [{"role": m.role, "content": m.content} for m in request.messages]
        try:
            response = await self._client.chat.completions.with_raw_response.create(
                model=self.model, messages=messages, **sent
            )
            body = response.http_response.text
        except openai.APIStatusError as error:
            raise status_error(
                error.status_code,
                error.response.text,
                error.response.headers,
                model=self.model,
                address=self.base_url,
                key_name=KEY_NAME,
            ) from None
        except openai.APIConnectionError as error:
            raise connection_error(error, self.base_url) from None
        return read_completion(body, self.base_url, sent)


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


def whole(value: object) -> int | None:
    """A count of tokens, or None where the server gave something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
