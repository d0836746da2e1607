"""Judges behind the chat completions protocol of OpenAI: OpenAI itself and every compatible server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from auditor.errors import UncertainJudgeError
from auditor.judges.hosted import HostedJudge, whole
from auditor.judges.http_errors import load_body
from auditor.records import Reply, Request, Usage

#: How the protocol's servers say that a filter stopped the answer (Z.ai: sensitive).
_REFUSED = ("content_filter", "sensitive")


class OpenAIJudge(HostedJudge):
    """A model behind ``/chat/completions``; the base URL includes the version, ``/v1``."""

    dialect = "openai"

    def headers(self, key: str) -> dict[str, str]:
        """Headers of each request, the key among them."""
        found = {"authorization": f"Bearer {key}"}
        for name, variable in (
            ("openai-organization", "OPENAI_ORG_ID"),
            ("openai-project", "OPENAI_PROJECT_ID"),
        ):
            if self.served_by.name == "openai" and self.at_home and os.environ.get(variable):
                found[name] = os.environ[variable]
        return found

    def address(self) -> str:
        """The path below the base URL."""
        return "/chat/completions"

    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages: nothing that was not chosen, but for a limit of tokens."""
        sent: dict[str, Any] = {self.terms.limit: request.sampling.max_tokens}
        if request.sampling.temperature is not None and self.takes("temperature"):
            sent["temperature"] = request.sampling.temperature
        if request.sampling.seed is not None and self.takes("seed"):
            sent[self.terms.seed_name] = request.sampling.seed
        if request.schema is not None and self.terms.json != "text":
            sent["response_format"] = self._format(dict(request.schema))
        if request.tools:
            sent["tools"] = [dict(tool) for tool in request.tools]
        if self.logprobs:
            sent |= {"logprobs": True, "top_logprobs": self.terms.top_logprobs}
        return self.with_fragments(sent)

    def _format(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.terms.json == "object":  # the prompt says which object
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": {"name": "rating", "strict": True, "schema": schema}}

    def body(self, request: Request, parameters: dict[str, Any]) -> dict[str, Any]:
        """The whole body."""
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        return {"model": self.model, "messages": messages, **parameters}

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
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UncertainJudgeError(
            f"{address} answered JSON that is not a chat completion: {body[:200]!r}"
        ) from None
    finish = choice.get("finish_reason")
    return Reply(
        text=_text_of(content),
        raw=body,
        model=value.get("model") if isinstance(value.get("model"), str) else None,
        usage=_usage(value["usage"] if isinstance(value.get("usage"), dict) else {}),
        refused=bool(refusal) or finish in _REFUSED,
        cut=finish == "length",
        sent=sent,
    )


def _text_of(content: Any) -> str:
    """The answer; some servers send it in parts, with the reasoning in parts of another kind (Mistral)."""
    if isinstance(content, list):
        parts = [
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        ]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    read, written, both = (
        whole(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if read is not None and written is not None and both is not None:
        written = max(written, both - read)  # Google counts reasoning in the total only
    named = (
        details.get("cached_tokens") if isinstance(details, dict) else None,
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek
        usage.get("cached_tokens"),  # Moonshot
    )
    cached = next((count for value in named if (count := whole(value)) is not None), None)
    return Usage(read, written, cached)
