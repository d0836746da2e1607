"""The built-in data sets as files: no model and no network is needed."""

import importlib.util
import json
import re
import sys
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEAST = {"checkable": 200, "subjective": 120, "borderline": 80}
KEYS = ["id", "task", "output", "reference", "gold", "correct", "peer", "group", "tags"]


def items_of(name: str) -> list[dict[str, Any]]:
    text = (ROOT / "datasets" / name / "items.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def questions_of(name: str) -> dict[str, dict[str, Any]]:
    spec = tomllib.loads((ROOT / "tools/questions" / f"{name}.toml").read_text(encoding="utf-8"))
    asked = (question for question in spec["question"] if "dropped" not in question)
    return {f"{name}-{question['id']}": question for question in asked}


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("answer_checker", ROOT / "tools/answer_checker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("answer_checker", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LEAST)
class TestEverySet:
    def test_enough_items_with_unique_ids(self, name: str) -> None:
        ids = [item["id"] for item in items_of(name)]
        assert len(ids) >= LEAST[name]
        assert len(set(ids)) == len(ids)
        assert all(identifier.startswith(f"{name}-") for identifier in ids)

    def test_fields_in_order_and_texts_not_empty(self, name: str) -> None:
        for item in items_of(name):
            assert list(item) == [key for key in KEYS if key in item], item["id"]
            for key in ("task", "output", "peer", "group"):
                assert item[key] == item[key].strip() != "", item["id"]
            assert all(isinstance(tag, str) and tag for tag in item["tags"]), item["id"]
            assert item.get("reference") != ""
            assert isinstance(item.get("correct", True), bool)

    def test_groups_hold_one_task_and_at_least_two_items(self, name: str) -> None:
        items = items_of(name)
        assert min(Counter(item["group"] for item in items).values()) >= 2
        assert len({(item["group"], item["task"]) for item in items}) == len(
            {item["group"] for item in items}
        )

    def test_tasks_are_those_of_the_question_file(self, name: str) -> None:
        tasks = {group: question["task"].strip() for group, question in questions_of(name).items()}
        assert {item["group"]: item["task"] for item in items_of(name)} == tasks

    def test_card_states_the_counts_of_the_file(self, name: str) -> None:
        items = items_of(name)
        card = (ROOT / "datasets" / name / "README.md").read_text(encoding="utf-8")
        stated = re.search(r"^Items: (\d+)\. Groups: (\d+)\.$", card, re.MULTILINE)
        assert stated is not None
        assert [int(count) for count in stated.groups()] == [
            len(items),
            len({item["group"] for item in items}),
        ]

    def test_card_shows_an_item_of_the_file(self, name: str) -> None:
        card = (ROOT / "datasets" / name / "README.md").read_text(encoding="utf-8")
        shown = re.findall(r"^```json\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)
        assert shown
        assert all(json.loads(block) in items_of(name) for block in shown)

    def test_card_names_the_weights(self, name: str) -> None:
        weights = tomllib.loads((files("auditor") / "judges" / "weights.toml").read_text(encoding="utf-8"))
        spec = tomllib.loads((ROOT / "tools/questions" / f"{name}.toml").read_text(encoding="utf-8"))
        card = (ROOT / "datasets" / name / "README.md").read_text(encoding="utf-8")
        for variant in spec["variant"]:
            if "model" in variant:
                assert weights[variant["model"]]["sha256"] in card


def test_checkable_correct_is_what_the_checker_computes(checker: ModuleType) -> None:
    questions = questions_of("checkable")
    for item in items_of("checkable"):
        question = questions[item["group"]]
        assert item["reference"] == checker.reference_of(question), item["id"]
        assert item["correct"] is checker.is_correct(item["output"], question), item["id"]


def test_checkable_mixes_right_and_wrong() -> None:
    correct = [item["correct"] for item in items_of("checkable")]
    assert 0.40 <= sum(correct) / len(correct) <= 0.65  # the range that the set was designed for


def test_checker_accepts_every_reference(checker: ModuleType) -> None:
    for question in questions_of("checkable").values():
        assert checker.is_correct(checker.reference_of(question), question), question["id"]
        assert not checker.is_correct("I do not know.", question), question["id"]


@pytest.mark.parametrize(
    ("form", "answer", "task", "reply", "expected"),
    [
        ("number", "1500", "How many metres are 1.5 km?", "1.5 km = 1,500 m.", True),
        ("number", "1500", "How many metres are 1.5 km?", "1500.0", True),
        ("number", "1500", "How many metres are 1.5 km?", "150 or 1500", False),
        ("number", "8", "How many legs?", "Eight legs.", True),
        ("number", "-12", "What is 7 - 19?", "7 - 19 = -12", True),
        ("number", "-12", "What is 7 - 19?", "12", False),
        ("number", "42", "How many?", "Forty two", True),
        ("number", "1969", "In which year?", "On July 20, 1969.", True),
        ("number", "3", "How many of 3, 8, 12, 9 are even?", "The list is 3, 8, 12, 9.", False),
        ("number", "750", "How many grams are 0.75 kg?", "The answer is 0.75, which is 750.", False),
        ("word", "Canberra", "What is the capital?", "The capital is canberra.", True),
        ("word", "Brasília", "What is the capital?", "Brasilia", True),
        ("word", "Canberra", "What is the capital?", "Sydney or Canberra", False),
        ("word", "Canberra", "What is the capital?", "It is not Canberra but Sydney.", False),
        ("word", "Canberra", "What is the capital?", "Canberran", False),
        ("symbol", "Fe", "What is the symbol of iron?", "FE", False),
        ("symbol", "Fe", "What is the symbol of iron?", "The symbol is **Fe**.", True),
        ("string", "esuoh", "Write house backwards.", "E-S-U-O-H", True),
        ("string", "esuoh", "Write house backwards.", "esouh", False),
        ("string", "esuoh", "Write house backwards.", "house backwards is esuoh", True),
        ("list", "3, 7, 19", "Sort: 19, 3, 7", "3 7 19", True),
        ("list", "3, 7, 19", "Sort: 19, 3, 7", "3, 19, 7", False),
        ("list", "3, 7, 19", "Sort: 19, 3, 7", "3, 7, 8, 19", False),
    ],
)
def test_checker_by_example(
    checker: ModuleType, form: str, answer: str, task: str, reply: str, expected: bool
) -> None:
    question = {"id": "example", "form": form, "answer": answer, "task": task}
    assert checker.is_correct(reply, question) is expected


def test_checker_with_rivals(checker: ModuleType) -> None:
    question = {"form": "word", "answer": "yes", "among": "yes_no", "task": "Is it so? Answer yes or no."}
    assert checker.is_correct("Yes, it is.", question)
    assert not checker.is_correct("Yes. No.", question)
    assert not checker.is_correct("Yes or no", question)


def test_subjective_gold_levels_differ_within_each_group() -> None:
    items = items_of("subjective")
    assert all(0 <= item["gold"] <= 10 for item in items)
    for group in {item["group"] for item in items}:
        gold = [item["gold"] for item in items if item["group"] == group]
        assert len(gold) == len(set(gold)) == 5, group


def test_mismatched_items_hold_the_answer_to_another_question() -> None:
    items = items_of("subjective")
    strong = {item["group"]: item["output"] for item in items if item["gold"] == 7}
    mismatched = [item for item in items if "mismatched" in item["tags"]]
    assert len(mismatched) == len(strong)
    for item in mismatched:
        source = next(tag for tag in item["tags"] if tag.startswith("answers-")).removeprefix("answers-")
        assert f"subjective-{source}" != item["group"]
        assert item["output"] == strong[f"subjective-{source}"], item["id"]


def test_halved_items_are_the_first_half_of_the_strong_answer() -> None:
    items = items_of("subjective")
    strong = {item["group"]: item["output"] for item in items if item["gold"] == 7}
    halved = [item for item in items if "1.5b-halved" in item["tags"]]
    assert len(halved) == len(strong)
    for item in halved:
        whole = strong[item["group"]]
        assert whole.startswith(item["output"]), item["id"]
        assert len(item["output"].split()) == len(whole.split()) // 2, item["id"]


def test_borderline_pairs_one_reply_of_each_kind() -> None:
    items = items_of("borderline")
    for group in {item["group"] for item in items}:
        made = [item["tags"][1] for item in items if item["group"] == group]
        assert made == ["over-cautious-prompt", "no-warnings-prompt"], group
