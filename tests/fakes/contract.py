"""What the two dialects of the fake provider share: the parsed request, the refusal, and the fake's tokens.

A "token" here is four characters. The real tokenizers are not needed: the contract only says that counts
are whole numbers, that a limit in tokens cuts the answer, and that log probabilities come one per token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

Json = dict[str, Any]
#: The two protocols, and providers that speak the first with rules of their own (see `flavours`).
DialectName = Literal[
    *("openai", "anthropic"),
    *("google", "zai", "moonshot", "deepseek", "together", "openrouter", "mistral", "groq"),
]
Stop = Literal["stop", "length", "refusal", "empty"]

_TOKEN_CHARACTERS = 4


class Violation(Exception):
    """A request that breaks the provider's contract, with what the provider answers to it."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", **details: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.details: Json = details


@dataclass(frozen=True)
class Asked:
    """A request that kept the contract, as `reply` gets it.

    `schema` is what the answer has to satisfy: the response format's schema, or the input schema of a tool
    the request forces. `limit` is the largest number of tokens the answer may have.
    """

    dialect: DialectName
    model: str
    served: str
    messages: list[Json]
    system: str
    schema: Json | None
    forced_tool: str | None
    limit: int | None
    body: Json

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        return text_of(self.messages[-1].get("content"))

    @property
    def digest(self) -> int:
        """A number that only the system prompt and the messages decide."""
        return digest_of(self.messages, self.body.get("system"))


@dataclass(frozen=True)
class Outcome:
    """What the fake model produced: its text, and why it stopped."""

    text: str
    stop: Stop = "stop"
    cached_tokens: int = 0
    reasoning_tokens: int = 0


def digest_of(messages: Iterable[Json], system: Any = None) -> int:
    """Sha256 of the canonical JSON of the conversation, as a number."""
    canonical = json.dumps([system, list(messages)], sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest(), "big")


def score_of(messages: Iterable[Json], low: int, high: int, system: Any = None) -> int:
    """The score the default reply gives to these messages."""
    return low + digest_of(messages, system) % (high - low + 1)


def text_of(content: Any) -> str:
    """The text in a message's content, whether it is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)


def tokens_of(text: str) -> list[str]:
    """Cut a text into the fake's tokens."""
    return [text[at : at + _TOKEN_CHARACTERS] for at in range(0, len(text), _TOKEN_CHARACTERS)]


def prompt_tokens(asked: Asked) -> int:
    """How many tokens the request is charged for."""
    texts = [text_of(message.get("content")) for message in asked.messages]
    if asked.dialect == "anthropic" and asked.system:
        texts.append(asked.system)
    return sum(len(tokens_of(text)) + 4 for text in texts)


def limited(asked: Asked, text: str, reasoning: int, cached: int) -> Outcome:
    """Apply the limit in tokens: hidden reasoning is spent first, and the text is cut to what is left."""
    if asked.limit is None or reasoning + len(tokens_of(text)) <= asked.limit:
        return Outcome(text, cached_tokens=cached, reasoning_tokens=reasoning)
    spent = min(reasoning, asked.limit)
    cut = "".join(tokens_of(text)[: asked.limit - spent])
    return Outcome(cut, "length", cached_tokens=cached, reasoning_tokens=spent)


def parse_json(raw: bytes) -> Json:
    """Decode a request body as strictly as the providers do.

    NaN is not JSON, and a lone surrogate has no UTF-8 form: Anthropic answers "no low surrogate in string".
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    body = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    json.dumps(body, ensure_ascii=False).encode("utf-8")
    if not isinstance(body, dict):
        raise ValueError("expected an object")
    return body


@dataclass(frozen=True)
class Received:
    """One request as it came: the key is not in the headers, whichever header it was in."""

    number: int
    attempt: int
    time: float
    dialect: DialectName
    path: str
    headers: Mapping[str, str]
    raw: bytes
    sha256: str

    @property
    def request_id(self) -> str:
        """The id in the answer's header."""
        return f"req_{hashlib.sha256(f'{self.number}:{self.sha256}'.encode()).hexdigest()[:24]}"

    @property
    def body(self) -> Json:
        """The body, decoded; empty if it is no JSON object."""
        try:
            return parse_json(self.raw)
        except ValueError:
            return {}
