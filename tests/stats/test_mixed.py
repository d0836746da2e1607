"""The mixed model against lme4 and lmerTest (tests/r/mixed.R), and on what makes it fail.

Tolerances: statsmodels and lme4 stop at a REML likelihood that is flat to about 1e-8: standard errors agree to a relative
1e-4 and variances to 2e-3.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from auditor.stats.mixed import mixed_model
from auditor.stats.mixed_fit import MixedParts

ERROR = 1e-4
VARIANCE = 2e-3
NAN = math.nan


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "mixed.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def fit(r: dict[str, list[float]], **settings):
    return mixed_model(r["score"], r["arm"], r["item"], r["wording"], **settings)


@pytest.mark.parametrize("case", ["replicates", "crossed", "nested", "sparse"])
def test_fixed_wordings_against_lme4(case) -> None:
    r = read(case)
    result = fit(r)
    assert result.estimate == pytest.approx(r["estimate"][0], abs=1e-4 * r["se"][0])
    assert result.standard_error == pytest.approx(r["se"][0], rel=ERROR)
    assert result.parts.item == pytest.approx(r["item (Intercept)"][0], rel=VARIANCE)
    assert result.parts.item_arm == pytest.approx(r["item arm"][0], rel=VARIANCE)
    assert result.parts.item_correlation == pytest.approx(r["item (Intercept) arm"][0], abs=VARIANCE)
    assert result.parts.residual == pytest.approx(r["Residual"][0], rel=VARIANCE)
    if "item:w (Intercept)" in r:
        assert result.parts.cell == pytest.approx(r["item:w (Intercept)"][0], rel=VARIANCE)
    else:
        assert result.parts.cell is None
    if case == "sparse":  # 25 items less the three columns that they tell apart: 22, where lmerTest has 23.7
        assert result.df == 22 < r["df"][0]
    else:
        assert result.df == pytest.approx(r["df"][0], rel=1e-4)
        assert result.p_value == pytest.approx(r["p"][0], rel=5e-3)
    assert (result.converged, result.codes) == (True, ())


def test_random_wordings_against_lme4() -> None:
    r = read("random")
    result = fit(r, wordings="random")
    assert result.estimate == pytest.approx(r["estimate"][0], abs=1e-9)
    assert result.standard_error == pytest.approx(r["se"][0], rel=ERROR)
    assert result.parts.item == pytest.approx(r["item (Intercept)"][0], rel=VARIANCE)
    assert result.parts.item_arm == pytest.approx(r["item arm"][0], rel=VARIANCE)
    assert result.parts.wording_arm == pytest.approx(r["w arm"][0], rel=VARIANCE)
    assert result.parts.wording == pytest.approx(r["w (Intercept)"][0], abs=VARIANCE)
    assert result.parts.cell == pytest.approx(r["item.w (Intercept)"][0], rel=VARIANCE)
    assert result.parts.residual == pytest.approx(r["Residual"][0], rel=VARIANCE)
    assert result.df == pytest.approx(r["df"][0], rel=1e-3)
    assert result.p_value == pytest.approx(r["p"][0], rel=1e-3)


def test_few_random_wordings_claim_nothing() -> None:
    rng = np.random.default_rng(16)
    arm, wording, item = (column.ravel() for column in np.meshgrid([0, 1], [0, 1, 2], range(8)))
    score = rng.normal(0, 2, 8)[item] + rng.normal(0, 1, 3)[wording] * arm + rng.normal(0, 1, arm.size)
    result = mixed_model(score, arm, item, wording, wordings="random")
    assert "few_wordings" in result.codes
    assert "few_wordings" not in mixed_model(score, arm, item, wording).codes


def simulate(seed: int, items: int = 30, replicates: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(items), 2 * replicates)
    arm = np.tile(np.repeat([0, 1], replicates), items)
    score = rng.normal(0, 2, items)[item] + rng.normal(0, 1, items)[item] * (arm - 0.5)
    return score + rng.normal(0, 1, item.size), arm, item


def paired(score, arm, item) -> tuple[float, float]:
    means = [np.bincount(item[arm == a], score[arm == a]) / np.bincount(item[arm == a]) for a in (0, 1)]
    d = means[1] - means[0]
    return float(d.mean()), float(d.std(ddof=1)) / math.sqrt(d.size)


def test_balanced_data_give_the_paired_t_test() -> None:
    # With a random difference by item, generalised least squares on balanced data is the mean of the differences, and
    # their mean square is the item x arm mean square of the analysis of variance.
    for seed in range(5):
        data = simulate(seed)
        result = mixed_model(*data)
        estimate, error = paired(*data)
        assert result.estimate == pytest.approx(estimate, abs=1e-6)
        assert result.standard_error == pytest.approx(error, rel=1e-3)
        assert result.df == 29
        assert "boundary" not in result.codes


def test_one_rating_an_arm_gives_the_paired_t_test() -> None:
    data = simulate(11, replicates=1)
    result = mixed_model(*data)
    estimate, error = paired(*data)
    assert result.codes == ("slope_confounded",)
    assert (result.estimate, result.standard_error) == (
        pytest.approx(estimate),
        pytest.approx(error, rel=1e-4),
    )
    assert result.parts.item_arm is None
    # 2 residual / n is the variance of the mean difference.
    assert result.parts.residual == pytest.approx(error**2 * 30 / 2, rel=1e-3)


def test_a_random_intercept_alone_would_be_too_sure() -> None:
    # 200 items, 3 replicates: with an intercept alone sqrt(2 / 600) = .058, with items that vary by 1
    # sqrt((1 + 2 / 3) / 200) = .091.
    result = mixed_model(*simulate(12, items=200))
    assert result.standard_error > 1.3 * math.sqrt(2 * result.parts.residual / 600)


def test_identities() -> None:
    score, arm, item = simulate(13, items=12)
    first = mixed_model(score, arm, item)
    swapped = mixed_model(score, 1 - arm, item)
    assert swapped.estimate == pytest.approx(-first.estimate, abs=1e-6)
    moved, doubled = mixed_model(score + 100, arm, item), mixed_model(2 * score, arm, item)
    assert moved.estimate == pytest.approx(first.estimate, abs=1e-6)
    assert (doubled.estimate, doubled.standard_error) == (
        pytest.approx(2 * first.estimate, abs=1e-6),
        pytest.approx(2 * first.standard_error, rel=1e-6),
    )
    assert doubled.parts.item == pytest.approx(4 * first.parts.item, rel=1e-6)
    order = np.random.default_rng(1).permutation(score.size)
    shuffled = mixed_model(score[order], arm[order], [f"i{i}" for i in item[order]])
    assert shuffled.estimate == pytest.approx(first.estimate, abs=1e-6)
    assert shuffled.interval.low == pytest.approx(first.interval.low, abs=1e-4)


def test_a_nearly_deterministic_judge_never_raises() -> None:
    # All sevens but for a rating or two. Such fits fail or end on a boundary; each says so, and nothing warns.
    codes = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        item, arm = np.repeat(np.arange(20), 4), np.tile([0, 0, 1, 1], 20)
        score = np.where(rng.random(80) < (0.02, 0.05)[seed % 2], 8.0, 7.0)
        result = mixed_model(score, arm, item)
        codes += result.codes
        assert result.estimate is None or math.isfinite(result.estimate)
        if not result.converged:
            assert (result.interval.low, result.p_value, result.standard_error) == (None, None, None)
            assert set(result.codes) & {"not_converged", "no_spread"}
    assert {"boundary", "no_spread", "not_converged"} <= set(codes)


def test_a_failing_fit_is_reported(monkeypatch) -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    def fail(*args, **kwargs):
        raise np.linalg.LinAlgError("Singular matrix")

    data = simulate(14, items=6)
    monkeypatch.setattr(MixedLM, "fit", fail)
    result = mixed_model(*data)
    assert (result.estimate, result.interval.low, result.p_value, result.converged) == (
        None,
        None,
        None,
        False,
    )
    assert (result.codes, result.parts) == (("not_converged",), MixedParts())


def test_a_fit_that_stops_early_keeps_its_estimate_only(monkeypatch) -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    whole = MixedLM.fit

    def stop(self, **settings):
        return whole(self, **{**settings, "method": ["lbfgs"]}, maxiter=1)

    data = simulate(15, items=8)
    monkeypatch.setattr(MixedLM, "fit", stop)
    result = mixed_model(*data)
    assert result.codes == ("not_converged",)
    assert result.estimate is not None
    assert (result.standard_error, result.interval.low, result.p_value) == (None, None, None)


def test_degenerate() -> None:
    assert mixed_model([], [], []).codes == ("no_units",)
    assert mixed_model([1, 2], [0, 0], ["a", "b"]).codes == ("no_units",)
    assert mixed_model([1, 2, NAN], [0, 1, 1], ["a", "a", "b"]).codes == ("few_units",)
    assert mixed_model([5] * 8, [0, 1] * 4, np.repeat(range(4), 2)).codes == ("no_spread",)
    many = mixed_model(range(4002), [0, 1] * 2001, np.repeat(range(2001), 2))
    assert (many.codes, many.n_units) == (("too_many_items",), 2001)
    crossed = mixed_model(
        range(402), [0, 1] * 201, np.repeat(range(201), 2), np.repeat([0, 1, 2], 134), wordings="random"
    )
    assert crossed.codes == ("too_many_items",)
    full = mixed_model(
        range(1200), [0, 1] * 600, np.arange(1200) // 12, np.arange(1200) % 12 // 2, wordings="random"
    )
    assert full.codes == ("too_many_ratings",)
    assert mixed_model([1, 2, 4, 3, 5, 9], [0, 1] * 3, [0, 0, 1, 1, 2, 2], wordings="random").codes == (
        "one_wording",
    )
    # Wording v was only asked in the control.
    lacking = mixed_model([1, 2, 4, 3, 5, 9, 4], [0, 1] * 3 + [0], [0, 0, 1, 1, 2, 2, 2], list("uuuuuuv"))
    assert lacking.codes == ("wording_lacks_arm", "not_converged")
    # Items that agree to the last digit: a difference without any variance.
    exact = mixed_model([1, 2, 4, 5, 7, 8], [0, 1] * 3, [0, 0, 1, 1, 2, 2])
    assert exact.codes[-1] in {"boundary", "not_converged"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1, 2], [0], ["a", "a"]), "one arm for each"),
        (([1, 2], [0, 2], ["a", "a"]), "1 for the treatment"),
        (([1, math.inf], [0, 1], ["a", "a"]), "finite"),
        (([1, 2], [0, 1], ["a"]), "label"),
    ],
)
def test_wrong_input(arguments, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        mixed_model(*arguments)
    with pytest.raises(ValueError, match="level"):
        mixed_model([1], [0], ["a"], level=0)
