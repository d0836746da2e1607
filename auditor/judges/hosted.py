"""What judges behind a provider's protocol share: key, address, client, and the meaning of errors.

The official SDKs carry the requests, in their raw form: the few fields that are needed are read from the body as it
arrived, and the body is kept.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from types import ModuleType
from typing import Any, ClassVar

from auditor.errors import InputError
from auditor.judges.base import Judge
from auditor.judges.http_errors import connection_error, status_error
from auditor.records import JudgeIdentity, Reply, Request


class HostedJudge(Judge):
    """A model behind an HTTP interface for which there is an official SDK.

    Parameters
    ----------
    model : str
        As the server names it.
    base_url : str, optional
        Of a compatible server; default the provider, or the SDK's own environment variable.
    timeout : float
        Seconds until a call is given up.
    identity : JudgeIdentity, optional
        Where a judge of another kind uses this one to talk to its server.
    key_needed : bool
        Whether a missing key is a fault; not where nothing will be asked.

    Raises
    ------
    InputError
        If the provider itself is asked and there is no key.
    """

    kind: ClassVar[str]
    home: ClassVar[str]
    key_name: ClassVar[str]
    url_name: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        identity: JudgeIdentity | None = None,
        key_needed: bool = True,
    ) -> None:
        self.identity = identity or JudgeIdentity(f"{self.kind}:{model}")
        self.model, self.timeout = model, timeout
        self.base_url = self.tidy_url(base_url or os.environ.get(self.url_name) or self.home)
        self.at_home = self.base_url == self.home
        key = os.environ.get(self.key_name)
        if self.at_home and not key and key_needed:
            raise InputError(
                f"the environment variable {self.key_name} is not set",
                where=f"judge {self.identity.name}",
                remedy=f"export {self.key_name}=..., or give the --base-url of a server that needs no key",
            )
        self._key = key or "none"
        self._client: Any = None

    @staticmethod
    def tidy_url(url: str) -> str:
        """The base URL as the SDK takes it."""
        return url.rstrip("/")

    @abstractmethod
    def sdk(self) -> ModuleType:
        """The official SDK, imported on use."""

    @abstractmethod
    def make_client(self, **settings: Any) -> Any:
        """The SDK's asynchronous client."""

    @abstractmethod
    def parameters(self, request: Request) -> dict[str, Any]:
        """What is sent besides model and messages, and is kept with the reply."""

    @abstractmethod
    async def send(self, request: Request, parameters: dict[str, Any]) -> Any:
        """Send the request, and return the SDK's raw response."""

    @abstractmethod
    def read(self, body: str, parameters: dict[str, Any]) -> Reply:
        """Read a successful answer."""

    async def start(self) -> None:
        """Open the client. One retry policy: ours; the SDK's own would hide repeated calls from the ledger."""
        self._client = self.make_client(
            api_key=self._key, base_url=self.base_url, timeout=self.timeout, max_retries=0
        )

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def reply(self, request: Request) -> Reply:
        """Ask once."""
        assert self._client is not None, "enter the judge before asking it"
        sdk, parameters = self.sdk(), self.parameters(request)
        try:
            response = await self.send(request, parameters)
            body: str = response.http_response.text
        except sdk.APIStatusError as error:
            raise status_error(
                error.status_code,
                error.response.text,
                error.response.headers,
                model=self.model,
                address=self.base_url,
                key_name=self.key_name,
            ) from None
        except sdk.APIConnectionError as error:
            raise connection_error(error, self.base_url) from None
        return self.read(body, parameters)


def whole(value: object) -> int | None:
    """A count of tokens, or None where the server gave something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
