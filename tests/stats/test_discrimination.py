"""AUROC and rank correlation against their definitions. Ranks are halves of integers: compared at 1e-12."""

import numpy as np
import pytest
from scipy import stats

from auditor.stats.discrimination import auroc, discrimination


def by_pairs(scores: np.ndarray, correct: np.ndarray) -> float:
    """Share of right-wrong pairs in which the right one scores higher, ties half."""
    right, wrong = scores[correct][:, None], scores[~correct][None, :]
    return float(np.mean((right > wrong) + 0.5 * (right == wrong)))


def test_auroc_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 7, 30):
        for top in (2, 5, 1000):  # many ties, few, none
            scores, correct = rng.integers(0, top, n), rng.random(n) < 0.5
            correct[:2] = True, False
            assert auroc(scores, correct) == pytest.approx(by_pairs(scores, correct), rel=1e-12, abs=1e-12)
            assert auroc(-scores, correct) == pytest.approx(
                1 - by_pairs(scores, correct), rel=1e-12, abs=1e-12
            )
            assert auroc(3 * scores + 7, correct) == auroc(scores, correct)  # only the order matters


def test_auroc_by_hand() -> None:
    assert auroc([1, 2, 2, 3], [False, False, True, True]) == 0.875  # 2>1, 2=2 (half), 3>1, 3>2: 3.5 of 4
    assert auroc([5, 5, 5], [True, False, True]) == 0.5
    assert auroc([1, 2], [False, True]) == 1.0
    assert auroc([2, 1], [False, True]) == 0.0


@pytest.mark.parametrize("correct", [[True, True], [False, False]])
def test_auroc_needs_both_classes(correct: list[bool]) -> None:
    assert auroc([1, 2], correct) is None


def test_perfect_blind_and_backward_judges() -> None:
    truth, units = np.arange(40) % 2, np.arange(40)
    perfect = discrimination(truth * 10, truth, units, measure="auroc")
    assert (perfect.estimate, perfect.low, perfect.chance, perfect.n, perfect.shown) == (
        1.0,
        1.0,
        0.5,
        40,
        True,
    )
    constant = discrimination(np.full(40, 6), truth, units, measure="auroc")
    assert (constant.estimate, constant.low, constant.shown) == (0.5, 0.5, False)
    assert not discrimination(-truth, truth, units, measure="auroc").shown


def test_rank_correlation() -> None:
    rng = np.random.default_rng(3)
    quality = rng.integers(0, 6, 50)
    scores = quality + rng.integers(0, 4, 50)
    result = discrimination(scores, quality, np.arange(50), measure="spearman")
    assert result.estimate == pytest.approx(stats.spearmanr(scores, quality).statistic, rel=1e-9)
    assert (result.chance, result.shown) == (0.0, True)
    assert result.low < result.estimate
    constant = discrimination(np.full(50, 6), quality, np.arange(50), measure="spearman")
    assert (constant.estimate, constant.shown) == (0.0, False)


def test_too_little_to_judge() -> None:
    assert discrimination(range(30), [1] * 4 + [0] * 26, range(30), measure="auroc") is None
    assert discrimination(range(30), [0] * 4 + [1] * 26, range(30), measure="auroc") is None
    assert discrimination(range(10), [1] * 5 + [0] * 5, range(10), measure="auroc") is not None
    assert discrimination(range(9), range(9), range(9), measure="spearman") is None
    assert discrimination(range(30), [7] * 30, range(30), measure="spearman") is None


def test_units_are_resampled_as_a_whole() -> None:
    # Twenty items, each five times: as units of five the bound is as uncertain as with twenty items alone.
    rng = np.random.default_rng(9)
    truth = np.arange(20) % 2
    scores = truth + rng.normal(0, 1.2, 20)
    once = discrimination(scores, truth, np.arange(20), measure="auroc")
    clustered = discrimination(
        np.repeat(scores, 5), np.repeat(truth, 5), np.repeat(np.arange(20), 5), measure="auroc"
    )
    naive = discrimination(np.repeat(scores, 5), np.repeat(truth, 5), np.arange(100), measure="auroc")
    assert clustered.estimate == pytest.approx(once.estimate, rel=1e-12)
    assert clustered.low == pytest.approx(once.low, abs=0.03)  # 2,000 draws in another order
    assert naive.low > clustered.low + 0.05


def test_a_seed_repeats() -> None:
    rng = np.random.default_rng(1)
    truth, scores = np.arange(40) % 2, rng.normal(size=40)
    first = discrimination(scores, truth, np.arange(40), measure="auroc", seed=1)
    assert first == discrimination(scores, truth, np.arange(40), measure="auroc", seed=1)
