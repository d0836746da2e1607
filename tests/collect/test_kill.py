"""kill -9 at random moments: every trial gets one rating, and no more is asked again than was in flight."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pandas as pd

from auditor.plan.design import PILOT_ITEMS
from tests.fakes.provider import KEY, spawned

KILLS, CONCURRENCY, ITEMS = 10, 8, 100


def test_killed_ten_times(tmp_path):
    rows = "".join(f"i{k},task,output {k}\n" for k in range(ITEMS))
    (tmp_path / "items.csv").write_text("id,task,output\n" + rows)
    rng = random.Random(20260101)
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    with spawned(tmp_path / "requests.log", "--latency-ms", "60", "--score-range", "0", "10") as server:
        command = [
            *(sys.executable, "-m", "auditor", "run", "--items", str(tmp_path / "items.csv"), "--quiet"),
            *("--judge", f"openai:gpt-4o-mini@{server.base_url}/v1", "--out", str(tmp_path / "run")),
            *("--concurrency", str(CONCURRENCY)),
        ]

        def asked():
            return len((tmp_path / "requests.log").read_bytes().splitlines())

        for _ in range(KILLS):
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            target = asked() + rng.randint(1, 2 * ITEMS // KILLS - 6)
            while asked() < target and process.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.random() * 0.05)
            assert process.poll() is None, "the run ended before it could be killed"
            process.kill()
            process.wait()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        log = server.logged()
    ratings = pd.read_csv(tmp_path / "run" / "ratings.csv")
    assert len(ratings) == 2 * ITEMS + PILOT_ITEMS
    assert not ratings.duplicated(["item", "arm", "wording", "replicate", "phase"]).any()
    assert set(ratings["status"]) == {"ok"}
    assert len(log) - len(ratings) <= KILLS * CONCURRENCY
    assert len({entry["sha256"] for entry in log}) == len(ratings)
