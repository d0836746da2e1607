"""Answers of small local models to questions, kept in a scratch file as they arrive.

A reply that is empty or was cut off by the limit of tokens is asked for again with the seed raised by 1000
and a temperature of at least 0.7, three times in all; the last is kept, and marked if it is still cut off.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS: dict[str, dict[str, Any]] = tomllib.loads(
    (ROOT / "auditor/judges/weights.toml").read_text(encoding="utf-8")
)
TRIES = 3
SEED_STEP = 1000
RETRY_TEMPERATURE = 0.7


@dataclass(frozen=True)
class Ask:
    """One question to one model; `number` is the question's place in its file."""

    question: str
    variant: str
    model: str
    system: str
    task: str
    number: int
    seed: int
    temperature: float
    max_tokens: int

    @property
    def key(self) -> str:
        """Content hash: an answer in the scratch file belongs to exactly this question."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What came back, and with which seed and temperature."""

    text: str
    seed: int
    temperature: float
    cut: bool


class Model:
    """A local model, its weights verified, that answers one question at a time."""

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        import xllamacpp

        path = folder / WEIGHTS[name]["file"]
        verify(path, WEIGHTS[name]["sha256"])
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.model_alias = [name]
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.n_parallel = 1
        params.n_ctx = 1024
        params.n_gpu_layers = 0
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.ui = False
        params.offline = True
        params.verbosity = -1
        self._server = xllamacpp.Server(params)

    def answer(self, ask: Ask) -> Answer:
        """Ask, and ask again under the rule in the module's docstring."""
        for attempt in range(TRIES):
            seed = ask.seed + attempt * SEED_STEP
            temperature = ask.temperature if attempt == 0 else max(ask.temperature, RETRY_TEMPERATURE)
            text, cut = self._once(ask, seed, temperature)
            if text and not cut:
                break
        if not text:
            sys.exit(f"{ask.question}, {ask.variant}: {TRIES} empty replies; reword the question.")
        return Answer(text, seed, temperature, cut)

    def _once(self, ask: Ask, seed: int, temperature: float) -> tuple[str, bool]:
        reply = self._server.handle_chat_completions(
            {
                "messages": [
                    {"role": "system", "content": ask.system},
                    {"role": "user", "content": ask.task},
                ],
                "max_tokens": ask.max_tokens,
                "temperature": temperature,
                "seed": seed,
                "cache_prompt": False,  # with a cached prefix, the reply depends on what was asked before
            }
        )
        if "choices" not in reply:
            sys.exit(f"{ask.question}, {ask.variant}: the server answered {reply}")
        choice = reply["choices"][0]
        return choice["message"]["content"].strip(), choice["finish_reason"] == "length"


def verify(path: Path, sha256: str) -> None:
    """Stop unless the file at `path` has this SHA-256."""
    if not path.exists():
        sys.exit(f"{path} is missing; see `auditor models` or tools/weights_from_index.py.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        sys.exit(f"{path} has SHA-256 {found}, not the pinned {sha256}.")


def read_scratch(path: Path) -> dict[str, Answer]:
    """Answers of earlier runs, by the key of their question; a torn last line is left out."""
    answers: dict[str, Answer] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            key = record.pop("key")
            answers[key] = Answer(**record)
    return answers


def collect(name: str, asks: list[Ask], scratch: Path, folder: Path, threads: int) -> dict[str, Answer]:
    """Answers to all `asks`, those of the scratch file first, the rest from the models."""
    answers = read_scratch(scratch)
    missing = [ask for ask in asks if ask.key not in answers]
    scratch.parent.mkdir(parents=True, exist_ok=True)
    done = len(asks) - len(missing)
    with scratch.open("a", encoding="utf-8") as file:
        for model_name in dict.fromkeys(ask.model for ask in missing):
            model = Model(model_name, folder, threads)
            for ask in (a for a in missing if a.model == model_name):
                answers[ask.key] = model.answer(ask)
                record = {"key": ask.key, **asdict(answers[ask.key])}
                file.write("\n" * (file.tell() > 0) + json.dumps(record, ensure_ascii=False))
                file.flush()
                done += 1
                print(f"{name} {done}/{len(asks)}  {ask.variant}  {ask.question}", flush=True)
            del model
    return answers
