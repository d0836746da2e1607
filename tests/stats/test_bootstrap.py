"""Bootstrap intervals against the ideal bootstrap, all samples enumerated in R, and package boot (tests/r/bootstrap.R).

Ends are compared within four standard errors of a simulated quantile; bounds on these errors are worked out from the
density of the draws where they are used.
"""

import csv
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditor.stats import bootstrap
from auditor.stats.bootstrap import bca_interval, bootstrap_t_interval

MANY = 200_000 - 1
SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4]


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "bootstrap.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


@pytest.mark.parametrize("case", ["skewed", "normal", "whole"])
def test_studentised_against_all_samples(case: str) -> None:
    r = read(case)
    result, wide = (bootstrap_t_interval(r["d"], draws=MANY, level=level, seed=1) for level in (0.95, 0.8))
    width = r["t95"][1] - r["t95"][0]
    # The share below an end has the standard error sqrt(.025 * .975 / 200,000) = .00035. Between the ends for .8 and
    # .95 the share moves by .075 over the length of a tail, so an end by .0047 of that; four times, and the steeper
    # outer part doubled, is .04 of it.
    for end in (0, 1):
        tail = abs(r["t95"][end] - r["t80"][end])
        assert [result.interval.low, result.interval.high][end] == pytest.approx(
            r["t95"][end], abs=0.04 * tail
        )
        assert [wide.interval.low, wide.interval.high][end] == pytest.approx(r["t80"][end], abs=0.04 * width)
    error = 2 * math.sqrt(r["p"][0] / 2 * (1 - r["p"][0] / 2) / MANY)
    assert result.p_value == pytest.approx(r["p"][0], abs=4 * error + 2 / MANY)
    assert result.degenerate / MANY == pytest.approx(
        r["flat"][0], abs=4 * math.sqrt(r["flat"][0] / MANY) + 1 / MANY
    )


@pytest.mark.parametrize("case", ["skewed", "normal", "whole"])
def test_bca_against_all_samples(case: str) -> None:
    r = read(case)
    result = bca_interval(r["d"], draws=MANY, seed=1)
    # z_0 is a normal quantile near 0: its error is sqrt(.25 / 200,000) / .399 = .0028.
    assert result.bias == pytest.approx(r["bias"][0], abs=4 * 0.0028)
    assert result.acceleration == pytest.approx(r["acceleration"][0], abs=1e-12)
    # z_0 counts twice in the share of an end, so it moves by .0056 of a standard error; four times, and the spacing
    # of a discrete mean (1 / n) once.
    se, grain = np.std(r["d"]) / math.sqrt(len(r["d"])), 1 / len(r["d"]) if case == "whole" else 0.005
    assert [result.interval.low, result.interval.high] == pytest.approx(
        r["bca95"], abs=4 * 0.0056 * se + grain
    )
    assert result.p_value is None


def test_package_boot() -> None:
    # 200,000 draws on either side, ends in steps of .01 (the mean of ten decimals) for BCa.
    r = read("sleep")
    t, bca = bootstrap_t_interval(SLEEP, draws=MANY, seed=2), bca_interval(SLEEP, draws=MANY, seed=2)
    assert [t.interval.low, t.interval.high] == pytest.approx(r["t95"], abs=0.02)
    assert [bca.interval.low, bca.interval.high] == pytest.approx(r["bca95"], abs=0.0201)
    # Oracle sleep_bca, tolerance .02.
    assert [bca.interval.low, bca.interval.high] == pytest.approx([1.05, 2.64], abs=0.0201)


def test_scipy_has_the_same_bca() -> None:
    values = np.random.default_rng(3).exponential(size=40)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=50_000, method="BCa", random_state=5)
    ours = bca_interval(values, draws=50_000, seed=5)
    # Two simulations of ends that each move by about 4 * .0112 / 2 of a standard error (50,000 draws).
    slack = 0.05 * values.std() / math.sqrt(40)
    assert [ours.interval.low, ours.interval.high] == pytest.approx(
        list(theirs.confidence_interval), abs=slack
    )


values_of = st.lists(st.integers(-6, 6), min_size=2, max_size=12)


@settings(max_examples=60)
@given(values_of, st.sampled_from([0.95, 0.9, 0.5]), st.sampled_from([999, 1000, 2000]))
def test_zero_lies_outside_if_and_only_if_p_is_small(values: list[int], level: float, draws: int) -> None:
    result = bootstrap_t_interval(values, level=level, draws=draws)
    if result.interval.known:
        assert result.interval.excludes_zero() == (result.p_value <= 1 - level + 1e-12)


@settings(max_examples=60)
@given(values_of, st.integers(0, 3))
def test_swapped_moved_and_doubled(values: list[int], seed: int) -> None:
    array = np.array(values, dtype=float)
    for method in (bootstrap_t_interval, bca_interval):
        one, swapped, moved, doubled = (
            method(x, draws=500, seed=seed) for x in (array, -array, array + 100, 2 * array)
        )
        assert one.interval.known == swapped.interval.known == doubled.interval.known
        if one.interval.known:
            ends = np.array([one.interval.low, one.interval.high])
            assert [-swapped.interval.high, -swapped.interval.low] == pytest.approx(ends, abs=1e-9)
            assert [doubled.interval.low, doubled.interval.high] == pytest.approx(2 * ends, abs=1e-9)
            assert [moved.interval.low, moved.interval.high] == pytest.approx(ends + 100, abs=1e-9)
        assert one.p_value == swapped.p_value == doubled.p_value


