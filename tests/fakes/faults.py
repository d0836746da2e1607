"""What can go wrong between a client and a provider, and when the fake lets it.

Status bodies: OpenAI's guide "Error codes" and Anthropic's page "Claude API errors" (413 request_too_large,
529 overloaded_error, 504 timeout_error); `anthropic/types/shared/error_type.py`. A spent quota is also a
429, which must not be retried: OpenAI code insufficient_quota; Anthropic error_code
enforced_spend_limit_reached, without Retry-After. 502 is HTML, as the proxies in front of both answer. A
413 or 422 of OpenAI is not documented: the fake uses its usual error shape.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from .contract import DialectName, Outcome, Stop, Violation

Kind = Literal[
    "status",  # `status` with the documented body; `retry_after` seconds in the header
    "quota",  # 429 that no wait cures
    "reset",  # the connection is reset before any answer
    "cut",  # the connection is reset in the middle of the body
    "hang",  # no answer until the fake stops
    "slow",  # `seconds` pass before the answer
    "trickle",  # the answer comes a piece at a time over `seconds`
    "html",  # a page with status 200
    "truncated",  # a complete response whose JSON stops half way
    "empty",  # status 200 and no body
    "content_type",  # the right JSON called text/plain
    "surrogate",  # a lone surrogate at the end of the content
    "huge",  # `size` spaces after the content
    "refusal",  # OpenAI: content null and a refusal; Anthropic: stop_reason refusal and no content
    "no_choices",  # OpenAI: choices []; Anthropic: content []
    "length",  # half of the text, and the reason is the limit
]
KINDS: tuple[Kind, ...] = get_args(Kind)
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    kind: Kind
    status: int = 0
    retry_after: float | None = None
    seconds: float = 1.0
    size: int = 1 << 20

    @classmethod
    def http(cls, status: int, retry_after: float | None = None) -> Fault:
        """A status code; a 429 says Retry-After 1 unless told otherwise."""
        return cls("status", status, 1 if status == 429 and retry_after is None else retry_after)

    @classmethod
    def read(cls, text: str) -> Fault:
        """Read `kind` or `kind:number`: a status, or seconds, or a size."""
        name, _, value = text.partition(":")
        kind = next((known for known in KINDS if known == name), None)
        if kind is None:
            raise ValueError(f"unknown fault {name!r}: one of {', '.join(KINDS)}")
        if kind == "status":
            return cls.http(int(value))
        if value:
            return cls(kind, size=int(value)) if kind == "huge" else cls(kind, seconds=float(value))
        return cls(kind)


@dataclass(frozen=True)
class Hit:
    """A request, as a schedule sees it: `attempt` counts from 0 how often the same body came before."""

    number: int
    attempt: int
    sha256: str
    dialect: DialectName


Schedule = Callable[[Hit], Fault | None]


def never(hit: Hit) -> Fault | None:
    """Nothing goes wrong."""
    return None


def always(fault: Fault) -> Schedule:
    """The same fault every time."""
    return lambda hit: fault


def first(fault: Fault, attempts: int = 1) -> Schedule:
    """The first attempts at each body fail, and the later ones succeed."""
    return lambda hit: fault if hit.attempt < attempts else None


@dataclass(frozen=True)
class Seeded:
    """Faults at given rates.

    The draw depends on the seed, the body and the attempt, not on the order of arrival: the same run
    meets the same faults however its requests interleave.
    """

    seed: int
    rates: Mapping[Fault, float]

    def __call__(self, hit: Hit) -> Fault | None:
        draw = random.Random(f"{self.seed}:{hit.sha256}:{hit.attempt}").random()
        for fault, rate in self.rates.items():
            draw -= rate
            if draw < 0:
                return fault
        return None


def reshape(fault: Fault | None, outcome: Outcome) -> Outcome:
    """The outcome with the fault in it, if it is one of the answer's content."""
    if fault is None:
        return outcome
    text = outcome.text
    changes: dict[str, tuple[str, Stop]] = {
        "refusal": ("", "refusal"),
        "no_choices": ("", "empty"),
        "length": (text[: len(text) // 2], "length"),
        "surrogate": (text + "\ud800", outcome.stop),
    }
    if fault.kind == "huge":
        return dataclasses.replace(outcome, text=text + " " * fault.size)
    text, stop = changes.get(fault.kind, (text, outcome.stop))
    return dataclasses.replace(outcome, text=text, stop=stop)


def violation_of(fault: Fault, dialect: DialectName, model: str) -> Violation:
    """The documented error for a status."""
    if dialect != "anthropic":
        return _openai(fault, model)
    return _anthropic(fault)


def _openai(fault: Fault, model: str) -> Violation:
    if fault.kind == "quota":
        told = "You exceeded your current quota, please check your plan and billing details."
        return Violation(told, status=429, kind="insufficient_quota", code="insufficient_quota")
    wait = f"Please try again in {fault.retry_after}s."
    server = "The server had an error while processing your request. Sorry about that!"
    context = (
        "This model's maximum context length is 128000 tokens. Please reduce the length of the messages."
    )
    message, kind, code = {
        400: (context, "invalid_request_error", "context_length_exceeded"),
        401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
        403: (
            "Country, region, or territory not supported",
            "request_forbidden",
            "unsupported_country_region_territory",
        ),
        404: (f"The model `{model}` does not exist.", "invalid_request_error", "model_not_found"),
        429: (
            f"Rate limit reached for {model} on requests per min. {wait}",
            "requests",
            "rate_limit_exceeded",
        ),
        500: (server, "server_error", None),
        503: ("The engine is currently overloaded, please try again later", "server_error", None),
    }.get(fault.status, (f"Error {fault.status}.", _general(fault.status, "server_error"), None))
    return Violation(message, status=fault.status, kind=kind, code=code)


def _anthropic(fault: Fault) -> Violation:
    if fault.kind == "quota":
        told = "You have reached your organization's spend limit."
        return Violation(told, status=429, kind="rate_limit_error", error_code="enforced_spend_limit_reached")
    kind, message = {
        401: ("authentication_error", "invalid x-api-key"),
        402: ("billing_error", "Billing error"),
        403: ("permission_error", "Your API key does not have permission to use the specified resource."),
        404: ("not_found_error", "Not found"),
        409: ("conflict_error", "Conflict"),
        413: ("request_too_large", "Request exceeds the maximum size"),
        429: ("rate_limit_error", "Number of requests has exceeded your rate limit."),
        500: ("api_error", "Internal server error"),
        504: ("timeout_error", "Request timeout"),
        529: ("overloaded_error", "Overloaded"),
    }.get(fault.status, (_general(fault.status, "api_error"), f"Error {fault.status}."))
    return Violation(message, status=fault.status, kind=kind)


def _general(status: int, server: str) -> str:
    return server if status >= 500 else "invalid_request_error"
