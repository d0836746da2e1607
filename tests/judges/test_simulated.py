import asyncio
import math

import pytest

from auditor.arms import load_texts
from auditor.errors import InputError
from auditor.judges.simulated import PRESETS, SimulatedJudge, parse_dials
from auditor.parse import parse_reply
from auditor.plan import Design, make_plan
from auditor.records import Item
from auditor.scale import Scale

SCALE = Scale.parse("0:20:1")
ITEMS = [Item(f"i{k}", "t", "o") for k in range(40)]


def requests_of(judge, arms=("quick",)):
    plan = make_plan(
        Design(scale=judge.scale, thresholds=(12.0,), arms=arms), ITEMS, load_texts(), [judge.identity]
    )
    return [plan.request(trial) for trial in plan.trials]


@pytest.mark.parametrize("name", PRESETS)
def test_distributions_sum_to_one_and_replies_follow_them(name):
    judge = SimulatedJudge(name, SCALE)
    for request in requests_of(judge):
        weights = judge.distribution(request)
        assert math.isclose(sum(weights), 1, abs_tol=1e-12)
        first, second = asyncio.run(judge.reply(request)), asyncio.run(judge.reply(request))
        assert first == second
        rating = parse_reply(first, SCALE)
        assert rating.status in ("ok", "refused")
        if rating.status == "ok":
            assert weights[int(rating.score)] > 0


def test_the_dials_do_what_they_say():
    def shift(spec, arm="deletion"):
        judge = SimulatedJudge(spec, SCALE)
        by_item = {}
        for request in requests_of(judge, ("standard",)):
            by_item.setdefault(request.cell.item, {})[request.cell.arm] = judge.expected_score(request)
        return sum(v[arm] - v["decoupled"] for v in by_item.values()) / len(by_item)

    assert shift("honest") == 0
    # One point, less what is cut off at the scale's end (qualities reach up to 20 with noise 1).
    assert 0.85 < shift("inflating,inflation=1") < 1.0
    assert shift("deflating") < -0.85
    assert shift("rescuer,rescue=1") > 0
    assert shift("inflating", arm="threshold_only") == 0
    assert shift("anchored,anchoring=0.5") == 0  # the mark is stated in both
    assert shift("honest,leniency=2") == 0


def test_rescue_lifts_only_what_just_fails():
    judge = SimulatedJudge("rescuer,rescue=1,window=2", SCALE)
    for request in requests_of(judge):
        weights = judge.distribution(request)
        if request.cell.arm == "deletion":
            assert weights[10] == weights[11] == 0
            assert weights[9] > 0


@pytest.mark.parametrize(
    "spec", ["nobody", "honest,mood=1", "honest,noise=x", "honest,rescue=2", "honest,noise=-1"]
)
def test_unknown_names_and_dials(spec):
    with pytest.raises(InputError, match="judge"):
        parse_dials(spec, SCALE)


def test_all_scales():
    for text in ("0:1", "1:5:0.5", "F,D,C,B,A", "pass/fail"):
        scale = Scale.parse(text)
        judge = SimulatedJudge("honest", scale)
        plan = make_plan(
            Design(scale=judge.scale, thresholds=(scale.threshold(None),), arms=("quick",)),
            ITEMS[:5],
            load_texts(),
            [judge.identity],
        )
        for trial in plan.trials:
            assert parse_reply(asyncio.run(judge.reply(plan.request(trial))), scale).status == "ok"
