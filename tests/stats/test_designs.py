"""The variance of the mean under a design, by arithmetic and by simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest

from auditor.stats.components import variance_components
from auditor.stats.designs import Design, variance_of_mean

KNOWN = variance_components([0.0], ["a"], ["u"])
KNOWN = replace(KNOWN, item=0.4, wording=0.1, interaction=0.2, replicate=2.0)


def test_variance_of_the_mean_by_hand() -> None:
    # .4 / 40 + .1 / 5 + .2 / 200 + 2 / 400 = .01 + .02 + .001 + .005
    shares = variance_of_mean(KNOWN, Design(40, 5, 5, 2), "wordings like these")
    assert shares == pytest.approx((0.01, 0.02, 0.001, 0.005))
    assert variance_of_mean(KNOWN, Design(40, 5, 5, 2), "these wordings").wording == 0


def test_parts_that_are_not_known_count_as_nothing() -> None:
    shares = variance_of_mean(replace(KNOWN, wording=None), Design(40, 5, 5, 2), "wordings like these")
    assert shares == pytest.approx((0.01, 0, 0.001, 0.005))


def test_designs_grow() -> None:
    crossed, single = Design(10, 3, 3, 2), Design(10, 3, 1, 2)
    assert (crossed.calls, single.calls) == (120, 40)
    assert crossed.plus("wordings") == (10, 4, 4, 2)
    assert single.plus("wordings") == (10, 4, 1, 2)
    assert single.plus("items", 0.5) == (10.5, 3, 1, 2)
    assert (crossed.crossed, single.crossed) == (True, False)


def test_the_variance_is_that_of_simulated_means() -> None:
    # 12 items in two of four wordings each (every wording six times), three replicates; 20,000 studies: the variance
    # of their means has a relative standard error of sqrt(2 / 20000) = .01, and 3.29 of them are allowed.
    rng = np.random.default_rng(8)
    wording = np.array([[i % 4, (i + 1) % 4] for i in range(12)])
    runs = 20_000
    means = rng.normal(0, math.sqrt(0.4 / 12), runs)
    means += rng.normal(0, math.sqrt(0.1), (runs, 4))[:, wording.ravel()].mean(axis=1)
    means += rng.normal(0, math.sqrt(0.2), (runs, 24)).mean(axis=1)
    means += rng.normal(0, math.sqrt(2.0), (runs, 72)).mean(axis=1)
    expected = sum(variance_of_mean(KNOWN, Design(12, 4, 2, 3), "wordings like these"))
    assert means.var(ddof=1) == pytest.approx(expected, rel=0.033)
