"""The fake provider in a thread, and as a process of its own.

Each request is appended to the log before it is answered, in one write to a file opened with O_APPEND: a
test can kill the client at any moment and count what had been asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .contract import Json
from .faults import Fault, Seeded
from .server import KEY, FakeProvider

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running(fake: FakeProvider) -> Iterator[FakeProvider]:
    """Run the fake in a thread, for code that is not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-provider")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fake.start(), loop).result(10)
        try:
            yield fake
        finally:
            asyncio.run_coroutine_threadsafe(fake.stop(), loop).result(10)
        fake.check()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass(frozen=True)
class Spawned:
    """A fake in another process."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def base_url(self) -> str:
        """What the Anthropic SDK takes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What the OpenAI SDK takes."""
        return f"{self.base_url}/v1"

    def logged(self) -> list[Json]:
        """The requests so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextlib.contextmanager
def spawned(log: Path, *options: str) -> Iterator[Spawned]:
    """Start the fake with these command-line options, and end it."""
    command = [
        sys.executable,
        "-m",
        "tests.fakes.provider",
        "--port",
        "0",
        "--requests-log",
        str(log),
        *options,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Spawned(process, int(process.stdout.readline()), log)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.provider")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--requests-log")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--reply", help="the same text for every request")
    parser.add_argument("--score-range", type=int, nargs=2, default=(1, 10), metavar=("LOW", "HIGH"))
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[:NUMBER]=RATE")
    parser.add_argument("--fault-seed", type=int, default=0)
    return parser.parse_args(arguments)


async def serve(told: argparse.Namespace) -> None:
    """Run until a signal ends it."""
    rates = {Fault.read(kind): float(rate) for kind, _, rate in (text.rpartition("=") for text in told.fault)}
    low, high = told.score_range
    fake = FakeProvider(
        None if told.reply is None else lambda asked: str(told.reply),
        key=told.key,
        faults=Seeded(told.fault_seed, rates),
        latency=told.latency_ms / 1000,
        score_range=(low, high),
        requests_log=told.requests_log,
        port=told.port,
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with fake:
        print(fake.port, flush=True)
        await ended.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    asyncio.run(serve(options(arguments)))