@settings(max_examples=60)
@given(st.lists(st.integers(-2, 3), min_size=4, max_size=8), st.sampled_from([1 / 3, 0.1, 7.7]))
def test_ties_do_not_depend_on_rounding(values: list[int], factor: float) -> None:
    # Of so few whole numbers many draws have the t of the sample itself, and all of them count.
    one, other = (bootstrap_t_interval(x, draws=500) for x in (values, np.array(values) * factor))
    assert one.p_value == other.p_value
    assert one.interval.excludes_zero() == other.interval.excludes_zero()


def test_a_seed_is_a_result() -> None:
    assert bootstrap_t_interval(SLEEP, seed=1) == bootstrap_t_interval(SLEEP, seed=1)
    assert bootstrap_t_interval(SLEEP, seed=1) != bootstrap_t_interval(SLEEP, seed=2)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bca_interval(SLEEP, draws=1000)
    monkeypatch.setattr(bootstrap, "_CHUNK_CELLS", 1)
    assert bca_interval(SLEEP, draws=1000).interval == whole.interval


def test_draws_without_spread_are_evidence_of_nothing() -> None:
    # One of 30 units differs: a draw leaves it out with the chance (29/30)^30 = .362, and has no spread then.
    result = bootstrap_t_interval([1] + [0] * 29, draws=10_000)
    assert result.degenerate / 10_000 == pytest.approx(
        (29 / 30) ** 30, abs=4 * math.sqrt(0.362 * 0.638 / 10_000)
    )
    assert not result.interval.known
    assert {"unbounded", "few_moving"} <= set(result.codes)
    assert result.p_value > 0.05
    # Of two units half the draws are one of them twice: t* is infinite on either side in a quarter each.
    pair = bootstrap_t_interval([1, 3], draws=9_999)
    assert pair.degenerate / 9_999 == pytest.approx(0.5, abs=4 * 0.005)
    assert pair.p_value == pytest.approx(0.5, abs=8 * math.sqrt(0.25 * 0.75 / 9_999))
    assert {"unbounded", "few_units"} <= set(pair.codes)


def test_a_draw_of_the_mean_itself_has_t_zero() -> None:
    # A draw of nothing but zeros has the mean of the sample and no spread: its t* is 0 and not infinite.
    values = np.array([1.0, 0.0, -1.0])
    t_draws, degenerate = bootstrap._t_draws(values, 5_000, 0)
    # Of 27 equally likely draws three hold one unit thrice, and one of these is the zero.
    assert degenerate / 5_000 == pytest.approx(3 / 27, abs=4 * math.sqrt(1 / 9 * 8 / 9 / 5_000))
    infinite = np.count_nonzero(np.isinf(t_draws))
    assert infinite / 5_000 == pytest.approx(2 / 27, abs=4 * math.sqrt(2 / 27 / 5_000))
    assert not np.any(np.isnan(t_draws))


@pytest.mark.parametrize("method", [bootstrap_t_interval, bca_interval])
def test_degenerate_inputs(method) -> None:
    cases = {
        "no_units": ([], None, None),
        "one_unit": ([2], 2.0, None),
        "no_spread": ([0.1 + 0.2, 0.3, 0.3], 0.3, None),
        "no_differences": ([0, 0, 0, 0], 0.0, 1.0),
    }
    for code, (values, estimate, p_value) in cases.items():
        result = method(values)
        assert result.codes == (code,)
        assert result.estimate == pytest.approx(estimate)
        assert not result.interval.known
        assert result.p_value == (p_value if method is bootstrap_t_interval else None)
    huge = method([1e99, -1e99, 1e98, 5e98])
    assert math.isfinite(huge.interval.low)


def test_few_draws() -> None:
    # (19 + 1) * .025 is half a draw: no end. Of 199 draws 5 lie beyond an end, and that is said.
    for draws, known in ((19, False), (199, True)):
        result = bootstrap_t_interval(range(30), draws=draws)
        assert (result.interval.known, "few_draws" in result.codes) == (known, True)
    assert "few_draws" in bca_interval(range(30), draws=100).codes
    assert "few_draws" not in bca_interval(range(30)).codes
    assert bca_interval([1, 2, 9], draws=1, level=0.999).interval.known  # z_0 is kept finite


@pytest.mark.parametrize("method", [bootstrap_t_interval, bca_interval])
@pytest.mark.parametrize("wrong", [{"level": 1}, {"draws": 0}])
def test_wrong_settings_are_refused(method, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"level|draw"):
        method([1, 2], **wrong)
    with pytest.raises(ValueError, match="finite"):
        method([1, float("nan")])


def test_coverage_of_a_skewed_mean() -> None:
    # 600 samples of 20 exponential units. 99.9 % band at .95: .921 to .979. The t interval is known to cover about
    # .92 here and BCa .91; the studentised bootstrap is near its level (Hall 1988, Ann. Stat. 16:927).
    rng = np.random.default_rng(2025)
    low, high = stats.binom.ppf([0.0005, 0.9995], 600, 0.95) / 600
    samples = rng.exponential(size=(600, 20))
    results = [bootstrap_t_interval(row - 1, draws=999, seed=i) for i, row in enumerate(samples)]
    covered = np.mean([not result.interval.excludes_zero() for result in results])
    assert low <= covered <= high
    assert covered == np.mean([result.p_value > 0.05 for result in results])


def test_speed() -> None:
    values = np.random.default_rng(0).integers(-5, 6, 2_000)
    start = time.process_time()
    bootstrap_t_interval(values)
    bca_interval(values)
    assert time.process_time() - start < 5
