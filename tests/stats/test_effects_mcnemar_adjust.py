"""Effect sizes, McNemar's test and adjusted p-values by hand.

Binomial sums are exact integers over powers of two: compared at 1e-12.
"""

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from auditor.stats.effects import effect_sizes
from auditor.stats.mcnemar import mcnemar
from auditor.stats.multiplicity import adjust


def test_effect_sizes_by_hand() -> None:
    # D = 1, 3, 2, 2: mean 2, variance 2/3. Treatment 3, 5, 6, 6: mean 5, variance 2; control 2, 2, 4, 4: mean 3,
    # variance 4/3: root mean square sqrt(5/3). Hedges: 1 - 3 / (4 * 3 - 1) = 8/11.
    sizes = effect_sizes([3, 5, 6, 6], [2, 2, 4, 4])
    assert sizes.d_z == pytest.approx(2 / math.sqrt(2 / 3), rel=1e-12)
    assert sizes.g_av == pytest.approx(8 / 11 * 2 / math.sqrt(5 / 3), rel=1e-12)
    assert (sizes.p_higher, sizes.p_tied) == (1.0, 0.0)


def test_shares_higher_and_tied() -> None:
    sizes = effect_sizes([2, 1, 0, 0.3], [1, 1, 5, 0.1 + 0.2])
    assert (sizes.p_higher, sizes.p_tied) == (0.25, 0.5)


def test_effect_sizes_without_a_spread() -> None:
    same = effect_sizes([2, 2, 2], [1, 1, 1])
    assert (same.d_z, same.g_av) == (None, None)
    shifted = effect_sizes([2, 3, 4], [1, 2, 3])  # D equal, but the arms vary
    assert shifted.d_z is None
    assert shifted.g_av == pytest.approx((1 - 3 / 7) * 1 / 1, rel=1e-12)
    single = effect_sizes([2], [1])
    assert (single.d_z, single.g_av, single.p_higher) == (None, None, 1.0)


@pytest.mark.parametrize(("treatment", "control"), [([], []), ([1, 2], [1])])
def test_unpaired_arms_are_refused(treatment: list[float], control: list[float]) -> None:
    with pytest.raises(ValueError, match="same units"):
        effect_sizes(treatment, control)


def test_exact_mcnemar_is_a_binomial_sum() -> None:
    for n in range(1, 16):
        for gained in range(n + 1):
            lost = n - gained
            tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1))
            expected = min(1.0, 2 * tail / 2**n)
            result = mcnemar(gained, lost)
            assert result.p_exact == pytest.approx(expected, rel=1e-12)
            assert (result.rescued, result.condemned) == (gained, lost)
            assert mcnemar(lost, gained).p_exact == result.p_exact
            if (
                gained != lost
            ):  # Fagerland, Lydersen and Laake (2013): less the probability of what was observed
                point = math.comb(n, gained) / 2**n
                assert result.p_mid == pytest.approx(2 * tail / 2**n - point, rel=1e-12)


def test_no_discordant_pair() -> None:
    result = mcnemar(0, 0)
    assert (result.p_exact, result.p_mid) == (1.0, 1.0)


def test_mcnemar_of_bentur() -> None:
    # Fagerland, Lydersen and Laake (2013), table 1: 7 and 1 discordant pairs. 2 (1 + 8) / 256 and less 8 / 256.
    result = mcnemar(7, 1)
    assert (result.p_exact, result.p_mid) == pytest.approx((18 / 256, 10 / 256), rel=1e-12)


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    # Holm: 3 * .01; the larger of that and 2 * .02; the larger of that and .03. BH from above: .03; 3/2 * .02; 3 * .01.
    assert adjust([0.02, 0.01, 0.03], "holm") == pytest.approx([0.04, 0.03, 0.04], rel=1e-12)
    assert adjust([0.02, 0.01, 0.03], "bh") == pytest.approx([0.03, 0.03, 0.03], rel=1e-12)


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_what_was_not_tested_does_not_count(method) -> None:
    assert adjust([], method) == []
    assert adjust([None, None], method) == [None, None]
    assert adjust([0.2], method) == [0.2]
    with_gaps = adjust([None, 0.01, None, 0.04], method)
    assert with_gaps[0] is with_gaps[2] is None
    assert with_gaps[1::2] == adjust([0.01, 0.04], method)


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_adjusted_p_values_keep_their_order_and_never_fall(method) -> None:
    raw = np.random.default_rng(2).random(25) ** 2
    adjusted = np.array(adjust(raw.tolist(), method))
    assert np.all(adjusted >= raw)
    assert np.all(adjusted <= 1)
    assert np.all(np.diff(adjusted[np.argsort(raw)]) >= 0)


@pytest.mark.parametrize(("method", "name"), [("holm", "holm"), ("bh", "fdr_bh")])
@pytest.mark.parametrize("m", [1, 2, 7, 40])
def test_adjusted_p_values_are_those_of_statsmodels(method, name: str, m: int) -> None:
    rng = np.random.default_rng(m)
    for raw in (
        rng.random(m) ** 3,
        np.round(rng.random(m), 1),
        np.ones(m),
        np.zeros(m),
    ):  # also with many ties
        expected = multipletests(raw, method=name)[1]
        assert adjust(raw.tolist(), method) == pytest.approx(expected.tolist(), rel=1e-12, abs=0)
