"""The one interface of all judges: a Request in, a Reply out, awaited."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from auditor.records import JudgeIdentity, Reply, Request, Sampling


class Judge(ABC):
    """What gives the score: a model behind an API, a local model, a function, or a simulator.

    Used as an async context manager: entering starts what has to be started, leaving ends it. A judge may be
    entered again afterwards.

    Attributes
    ----------
    identity : JudgeIdentity
        All that could change its answers, known before it is entered.
    """

    identity: JudgeIdentity

    @property
    def name(self) -> str:
        """The name that stands in the ratings."""
        return self.identity.name

    @property
    def provider(self) -> str:
        """Who serves it: judges of one provider share its limits. Default: nobody but itself."""
        return self.name

    @property
    def deadline(self) -> float | None:
        """Seconds until a call is given up, however slowly its answer trickles in; None for no bound."""
        return None

    @property
    def parallel(self) -> int | None:
        """The most requests that make sense at once, or None for no limit."""
        return None

    @abstractmethod
    async def reply(self, request: Request) -> Reply:
        """Answer one request.

        Raises
        ------
        JudgeError
            Of the kind that says whether asking again could help.
        """

    def check(self, sampling: Sampling) -> None:
        """Refuse what this judge does not take, before anything is asked. Default: whatever is chosen is taken.

        Raises
        ------
        InputError
            Naming the parameter, and what to do instead.
        """
        del sampling

    async def count_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """Tokens that the judge's model would read in each request, or None if its tokenizer is not at hand."""
        del requests
        return None

    async def start(self) -> None:  # noqa: B027 - most judges have nothing to start
        """Start what has to be started before the first request."""

    async def close(self) -> None:  # noqa: B027 - nor to end
        """End what `start` began."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
