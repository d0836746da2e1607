"""Make the built-in data sets: ask small local models the questions in `tools/questions`.

Usage: python tools/make_datasets.py [NAME ...] [--models-folder F] [--threads N] [--scratch F]

Each NAME (default: all) has a file `tools/questions/NAME.toml` with

- `seed`, `temperature`, `max_tokens`: the sampling; question number i (from 0) is asked with seed + i;
- `[[variant]]`: one way to answer. Either `model` (a table of `auditor/judges/weights.toml`), `system` and
  an optional `gold`, or `of`: the answer of the variant of that name, the first part of its `words`, or,
  with `elsewhere`, its answer to another question;
- `[[question]]`: `id`, `kind`, `task` (what the model is sent) and, for `checkable`, what `answer_checker`
  needs. A question with `dropped`, the reason, is left out; the seeds of the others stay as they were.

Answers are asked for by the rule in `local_answers` and kept in a scratch file, so a stopped run goes on
where it was. `items.jsonl` is replaced as a whole, and the block of counts in the card with it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import platformdirs
from answer_checker import is_correct, reference_of
from local_answers import Answer, Ask, collect

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "tools" / "questions"
NAMES = ("checkable", "subjective", "borderline")
PEERS = {
    "smollm2-135m": "SmolLM2-135M-Instruct",
    "qwen2_5-coder-0_5b": "Qwen2.5-Coder-0.5B-Instruct",
    "qwen2_5-coder-1_5b": "Qwen2.5-Coder-1.5B-Instruct",
}
COUNTS = ("<!-- counts: written by tools/make_datasets.py -->", "<!-- end of counts -->")

Item = dict[str, Any]


def load_set(name: str) -> dict[str, Any]:
    """Read the question file of the data set `name`."""
    return tomllib.loads((QUESTIONS / f"{name}.toml").read_text(encoding="utf-8"))


def asks_of(spec: dict[str, Any]) -> list[Ask]:
    """All questions to models that a question file asks for, model by model."""
    return [
        Ask(
            question=question["id"],
            variant=variant["name"],
            model=variant["model"],
            system=variant["system"],
            task=question["task"],
            number=number,
            seed=spec["seed"] + number,
            temperature=spec["temperature"],
            max_tokens=spec["max_tokens"],
        )
        for variant in sorted((v for v in spec["variant"] if "model" in v), key=lambda v: str(v["model"]))
        for number, question in enumerate(spec["question"])
        if "dropped" not in question
    ]


def mismatch(questions: list[dict[str, Any]], number: int) -> int:
    """The question whose answer is put under `number`: half the list on, or the next of another kind."""
    for step in range(len(questions)):
        other = (number + len(questions) // 2 + step) % len(questions)
        if questions[other]["kind"] != questions[number]["kind"] and "dropped" not in questions[other]:
            return other
    raise ValueError("a set with mismatched answers needs questions of two kinds")


def build_items(name: str, spec: dict[str, Any], answers: dict[str, Answer]) -> list[Item]:
    """Items of a set in the order of its questions, and of its variants within each."""
    asks = {(ask.question, ask.variant): ask for ask in asks_of(spec)}
    variants = {variant["name"]: variant for variant in spec["variant"]}
    items = []
    for number, question in enumerate(spec["question"]):
        if "dropped" in question:
            continue
        for variant in spec["variant"]:
            elsewhere = "elsewhere" in variant
            source = spec["question"][mismatch(spec["question"], number) if elsewhere else number]
            how = variants[variant.get("of", variant["name"])]
            answer = answers[asks[source["id"], how["name"]].key]
            if "words" in variant:
                answer = replace(answer, text=first_part(answer.text, variant["words"]))
            items.append(make_item(name, question, variant, how, answer, source["id"]))
    return items


def first_part(text: str, share: float) -> str:
    """The first `share` of the words of `text`, rounded down, and what stands between them."""
    words = list(re.finditer(r"\S+", text))
    return text[: words[max(1, int(len(words) * share)) - 1].end()]


def make_item(
    name: str, question: Item, variant: dict[str, Any], how: dict[str, Any], answer: Answer, source: str
) -> Item:
    """One item; `how` is the variant that gave the answer, and `source` the question that it answers."""
    item: Item = {
        "id": f"{name}-{question['id']}-{variant['name']}",
        "task": question["task"],
        "output": answer.text,
    }
    if name == "checkable":
        item["reference"] = reference_of(question)
        item["correct"] = is_correct(answer.text, question)
    if "gold" in variant:
        item["gold"] = variant["gold"]
    item["peer"] = PEERS[how["model"]]
    item["group"] = f"{name}-{question['id']}"
    tags = [question["kind"], variant["made"]]
    if source != question["id"]:
        tags.append(f"answers-{source}")
    item["tags"] = [*tags, f"seed-{answer.seed}", f"temperature-{answer.temperature}", *["cut"] * answer.cut]
    return item


def table(items: list[Item]) -> Iterator[str]:
    """Lines of the card's block of counts."""
    yield f"Items: {len(items)}. Groups: {len({item['group'] for item in items})}."
    yield ""
    yield "| made | peer | items | cut | median words | correct | gold |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    rows = list(dict.fromkeys((item["tags"][1], item["peer"]) for item in items))
    for made, peer in [*rows, ("all", "")]:
        chosen = [i for i in items if made == "all" or (i["tags"][1], i["peer"]) == (made, peer)]
        words = median(len(item["output"].split()) for item in chosen)
        cut = sum("cut" in item["tags"] for item in chosen)
        right = [item["correct"] for item in chosen if "correct" in item]
        share = f"{sum(right)} ({sum(right) / len(right):.0%})" if right else "-"
        gold = ", ".join(str(level) for level in sorted({item["gold"] for item in chosen if "gold" in item}))
        yield f"| {made} | {peer} | {len(chosen)} | {cut} | {words:g} | {share} | {gold or '-'} |"


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_set(folder: Path, items: Iterable[Item]) -> None:
    """Write `items.jsonl`, and the counts into the card if there is one."""
    items = list(items)
    lines = [json.dumps(item, ensure_ascii=False) for item in items]
    replace_file(folder / "items.jsonl", "\n".join(lines) + "\n")
    card = folder / "README.md"
    if card.exists():
        text = card.read_text(encoding="utf-8")
        before, rest = text.split(COUNTS[0])
        after = rest.split(COUNTS[1])[1]
        block = "\n".join([COUNTS[0], *table(items), COUNTS[1]])
        replace_file(card, before + block + after)


def main() -> None:
    """Make each named data set, or all of them."""
    models = os.environ.get("AUDITOR_MODELS") or str(platformdirs.user_cache_path("auditor") / "models")
    scratch = str(Path(tempfile.gettempdir()) / "auditor-datasets")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--models-folder", type=Path, default=Path(models), metavar="F", help="weights")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the model")
    parser.add_argument(
        "--scratch", type=Path, default=Path(scratch), metavar="F", help="answers as they arrive"
    )
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        if name not in NAMES:
            parser.error(f"{name} is not one of {', '.join(NAMES)}")
        spec = load_set(name)
        scratch_file = arguments.scratch / f"{name}.jsonl"
        answers = collect(name, asks_of(spec), scratch_file, arguments.models_folder, arguments.threads)
        items = build_items(name, spec, answers)
        write_set(ROOT / "datasets" / name, items)
        print(f"datasets/{name}/items.jsonl: {len(items)} items", flush=True)


if __name__ == "__main__":
    main()
