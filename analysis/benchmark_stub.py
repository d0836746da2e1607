"""A chat completions server for the benchmark: it waits, and answers the same score to everybody, at little cost.

Run as a program it prints its port. It speaks just enough HTTP/1.1 for keep-alive clients that send a content length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random

_TEXT = json.dumps({"rationale": "The answer is right. Its reasons are thin.", "score": 7})
_ANSWER = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "stub-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 600, "completion_tokens": 24, "total_tokens": 624},
}


def _response(status: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


OK = _response("200 OK", json.dumps(_ANSWER).encode())
BUSY = _response(
    "429 Too Many Requests",
    b'{"error": {"message": "Rate limit reached", "type": "requests"}}',
    "retry-after-ms: 200\r\n",
)
BROKEN = _response("500 Internal Server Error", b'{"error": {"message": "The server had an error"}}')


class Stub(asyncio.Protocol):
    """One connection."""

    latency, refused, broken = 0.0, 0.0, 0.0
    draw = random.Random(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each complete request after the latency."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(self.latency, self._answer)

    def _answer(self) -> None:
        chance = self.draw.random()
        busy, broken = chance < self.refused, chance < self.refused + self.broken
        self.transport.write(BUSY if busy else BROKEN if broken else OK)


async def _serve(latency: float, refused: float, broken: float) -> None:
    Stub.latency, Stub.refused, Stub.broken = latency, refused, broken
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--refused", type=float, default=0.0)
    parser.add_argument("--broken", type=float, default=0.0)
    told = parser.parse_args()
    asyncio.run(_serve(told.latency, told.refused, told.broken))
