"""One POST with a JSON body over aiohttp, and what its failures mean.

The official SDKs build and check objects for most of a call's time, and their aiohttp transport reports a connection
that broke after sending as one that was never made, after which a paid call would be repeated. A judge needs one
request and one body, so this stands directly on aiohttp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.errors import UncertainJudgeError
from auditor.judges.http_errors import connection_error

#: A rating is a few hundred bytes; whoever answers more than this does not answer us.
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with names in any case, and the body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


class Wire:
    """Connections to one server.

    Parameters
    ----------
    base_url : str
    headers : mapping
        Sent with each request: the key among them.
    timeout : float
        Seconds for the whole of a call.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout: float) -> None:
        import aiohttp

        self.base_url, self._aiohttp = base_url, aiohttp
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={**headers, "content-type": "application/json", "user-agent": "judge-auditor"},
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 30.0)),
            trust_env=True,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send once; nothing is repeated here, and no redirect is followed.

        Raises
        ------
        JudgeError
            If no complete answer arrived, saying whether the request may have been served.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        try:
            async with self._session.post(self.base_url + path, data=data, allow_redirects=False) as response:
                pieces, size = [], 0
                async for piece in response.content.iter_any():
                    pieces.append(piece)
                    size += len(piece)
                    if size > _LARGEST:
                        response.close()
                        raise UncertainJudgeError(
                            f"{self.base_url} answered more than {_LARGEST // 1024**2} MB, which is no rating"
                        )
                text = b"".join(pieces).decode("utf-8", "replace")
                return Answer(response.status, response.headers, text)
        except (self._aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise connection_error(error, self.base_url) from None
