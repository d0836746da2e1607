from collections import Counter
from dataclasses import replace

import pytest

from auditor.arms import load_texts
from auditor.errors import InputError
from auditor.plan import Design, make_plan
from auditor.prompts import sent_block_hash
from auditor.records import Item, JudgeIdentity
from auditor.scale import Scale

SCALE = Scale.parse("0:20:1")
ITEMS = [Item(f"i{k}", f"task {k}", f"output {k}") for k in range(20)]
JUDGE = JudgeIdentity("openai:m")


def design(**changes):
    return Design(**{"scale": SCALE, "thresholds": (12.0,), "arms": ("quick",), **changes})


def plan(items=ITEMS, judges=(JUDGE,), **changes):
    return make_plan(design(**changes), items, load_texts(), judges)


def test_the_same_design_gives_the_same_trials_and_another_seed_another_order():
    assert [t.id for t in plan().trials] == [t.id for t in plan().trials]
    assert plan().id == plan().id
    assert plan(seed=1).trials != plan().trials


def test_every_item_is_asked_in_both_arms_in_the_same_wording():
    cells = [t.cell for t in plan().trials]
    assert Counter(c.arm for c in cells) == {"deletion": 20, "decoupled": 20}
    for item in ITEMS:
        assert len({c.wording for c in cells if c.item == item.id}) == 1
    per_wording = Counter(c.wording for c in cells if c.arm == "deletion")
    assert max(per_wording.values()) - min(per_wording.values()) <= 1  # balanced


def test_blocks_of_an_item_stay_together_and_arms_are_shuffled_within():
    cells = [t.cell for t in plan().trials]
    blocks = [cells[i : i + 2] for i in range(0, len(cells), 2)]
    assert all(len({c.item for c in block}) == 1 for block in blocks)
    assert len({tuple(c.arm for c in block) for block in blocks}) == 2  # both orders occur
    assert [block[0].item for block in blocks] != [item.id for item in ITEMS]


def test_the_plain_arm_is_asked_once_for_each_item_and_states_no_mark():
    cells = [t.cell for t in plan(arms=("neutral", "threshold_only", "quick"), wordings_per_item=3).trials]
    counts = Counter(c.arm for c in cells)
    assert counts == {"neutral": 20, "threshold_only": 60, "decoupled": 60, "deletion": 60}
    assert {(c.wording, c.threshold) for c in cells if c.arm == "neutral"} == {("", None)}


def test_ids_are_unique_even_for_items_with_the_same_text():
    twins = [Item("x", "t", "o"), Item("y", "t", "o")]
    trials = plan(items=twins, replicates=3).trials
    assert len({t.id for t in trials}) == len(trials) == 12


def test_a_request_holds_the_planned_item_and_the_framing_of_its_arm():
    made = plan()
    for trial in made.trials:
        request = made.request(trial)
        assert sent_block_hash(request.messages, request.item) == trial.item_hash
        assert request.framing in request.messages[0].content
        assert "12" in request.framing


def test_functions_are_asked_for_text_and_models_by_schema():
    made = plan(judges=(replace(JUDGE, structured=False),))
    assert made.request(made.trials[0]).schema is None
    made = plan(judges=(replace(JUDGE, bounded_text=True),))
    assert made.request(made.trials[0]).schema["properties"]["rationale"]["maxLength"] == 300


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"arms": ("deletion",)}, "needs the arm 'decoupled'"),
        ({"arms": ("nope",)}, "no arm or set 'nope'"),
        ({"wordings": ("99",)}, "no wording '99'"),
        ({"wordings_per_item": 9}, "only 5 are there"),
        ({"replicates": 0}, "at least one replicate"),
        ({"alpha": 0.7}, "alpha lies between"),
        ({"placement": "footer"}, "'system', 'user' or 'policy'"),
        ({"temperature": 3.0}, "temperature"),
        ({"judges": ()}, "no judge"),
        ({"judges": (JUDGE, JUDGE)}, "named twice"),
        ({"items": []}, "no items"),
    ],
)
def test_wrong_designs_are_refused(changes, what):
    with pytest.raises(InputError, match=what):
        plan(**changes)


def test_the_default_margin_is_a_fortieth_of_the_range():
    assert design().margin == 0.5  # 0.025 x 20
