"""The core against values that it did not compute.

Inputs and expected values come from R 4.2.2 (with coin 1.4.2, exactRankTests 0.8.35 and pwr 1.3.0) or from
enumeration in R; each case says which. No printed table was consulted, and some inputs were typed from memory
(noted where so): the values are right for the inputs given here, whether or not those are the historic ones.

Tolerances: exact p-values are dyadic rationals and are compared exactly (EXACT = 0) where the number of patterns is
small; values that passed through R's t, normal or noncentral t functions are compared at a relative 1e-6, the
tolerance stated with them; binomial tails agree to 1e-12 and are compared at 1e-9.
"""

import math

import numpy as np
import pytest

from auditor.stats.effects import effect_sizes
from auditor.stats.intervals import equivalence_test, mean_interval, wilson_interval
from auditor.stats.mcnemar import mcnemar
from auditor.stats.multiplicity import adjust
from auditor.stats.power import detectable_effect, superiority_power
from auditor.stats.signflip import sign_flip_test

R = 1e-6
BINOMIAL = 1e-9

# R datasets::sleep (Cushny and Peebles; Student 1908): extra hours, drug 2 minus drug 1.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4]
# Darwin (1876), as in Fisher (1935), section 21: crossed minus self-fertilised maize; typed from memory.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Invented: zeros and ties.
TIED = [0, 0, 0, 1, 1, 1, 2, -1, 3, 0, 2, -1, 1, 4, 0, 1, -2, 0, 1, 2]


def test_sleep_t_interval() -> None:
    # t.test(d) of R 4.2.2: t = 4.06212768338204 on 9 degrees of freedom.
    result = mean_interval(SLEEP)
    assert result.estimate == pytest.approx(1.58, rel=1e-12)
    assert result.interval.low == pytest.approx(0.700114236723018, rel=R)
    assert result.interval.high == pytest.approx(2.45988576327698, rel=R)
    assert result.sd is not None
    assert result.estimate / (result.sd / math.sqrt(10)) == pytest.approx(4.06212768338204, rel=R)


def test_sleep_effect_size() -> None:
    assert effect_sizes(SLEEP, np.zeros(10)).d_z == pytest.approx(1.28455756259105, rel=R)  # mean / sd in R


def test_sleep_sign_flips_do_not_lose_ties_to_rounding() -> None:
    # 4 of 1024 patterns, enumerated in R on 10 d. exactRankTests::perm.test on unrounded 10 d says .0117: it cuts
    # 23.999999999999996 to 23.
    result = sign_flip_test(SLEEP)
    assert (result.p_value, result.method) == (0.00390625, "exact")
    assert sign_flip_test([round(10 * d) for d in SLEEP]).p_value == 0.00390625


def test_darwins_maize() -> None:
    # Enumerated in R: 863 of 32768 arrangements on one side, 1726 on both.
    both, one = sign_flip_test(DARWIN), sign_flip_test(DARWIN, alternative="greater")
    assert (both.p_value, one.p_value, both.statistic) == (0.05267333984375, 0.026336669921875, 314.0)
    interval = mean_interval(
        DARWIN
    ).interval  # t.test: t = 2.14798746133112, p = .0497 where the exact p is .0527
    assert interval.low == pytest.approx(0.0311933183929742, rel=R)
    assert interval.high == pytest.approx(41.8354733482737, rel=R)


def test_zeros_and_ties() -> None:
    assert sign_flip_test(TIED).p_value == 0.0399169921875  # the permutation p of the mean, enumerated in R


def test_mcnemar() -> None:
    # The cells of R's ?mcnemar.test (Agresti), typed from memory; binom.test and its mid-p in R.
    result = mcnemar(150, 86)
    assert result.p_exact == pytest.approx(3.71593613957143e-05, rel=BINOMIAL)
    assert result.p_mid == pytest.approx(2.89338951761547e-05, rel=BINOMIAL)
    assert sign_flip_test([1] * 150 + [-1] * 86).p_value == pytest.approx(3.71593613957143e-05, rel=BINOMIAL)


@pytest.mark.parametrize(
    ("effect", "power", "n"),
    [(0.2, 0.8, 198.150821655189), (0.5, 0.8, 33.3671291390766)],  # pwr::pwr.t.test(type = "paired")
)
def test_smallest_n_for_a_power(effect: float, power: float, n: float) -> None:
    assert (
        superiority_power(math.floor(n), effect, 1.0) < power <= superiority_power(math.ceil(n), effect, 1.0)
    )


def test_power_and_detectable_effect() -> None:
    # pwr::pwr.t.test(type = "paired").
    assert superiority_power(34, 0.5, 1.0) == pytest.approx(0.80777750127944, rel=R)
    # pwr solves for d by uniroot with its default tolerance of eps^.25 = 1.22e-4, so no more of its .282900521781852
    # can be asked for: the power there is .79997.
    effect = detectable_effect(100, 1.0)
    assert effect == pytest.approx(0.282900521781852, abs=1.23e-4)
    assert superiority_power(100, effect, 1.0) == pytest.approx(0.8, abs=1e-9)


# Fifteen endpoints in Benjamini and Hochberg (1995), typed from memory; R's p.adjust.
P = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.324,
    0.4262,
    0.5719,
    0.6528,
    0.759,
    1,
]
HOLM = [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1, 1, 1, 1, 1, 1]
BH = [
    0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571428571429, 0.0638571428571429, 0.0645, 0.0765, 0.486,
    0.581181818181818, 0.714875, 0.753230769230769, 0.813214285714286, 1,
]  # fmt: skip


def test_adjusted_p_values() -> None:
    order = [7, 0, 14, 3, 9, 1, 12, 5, 2, 8, 11, 4, 13, 6, 10]  # the answer may not depend on the order
    for method, expected in (("holm", HOLM), ("bh", BH)):
        assert adjust(P, method) == pytest.approx(expected, rel=R)
        shuffled = adjust([P[i] for i in order], method)
        assert shuffled == pytest.approx([expected[i] for i in order], rel=R)


def test_two_one_sided_tests() -> None:
    # R pt() on sleep with a margin of 2.
    result = equivalence_test(SLEEP, 2.0)
    assert result.p_lower == pytest.approx(3.55234415924769e-06, rel=R)
    assert result.p_upper == pytest.approx(0.154157235669097, rel=R)
    assert result.p_value == result.p_upper
    assert result.interval.low == pytest.approx(0.866994732970716, rel=R)
    assert result.interval.high == pytest.approx(2.29300526702928, rel=R)
    assert result.equivalent is False
    assert equivalence_test(SLEEP, 2.2931).equivalent is True  # the interval ends at 2.29301
    assert equivalence_test(SLEEP, 2.2930).equivalent is False


def test_wilson() -> None:
    interval = wilson_interval(15, 148)  # prop.test(15, 148, correct = FALSE)
    assert interval.low == pytest.approx(0.0623863995307363, rel=R)
    assert interval.high == pytest.approx(0.160487241723308, rel=R)
