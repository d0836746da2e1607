"""How many judgments a second are collected, every rating durable, beside bare clients; and memory, start and resume.

    python analysis/benchmark_collect.py --out docs/evidence     # the table; minutes, alone on the machine
    python analysis/benchmark_collect.py --quick                 # a few calls of each, as the tests run it

Each measurement is a process of its own, against a stub in another process on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from analysis.benchmark_clients import CLIENTS, PROMPT  # noqa: E402
from auditor.arms import load_texts  # noqa: E402
from auditor.collect import Flow, Ledger, collect  # noqa: E402
from auditor.judges.openai_chat import OpenAIJudge  # noqa: E402
from auditor.plan import Design, Plan, make_plan  # noqa: E402
from auditor.records import Item  # noqa: E402
from auditor.scale import Scale  # noqa: E402

#: Latency of the stub, calls at once, and calls that are measured.
ROWS = ((0.2, 50, 4000), (0.05, 200, 6000), (1.0, 1000, 6000))
OURS, FAULTS = "auditor", "auditor, 1 % of 429 and 1 % of 500"


@contextmanager
def stub(latency: float, refused: float = 0.0, broken: float = 0.0) -> Iterator[int]:
    """The stub in a process of its own."""
    told = ["--latency", str(latency), "--refused", str(refused), "--broken", str(broken)]
    command = [sys.executable, str(HERE / "benchmark_stub.py"), *told]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def plan_of(trials: int, judge: OpenAIJudge) -> Plan:
    """A plan of about so many trials, with prompts of some 600 tokens."""
    text = PROMPT[:1700]
    arms = "standard" if trials > 10_000 else "quick"
    count = trials // (8 if arms == "standard" else 2)
    items = [Item(f"i{k}", "Weigh the answer.", f"{k}: {text}") for k in range(count)]
    design = Design(scale=Scale.parse("0:10:1"), thresholds=(6.0,), arms=(arms,))
    return make_plan(design, items, load_texts(), [judge.identity])


async def ours(port: int, calls: int, concurrency: int) -> dict[str, Any]:
    """Collect a plan into a ledger."""
    judge = OpenAIJudge("stub", base_url=f"http://127.0.0.1:{port}/v1")
    began = time.monotonic()
    plan = plan_of(calls, judge)
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        ledger.add_plan(plan)
        laid_out = time.monotonic()
        flow = Flow(concurrency=concurrency)
        collected = await collect(plan, {judge.name: judge}, ledger, flow=flow)
        done = time.monotonic()
        assert collected.answered == len(plan.trials), collected
        again = await collect(plan, {judge.name: judge}, ledger, flow=flow)
        assert again.before == len(plan.trials)
        resumed = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rate": collected.answered / (done - laid_out),
        "start_s": laid_out - began,
        "resume_s": resumed - done,
        "peak_mb": peak,
    }


def measure_here(name: str, port: int, calls: int, concurrency: int) -> dict[str, Any]:
    """One measurement in this process."""
    if name in (OURS, FAULTS):
        return asyncio.run(ours(port, calls, concurrency))
    return {"rate": asyncio.run(_reference(name, port, calls, concurrency))}


async def _reference(name: str, port: int, calls: int, concurrency: int) -> float:
    return await CLIENTS[name](port, calls, concurrency)


def measure(name: str, row: Sequence[float], scale: float = 1.0) -> dict[str, Any]:
    """One measurement in a process of its own."""
    latency, concurrency, calls = row[0], int(row[1]), max(4, int(row[2] * scale))
    share = 0.01 if name == FAULTS else 0.0
    with stub(latency, share, share) as port:
        told = ["--one", name, str(port), str(calls), str(concurrency)]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(
            [sys.executable, __file__, *told], capture_output=True, text=True, check=True, env=environment
        )
    return dict(json.loads(done.stdout))


def table(scale: float, rows: Sequence[Sequence[float]] = ROWS, log: bool = True) -> dict[str, list[float]]:
    """Judgments a second of each client in each row."""
    found: dict[str, list[float]] = {}
    for name in (OURS, FAULTS, *CLIENTS):
        for row in rows:
            rate = measure(name, row, scale)["rate"]
            found.setdefault(name, []).append(rate)
            if log:
                print(f"{name}: {row[0] * 1000:g} ms, {row[1]} at once: {rate:.0f}/s", file=sys.stderr)
    return found


def page(found: dict[str, list[float]], large: dict[str, Any]) -> str:
    """The evidence as Markdown."""
    heads = [f"{row[0] * 1000:g} ms, {row[1]} at once" for row in ROWS]
    lines = [
        "# Collecting, measured",
        "",
        "Made by `python analysis/benchmark_collect.py --out docs/evidence`: judgments a second against a stub on "
        "loopback, prompts of some 600 tokens, one process each, on two cores that the stub shares. Ours includes the "
        "ledger (every attempt durable before it is read) and the rating; the others only call. Rates "
        "of a shared machine vary by some 20 % from run to run.",
        "",
        f"| client | {' | '.join(heads)} |",
        "| --- |" + " --- |" * len(heads),
        "| most that is possible |" + "".join(f" {row[1] / row[0]:.0f} |" for row in ROWS),
        *(f"| {name} |" + "".join(f" {rate:.0f} |" for rate in rates) for name, rates in found.items()),
        "",
        f"{large['trials']:,} trials of eight arms: peak memory {large['peak_mb']:.0f} MB, {large['start_s']:.1f} s to "
        f"lay out and store the plan, {large['rate']:.0f}/s, {large['resume_s']:.1f} s to see that a finished run has "
        "nothing left to ask.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", type=int, default=100_000, help="trials of the memory measurement")
    parser.add_argument(
        "--one", nargs=4, metavar=("NAME", "PORT", "CALLS", "CONCURRENCY"), help=argparse.SUPPRESS
    )
    told = parser.parse_args()
    if told.one:
        name, *numbers = told.one
        print(json.dumps(measure_here(name, *(int(number) for number in numbers))))
        return
    rows = ((0.01, 4, 40),) if told.quick else ROWS
    found = table(1.0, rows, log=not told.quick)
    trials = 40 if told.quick else told.large
    large = {"trials": trials, **measure(OURS, (0.0, 100, trials))}
    text = json.dumps({"rates": found, "large": large}) if told.quick else page(found, large)
    print(text)
    if told.out and not told.quick:
        (told.out / "benchmark-collect.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
