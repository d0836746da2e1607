"""The e-process for symmetry: by hand, by enumeration of all signs, by simulation, and by identities."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.stats.eprocess import GRID, e_process

numbers = st.lists(st.integers(-30, 30), min_size=1, max_size=40)


def test_two_units_by_hand() -> None:
    # lambda = 1, spread 1, D = (1, -2): s(2) = .880797, s(-4) = .017986.
    # Upward 2 (.880797) * 2 (.017986) = .063369, downward 2 (.119203) * 2 (.982014) = .468237.
    # E_1 = 2 (.880797 + .119203) / 2 = 1, E_2 = (.063369 + .468237) / 2 = .265803.
    result = e_process([1, -2], spread=1.0, grid=[1.0])
    assert np.exp(result.log_evidence) == pytest.approx([1.0, 0.265803], abs=2e-6)
    assert result.p_values == pytest.approx([1.0, 1.0])
    assert result.direction == -1
    # Three times +1: E_3 = (1.761594^3 + .238406^3) / 2 = (5.466602 + .013550) / 2 = 2.740076.
    up = e_process([1, 1, 1], spread=1.0, grid=[1.0])
    assert np.exp(up.log_evidence[-1]) == pytest.approx(2.740076, abs=5e-6)
    assert up.p_value == pytest.approx(1 / 2.740076, abs=1e-6)
    assert up.direction == 1


def test_the_grid_is_averaged() -> None:
    data = [2, 3, -1, 4]
    single = [np.exp(e_process(data, spread=2.0, grid=[step]).log_evidence) for step in GRID]
    assert np.exp(e_process(data, spread=2.0).log_evidence) == pytest.approx(
        np.mean(single, axis=0), rel=1e-12
    )
    # The running root mean square of (2, 3, -1, 4) is 2, sqrt(6.5), sqrt(14 / 3), sqrt(7.5).
    scaled = np.array(data) / np.sqrt([4, 6.5, 14 / 3, 7.5])
    assert e_process(data).log_evidence == pytest.approx(
        e_process(scaled, spread=1.0).log_evidence, rel=1e-12
    )


@pytest.mark.parametrize("spread", [None, 0.3, 4.0])
def test_fair_over_all_signs(spread: float | None) -> None:
    # Given the sizes, the mean of E_t over the 2^7 sign patterns is exactly 1 at every t, and the share of patterns whose
    # E ever reaches 1 / alpha is at most alpha.
    sizes = np.array([3, 0, 1, 7, 2, 5, 5])
    paths = [
        e_process(sizes * np.array(signs), spread=spread) for signs in itertools.product((-1, 1), repeat=7)
    ]
    assert np.mean([np.exp(path.log_evidence) for path in paths], axis=0) == pytest.approx(
        np.ones(7), rel=1e-12
    )
    for alpha in (0.02, 0.05, 0.2, 0.5):
        assert np.mean([path.p_value <= alpha for path in paths]) <= alpha


@settings(max_examples=80, deadline=None)
@given(data=numbers, factor=st.sampled_from([2.0, 0.1, 1e6]), zeros=st.integers(1, 5))
def test_identities(data: list[int], factor: float, zeros: int) -> None:
    values = np.array(data, dtype=float)
    ahead = e_process(values)
    turned, scaled = e_process(-values), e_process(values * factor)
    assert turned.log_evidence == pytest.approx(ahead.log_evidence, rel=1e-9, abs=1e-9)
    assert turned.direction == -ahead.direction
    assert scaled.log_evidence == pytest.approx(ahead.log_evidence, rel=1e-9, abs=1e-9)
    fixed = e_process(values, spread=4.0)
    assert e_process(values * factor, spread=4.0 * factor).log_evidence == pytest.approx(
        fixed.log_evidence, rel=1e-9, abs=1e-9
    )
    # What comes later does not change what was; zeros are no evidence.
    longer = e_process(np.r_[values, np.zeros(zeros)], spread=4.0)
    assert longer.log_evidence[: len(data)] == pytest.approx(fixed.log_evidence, rel=1e-12, abs=1e-12)
    assert longer.log_evidence[-1] == pytest.approx(fixed.log_evidence[-1], rel=1e-12, abs=1e-12)
    assert np.all(np.diff(ahead.p_values) <= 0)
    assert ahead.p_values.max() <= 1
    if ahead.stopped_at is not None:
        assert ahead.p_values[ahead.stopped_at - 1] <= 0.05
        assert ahead.stopped_at == 1 or ahead.p_values[ahead.stopped_at - 2] > 0.05


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.integers(-9, 15), min_size=6, max_size=40), shift=st.integers(-20, 20))
def test_the_interval_moves_and_turns_with_the_data(data: list[int], shift: int) -> None:
    values = np.array(data, dtype=float)
    here, there, back = (e_process(v, spread=5.0).interval for v in (values, values + shift, -values))
    for end, moved, turned in ((here.low, there.low, back.high), (here.high, there.high, back.low)):
        assert (end is None) == (moved is None) == (turned is None)
        if end is not None:
            assert moved == pytest.approx(end + shift, abs=1e-8)
            assert turned == pytest.approx(-end, abs=1e-8)
    # It is the inversion of the test: just inside, the shifted data are not rejected by that side.
    result = e_process(values, spread=5.0)
    if result.interval.excludes_zero():
        assert result.p_value <= 0.05


def test_the_interval_is_the_set_of_shifts_that_stand() -> None:
    data = np.random.default_rng(5).normal(2, 3, 60)
    interval = e_process(data, spread=3.0).interval
    assert interval.low is not None
    assert interval.high is not None

    def rejected(shift: float, sign: int) -> bool:
        stakes = np.cumsum(np.log(2 / (1 + np.exp(-2 * sign * np.outer(GRID, data - shift) / 3.0))), axis=1)
        return float(np.exp(stakes).mean(axis=0).max()) >= 2 / 0.05

    assert rejected(interval.low - 1e-6, 1)
    assert not rejected(interval.low + 1e-6, 1)
    assert rejected(interval.high + 1e-6, -1)
    assert not rejected(interval.high - 1e-6, -1)
    # More units never widen it.
    widths = [e_process(data[:n], spread=3.0).interval for n in (10, 20, 40, 60)]
    assert all(a.low <= b.low and b.high <= a.high for a, b in itertools.pairwise(widths))


def test_the_confidence_sequence_covers_at_every_time() -> None:
    # 400 studies; an interval that once missed the centre misses it at the end, since they only shrink. Band to .0859.
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(400):
        interval = e_process(rng.normal(0.7, 2, 150), spread=2.0).interval
        missed += not interval.low <= 0.7 <= interval.high
    assert missed / 400 <= 0.05 + 3.29 * math.sqrt(0.05 * 0.95 / 400)


# The project's reference simulation, rejection rate and mean units of 200; 300 to 2,000 runs, counted as 300.
REFERENCE = {0.0: (0.029, 196), 0.22: (0.613, 142), 0.44: (0.999, 51), 0.88: (1.0, 18)}


@pytest.mark.parametrize("effect", REFERENCE)
@pytest.mark.parametrize("spread", [None, 1.0])
def test_the_reference_table(effect: float, spread: float | None) -> None:
    runs = 600
    draws = np.random.default_rng(50).normal(effect, 1, (runs, 200))
    stops = [e_process(row[:200], spread=spread).stopped_at for row in draws]
    rejected = np.array([stop is not None for stop in stops])
    used = np.array([stop or 200 for stop in stops])
    rate, units = REFERENCE[effect]
    noise = 3.29 * math.sqrt(1 / runs + 1 / 300)
    middle = (rejected.mean() + rate) / 2
    assert abs(rejected.mean() - rate) <= noise * math.sqrt(middle * (1 - middle)) + 1e-9
    assert abs(used.mean() - units) <= noise * used.std() + 0.5
    if effect == 0:
        assert rejected.mean() <= 0.05


def test_whole_numbers_and_skewness() -> None:
    # Rounded scores keep the error: 600 studies of whole differences, many of them zero.
    rng = np.random.default_rng(51)
    rejected = np.mean([e_process(np.rint(rng.normal(0, 0.7, 200))).p_value <= 0.05 for _ in range(600)])
    assert rejected <= 0.05
    # Skewed differences with mean zero are not symmetric; the docstring's 14 % (99.9 % band for 600 runs, +- .047).
    skewed = np.mean([e_process(rng.exponential(1, 200) - 1).p_value <= 0.05 for _ in range(600)])
    assert abs(skewed - 0.14) < 0.047


def test_long_and_extreme_paths() -> None:
    result = e_process(np.ones(5000))
    assert 0 <= result.p_value < 1e-300  # E is beyond the floats; its logarithm is not
    assert math.isfinite(result.log_evidence[-1])
    huge = e_process([1e100] * 30, spread=1e-90)
    assert huge.log_evidence[-1] == pytest.approx(29 * math.log(2), rel=1e-9)  # 2^30 on one side of two
    tiny = e_process([1e-300, 2e-300, -1e-300])
    assert tiny.log_evidence == pytest.approx(e_process([1, 2, -1]).log_evidence, rel=1e-9)


def test_degenerate_inputs() -> None:
    nothing = e_process([], spread=1.0)
    assert (nothing.estimate, nothing.p_value, nothing.n_units, nothing.codes) == (
        None,
        1.0,
        0,
        ("no_units",),
    )
    assert nothing.log_evidence.shape == (0,)
    one = e_process([5])
    assert (one.p_value, one.stopped_at, one.interval.known) == (pytest.approx(1.0), None, False)
    zeros = e_process([0] * 30, spread=2.0)
    assert (zeros.p_value, zeros.direction, zeros.estimate) == (1.0, 0, 0.0)
    assert zeros.codes == ("no_differences",)
    assert zeros.interval.low == pytest.approx(-zeros.interval.high)
    late = e_process([0, 0, 3, -3])  # zeros first: nothing to bet on yet
    assert late.log_evidence[:2].tolist() == [0.0, 0.0]
    # 2^5 = 32 is below 2 / .05 = 40: five units can show nothing of an interval, six can.
    assert not e_process([3] * 5, spread=1.0).interval.known
    assert e_process([3] * 6, spread=1.0).interval.known
    with pytest.raises(ValueError, match="read-only"):
        zeros.log_evidence[0] = 1.0


def test_errors() -> None:
    for bad in ([1, math.nan], [math.inf], [[1, 2]]):
        with pytest.raises(ValueError, match="finite"):
            e_process(bad)
    for spread in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="spread"):
            e_process([1], spread=spread)
    for grid in ([], [0.0], [-1, 1], [math.inf]):
        with pytest.raises(ValueError, match="grid"):
            e_process([1], grid=grid)
    for alpha in (0, 1, math.nan):
        with pytest.raises(ValueError, match="alpha"):
            e_process([1], alpha=alpha)
