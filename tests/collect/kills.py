"""Kills a run with signal 9 at seeded moments until it is done, and counts what was lost and what was asked again.

    python -m tests.collect.kills --kills 1000      # what `make kills` runs

Every few runs the server is killed instead of the client. A round is a short audit: the runs of one folder, killed
again and again, then a last one to the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fakes.provider import KEY

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY, ITEMS = 8, 30

CHILD = """
import asyncio, sys
from pathlib import Path
from auditor.arms import load_texts
from auditor.collect import Flow, Ledger, collect
from auditor.judges.openai_chat import OpenAIJudge
from auditor.plan import Design, make_plan
from auditor.records import Item
from auditor.scale import Scale
port, folder, items, concurrency = sys.argv[1:]
judge = OpenAIJudge("gpt-4o-mini", base_url=f"http://127.0.0.1:{port}/v1", timeout=5)
design = Design(scale=Scale.parse("0:10:1"), thresholds=(6.0,), arms=("quick",))
plan = make_plan(design, [Item(f"i{k}", "t", f"o{k}") for k in range(int(items))], load_texts(), [judge.identity])
with Ledger(Path(folder) / "ledger.sqlite") as ledger:
    ledger.add_plan(plan)
    done = asyncio.run(collect(plan, {judge.name: judge}, ledger, flow=Flow(concurrency=int(concurrency))))
sys.exit(1 if done.missing else 0)
"""


@dataclass
class Count:
    """What came of it."""

    kills: int = 0
    servers_killed: int = 0
    rounds: int = 0
    trials: int = 0
    asked: int = 0
    repeated: int = 0
    in_flight: int = 0
    lost: int = 0


@contextlib.contextmanager
def server(log: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The fake in a process of its own."""
    command = [sys.executable, "-m", "tests.fakes.provider", "--port", str(port), "--requests-log", str(log)]
    told = ["--latency-ms", "20", "--score-range", "0", "10"]
    with subprocess.Popen([*command, *told], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def one_round(folder: Path, rng: random.Random, count: Count, kills: int) -> None:
    """Kill so many runs of one audit, let the last one finish, and count."""
    log = folder / "requests.log"
    log.touch()
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "PYTHONPATH": str(ROOT)}
    asked_before = interrupted = 0
    for number in range(kills + 1):
        last = number == kills
        with server(log) as (provider, port):
            command = [sys.executable, "-c", CHILD, str(port), str(folder), str(ITEMS), str(CONCURRENCY)]
            child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            if last:
                assert child.wait(120) == 0, "the last run did not finish"
                break
            target = asked_before + rng.randint(1, max(2, 2 * ITEMS // (kills + 1)))
            while child.poll() is None and len(log.read_bytes().splitlines()) < target:
                time.sleep(0.001)
            time.sleep(rng.random() * 0.03)
            if rng.random() < 0.2:
                provider.kill()
                count.servers_killed += 1
                time.sleep(rng.random() * 0.05)
            count.kills += child.poll() is None
            child.kill()
            child.wait()
            asked_before = len(log.read_bytes().splitlines())
            interrupted += CONCURRENCY
    asked = [json.loads(line)["sha256"] for line in log.read_text().splitlines()]
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        rows = connection.execute("select count(*) from outcomes").fetchone()
    count.rounds += 1
    count.trials += 2 * ITEMS
    count.asked += len(asked)
    count.repeated += len(asked) - len(set(asked))
    count.in_flight += interrupted
    count.lost += 2 * ITEMS - rows[0]


def many(kills: int, seed: int, each: int = 5) -> Count:
    """Rounds until so many runs were killed."""
    rng, count = random.Random(seed), Count()
    while count.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            one_round(Path(folder), rng, count, min(each, kills - count.kills))
        if count.rounds % 10 == 0:
            print(count, file=sys.stderr, flush=True)
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20260101)
    told = parser.parse_args()
    found = many(told.kills, told.seed)
    print(json.dumps(asdict(found)))
    assert found.lost == 0
    assert found.repeated <= found.in_flight
