"""The fit of the proportional-odds model against ordinal::clm (tests/r/ordinal.R) and statsmodels."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from statsmodels.miscmodels.ordinal_model import OrderedModel

from auditor.stats import cumulative_logit
from auditor.stats.cumulative_logit import fit_tables

# clm was asked for a gradient below 1e-12.
CLM = 1e-7


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "ordinal.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def table(score, arm) -> np.ndarray:
    _, codes = np.unique(score, return_inverse=True)
    counts = np.zeros((2, codes.max() + 1))
    np.add.at(counts, (np.asarray(arm, dtype=int), codes), 1)
    return counts


@pytest.mark.parametrize("case", ["five", "wide", "apart", "fine"])
def test_against_clm(case) -> None:
    r = read(case)
    fit = fit_tables([table(r["score"], r["arm"])])
    assert fit.converged.tolist() == [True]
    assert fit.estimates[0] == pytest.approx(r["estimate"][0], abs=CLM)
    assert fit.thresholds[0] == pytest.approx(r["thresholds"], abs=CLM)


def test_against_statsmodels() -> None:
    r = read("five")
    model = OrderedModel(np.array(r["score"]).astype(int), np.array(r["arm"])[:, None], distr="logit")
    expected = model.fit(method="bfgs", disp=False, gtol=1e-8).params[0]
    assert fit_tables([table(r["score"], r["arm"])]).estimates[0] == pytest.approx(expected, abs=1e-5)


def test_two_scores_by_hand() -> None:
    # A table of two by two: the log odds ratio, and the threshold log(7 / 3) is that of the control.
    fit = fit_tables([[[7, 3], [2, 8]]])
    assert fit.estimates[0] == pytest.approx(math.log(8 / 2 * 7 / 3), rel=1e-9)
    assert fit.thresholds[0, 0] == pytest.approx(math.log(7 / 3), rel=1e-9)


def test_scores_that_do_not_occur_are_left_out() -> None:
    tables = np.array([[[0, 5, 0, 4, 2, 0], [0, 2, 0, 3, 6, 0]], [[3, 5, 1, 4, 2, 2], [1, 2, 3, 3, 6, 0]]])
    both = fit_tables(tables)
    alone = fit_tables(tables[:1, :, [1, 3, 4]]), fit_tables(tables[1:])
    assert both.estimates == pytest.approx([fit.estimates[0] for fit in alone], rel=1e-9)
    assert both.thresholds[0, :2] == pytest.approx(alone[0].thresholds[0], rel=1e-9)
    assert np.isnan(both.thresholds[0, 2:]).all()


@pytest.mark.parametrize(
    ("control", "treatment", "estimate"),
    [
        ([3, 1, 0], [0, 1, 3], math.inf),  # they share a score, and do not cross
        ([0, 0, 2], [1, 1, 1], -math.inf),
        ([2, 0, 0], [0, 0, 2], math.inf),
        ([0, 2, 0], [0, 3, 0], math.nan),
        ([0, 0, 0], [1, 2, 0], math.nan),
        ([1, 2, 1], [1, 2, 1], 0.0),
        ([1, 0, 1], [0, 5, 0], 0.0),
    ],
)
def test_where_there_is_no_finite_estimate(control, treatment, estimate) -> None:
    fit = fit_tables([[control, treatment]])
    assert fit.estimates[0] == pytest.approx(estimate, nan_ok=True, abs=1e-9)
    assert fit.converged[0] == math.isfinite(estimate)


tables = st.integers(2, 6).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 6), min_size=k, max_size=k), min_size=2, max_size=2)
)


def negative_likelihood(parameters: np.ndarray, counts: np.ndarray) -> float:
    """Written as in the textbook, with thresholds by their gaps."""
    theta = np.concatenate([parameters[:1], parameters[0] + np.cumsum(np.exp(parameters[1:-1]))])
    upper = np.vstack([np.append(special.expit(theta - parameters[-1] * arm), 1.0) for arm in (0, 1)])
    shares = np.diff(upper, axis=1, prepend=0.0)
    return float(-np.sum(counts * np.log(np.maximum(shares, 1e-300))))


@given(tables)
@settings(max_examples=60, deadline=None)
def test_it_is_the_maximum(counts) -> None:
    counts = np.array(counts, dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return
    fit = fit_tables([counts])
    if not fit.converged[0]:
        assert not math.isfinite(fit.estimates[0])
        return
    theta = fit.thresholds[0]
    packed = np.concatenate([theta[:1], np.log(np.diff(theta)), fit.estimates])
    value = negative_likelihood(packed, counts)
    gradient = optimize.approx_fprime(packed, negative_likelihood, 1e-6, counts)
    assert np.abs(gradient).max() < 1e-3
    for shift in np.random.default_rng(0).normal(0, 0.3, (20, packed.size)):
        assert negative_likelihood(packed + shift, counts) >= value - 1e-9


@given(tables, st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_identities(counts, factor) -> None:
    counts = np.array(counts, dtype=float)
    many = np.array([counts, counts[::-1], counts[:, ::-1], factor * counts])
    first, swapped, turned, more = fit_tables(many).estimates
    assert swapped == pytest.approx(-first, nan_ok=True, abs=1e-7)
    assert turned == pytest.approx(-first, nan_ok=True, abs=1e-7)
    assert more == pytest.approx(first, nan_ok=True, abs=1e-7)


def test_hard_tables_converge() -> None:
    # Arms far apart with a few crossing pairs, and counts over seven orders of magnitude: whole steps of Newton's
    # method leave the numbers that a computer has on most of these.
    tables = [
        [[1, 376, 361561], [3346, 0, 36]],
        [[38, 1, 292], [6455681, 5901, 352]],
        [[11, 3827472, 47], [24064, 73, 0]],
        [[22545, 763124, 2589], [0, 9, 7820]],
        [[1, 0, 1], [0, 10**6, 0]],
    ]
    fit = fit_tables(tables)
    assert fit.converged.all()
    # So far out that rounding would turn the step of beta round.
    assert fit_tables([[[0, 0, 14, 19259912], [884026842105, 1, 34, 57509105815]]]).converged.all()
    for counts, estimate, theta in zip(tables, fit.estimates, fit.thresholds, strict=True):
        # The score of beta: sum of n (1 - F(b) - F(a)) over treatments is zero at the maximum.
        bounds = np.concatenate([[-math.inf], theta - estimate, [math.inf]])
        terms = np.array(counts[1]) * (1 - special.expit(bounds[1:]) - special.expit(bounds[:-1]))
        assert abs(terms.sum()) < 1e-6 * np.abs(terms).sum() + 1e-6


def test_random_tables_converge() -> None:
    rng = np.random.default_rng(9)
    for scores in (3, 5, 11, 101):
        rates = np.exp(rng.uniform(-2, 4, (300, 2, 1)) - rng.uniform(0, 4, (300, 2, scores)))
        counts = rng.poisson(rates)
        fit = fit_tables(counts)
        assert np.all(fit.converged == np.isfinite(fit.estimates))
        seen = counts > 0
        last = np.arange(scores)
        lows, highs = np.where(seen, last, scores).min(axis=2), np.where(seen, last, -1).max(axis=2)
        crossing = (highs[:, 0] > lows[:, 1]) & (highs[:, 1] > lows[:, 0])
        assert np.all(fit.converged == crossing)


def test_a_fit_that_does_not_end_is_no_fit(monkeypatch) -> None:
    monkeypatch.setattr(cumulative_logit, "_STEPS", 1)
    fit = fit_tables([[[9, 3, 1], [1, 4, 9]]])
    assert np.isnan(fit.estimates[0])
    assert (fit.converged.tolist(), np.isnan(fit.thresholds).all()) == ([False], True)
