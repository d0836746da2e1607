"""Reference loops beside which collecting is measured: no plan, no ledger, just calls through each client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

MODEL = "stub"
#: About 600 tokens: four characters to a token.
PROMPT = "The quick brown fox jumps over the lazy dog, and the answer is weighed again. " * 31
SYSTEM = "You are a judge. Give a score from 0 to 10 as JSON."
MESSAGES: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
BODY = json.dumps({"model": MODEL, "messages": MESSAGES, "max_tokens": 200}).encode()

Call = Callable[[], Awaitable[object]]


async def loop(call: Call, calls: int, concurrency: int) -> float:
    """Calls a second with so many workers."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            await call()

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return calls / (time.monotonic() - began)


async def handwritten(port: int, calls: int, concurrency: int) -> float:
    """A protocol of asyncio's that knows nothing but this one answer."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    request = head.encode() + BODY
    left = iter(range(calls))

    async def work() -> None:
        if concurrency > 500:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            at = answer.index(b"content-length:")
            body = await reader.readexactly(int(answer[at + 15 :].split(b"\r\n", 1)[0]))
            assert json.loads(body)["choices"]
        writer.close()

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return calls / (time.monotonic() - began)


async def bare_aiohttp(port: int, calls: int, concurrency: int) -> float:
    """Aiohttp, the body made beforehand."""
    import aiohttp

    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> object:
            async with session.post(url, data=BODY) as response:
                return json.loads(await response.read())["choices"]

        return await loop(call, calls, concurrency)


async def sdk(port: int, calls: int, concurrency: int, *, aiohttp: bool) -> float:
    """The official client, with its default transport or with aiohttp's."""
    import openai

    transport = openai.DefaultAioHttpClient() if aiohttp else None
    base = f"http://127.0.0.1:{port}/v1"
    async with openai.AsyncOpenAI(
        api_key="none", base_url=base, max_retries=0, http_client=transport
    ) as client:

        async def call() -> object:
            reply = await client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=200)
            return reply.choices[0].message.content

        return await loop(call, calls, concurrency)


async def sdk_default(port: int, calls: int, concurrency: int) -> float:
    """The official client as it comes."""
    return await sdk(port, calls, concurrency, aiohttp=False)


async def sdk_aiohttp(port: int, calls: int, concurrency: int) -> float:
    """The official client over aiohttp."""
    return await sdk(port, calls, concurrency, aiohttp=True)


CLIENTS: dict[str, Callable[[int, int, int], Awaitable[float]]] = {
    "hand-written protocol": handwritten,
    "aiohttp": bare_aiohttp,
    "openai over aiohttp": sdk_aiohttp,
    "openai as it comes": sdk_default,
}
