"""What judges behind a provider's protocol share: key, address, terms, and the meaning of errors.

The few fields that are needed are read from the body as it arrived, and the body is kept.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from auditor.errors import InputError
from auditor.judges.base import Judge
from auditor.judges.http_errors import limit_headers, status_error
from auditor.judges.providers import Provider, Terms, built_in
from auditor.judges.wire import Wire
from auditor.records import JudgeIdentity, Reply, Request, Sampling

#: Shorter texts are no keys, and to blot them out would spoil messages.
_SHORTEST_KEY = 8


class HostedJudge(Judge):
    """A model behind an HTTP interface of a provider.

    Parameters
    ----------
    model : str
        As the user names it; the provider may call it otherwise.
    base_url : str, optional
        Of a compatible server; default the provider, or its environment variable for an address.
    timeout : float
        Seconds until a call is given up.
    identity : JudgeIdentity, optional
        Where a judge of another kind uses this one to talk to its server.
    key_needed : bool
        Whether a missing key is a fault; not where nothing will be asked.
    served_by : Provider, optional
        Default the provider that the dialect is named after.
    effort : str, optional
        Reasoning effort; None leaves the model's own.
    name : str, optional
        Its name in the ratings; default provider and model.
    logprobs : bool
        Whether to ask for the probabilities of tokens.

    Raises
    ------
    InputError
        If there is no key for the provider itself, it does not serve the model, or an effort or probabilities are
        asked of a model that takes none.
    """

    dialect: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        identity: JudgeIdentity | None = None,
        key_needed: bool = True,
        served_by: Provider | None = None,
        effort: str | None = None,
        name: str | None = None,
        logprobs: bool = False,
    ) -> None:
        self.served_by = served_by or built_in()[self.dialect]
        stated = base_url or os.environ.get(self.served_by.url_variable or "-")
        self.base_url = self.tidy_url(stated or self.served_by.base_url)
        self.at_home = self.base_url == self.tidy_url(self.served_by.base_url)
        self.timeout, self.effort, self.logprobs = timeout, effort, logprobs
        self.terms: Terms = self.served_by.terms_of(model, at_home=self.at_home)
        self.model = self.terms.name or model
        self.identity = identity or self._identity(name or f"{self.served_by.name}:{model}")
        self._check_terms(where := f"judge {self.identity.name}", stated)
        self._key = self._find_key(where, needed=key_needed and self.at_home)
        self._wire: Wire | None = None

    def _identity(self, name: str) -> JudgeIdentity:
        """All that could change the answers; what was not chosen is left out, so that names of earlier runs stay."""
        chosen: dict[str, Any] = {}
        if self.effort is not None:
            chosen["reasoning_effort"] = self.effort
        if self.logprobs:
            chosen["logprobs"] = self.terms.top_logprobs
        if self.terms.name:
            chosen["model"] = self.terms.name
        return JudgeIdentity(
            name,
            chosen,
            bounded_text=self.terms.bounded_text,
            structured=self.terms.json != "text",
            room=self.terms.room if self.terms.reasoning(self.effort) else 0,
            prices=self.served_by.prices,
            asked=self.terms.name,
        )

    def _check_terms(self, where: str, stated: str | None) -> None:
        terms = self.terms
        if terms.gone and not stated:
            advice = terms.instead or "name another model"
            raise InputError(
                f"{self.served_by.title} has no such model any more: {terms.gone}",
                where=where,
                remedy=f"{advice}; or say where it is served: {self.identity.name}@URL",
            )
        if self.effort is not None and self.effort not in terms.efforts:
            known = ", ".join(terms.efforts)
            raise InputError(
                f"'{self.effort}' is no reasoning effort of this model; it takes {known or 'none at all'}",
                where=where,
                remedy="name one of these"
                if known and ",effort=" in self.identity.name
                else "leave --reasoning-effort out; a judge that takes one is written openai:gpt-5.2,effort=low",
            )
        if self.logprobs:
            self._check_parameter(
                "logprobs", where, "ask it without --logprobs, and analyse the sampled scores"
            )

    def _check_parameter(self, parameter: str, where: str, remedy: str) -> None:
        if parameter not in self.terms.takes:
            raise InputError(f"this model takes no {parameter}", where=where, remedy=remedy)
        if parameter in self.terms.unreasoned and self.terms.reasoning(self.effort):
            advice = f"write {self.identity.name.partition(',effort=')[0]},effort=none, or "
            raise InputError(
                f"this model takes no {parameter} while it reasons",
                where=where,
                remedy=(advice if "none" in self.terms.efforts else "") + remedy,
            )

    def check(self, sampling: Sampling) -> None:
        """Refuse a temperature that the model does not take.

        Raises
        ------
        InputError
            Before anything is asked.
        """
        if sampling.temperature is None:
            return
        where, highest = f"judge {self.identity.name}, temperature", self.terms.max_temperature
        self._check_parameter("temperature", where, "leave --temperature out")
        if sampling.temperature > highest:
            raise InputError(f"this model takes temperatures up to {highest:g}", where=where)

    def _find_key(self, where: str, *, needed: bool) -> str:
        variable = self.served_by.key
        key = os.environ.get(variable or "-", "").strip()
        if needed and not key and self.served_by.key_needed:
            raise InputError(
                f"the environment variable {variable} is not set",
                where=where,
                remedy=f"export {variable}=..., or give the address of a server that needs no key",
            )
        if not key.isprintable() or not key.isascii():
            raise InputError(f"the key in {variable} holds characters that no key has", where=where)
        return key or "none"

    @staticmethod
    def tidy_url(url: str) -> str:
        """The base URL without what the path brings."""
        return url.rstrip("/")

    @property
    def provider(self) -> str:
        """The address: judges behind it share its limits."""
        return self.base_url

    @property
    def deadline(self) -> float | None:
        """The time-out of the whole call; however slowly the answer comes."""
        return self.timeout

    @abstractmethod
    def headers(self, key: str) -> dict[str, str]:
        """Headers of each request, the key among them."""

    @abstractmethod
    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages, and is kept with the reply."""

    @abstractmethod
    def address(self) -> str:
        """The path of the interface below the base URL."""

    @abstractmethod
    def body(self, request: Request, parameters: dict[str, Any]) -> dict[str, Any]:
        """The whole body of a request."""

    @abstractmethod
    def read(self, body: str, parameters: dict[str, Any]) -> Reply:
        """Read a successful answer."""

    def takes(self, parameter: str) -> bool:
        """Whether a parameter may be sent, as the model is asked."""
        terms = self.terms
        barred = parameter in terms.unreasoned and terms.reasoning(self.effort)
        return parameter in terms.takes and not barred

    def with_fragments(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Add what is always sent, and what stands for the reasoning effort."""
        effort = self.terms.efforts[self.effort] if self.effort is not None else {}
        return merged(merged(sent, self.terms.extra), effort)

    async def start(self) -> None:
        """Open the connections."""
        self._wire = Wire(self.base_url, self.headers(self._key), self.timeout)

    async def close(self) -> None:
        """Close them."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def reply(self, request: Request) -> Reply:
        """Ask once. One retry policy, the runner's: nothing is repeated here."""
        assert self._wire is not None, "enter the judge before asking it"
        parameters = self.parameters(request)
        answer = await self._wire.post(self.address(), self.body(request, parameters))
        if not 200 <= answer.status < 300:
            raise status_error(
                answer.status,
                self._without_key(answer.body),
                answer.headers,
                model=self.model,
                address=self.base_url,
                key_name=self.served_by.key or "of its key",
            )
        sent = parameters if not self.terms.name else {**parameters, "model": self.model}
        return replace(self.read(answer.body, sent), limits=limit_headers(answer.headers))

    def _without_key(self, body: str) -> str:
        """An error's body without our key, which some providers repeat and whose form we need not know."""
        return body if len(self._key) < _SHORTEST_KEY else body.replace(self._key, "[masked]")


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two JSON objects as one; where both have an object, its fields too are joined.

    Examples
    --------
    >>> merged({"a": {"b": 1}}, {"a": {"c": 2}, "d": 3})
    {'a': {'b': 1, 'c': 2}, 'd': 3}
    """
    joined = dict(one)
    for name, value in other.items():
        before = joined.get(name)
        joined[name] = (
            merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
        )
    return joined


def whole(value: object) -> int | None:
    """A count of tokens, or None where the server gave something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
