"""Variance components against lme4 and against matrices in R (tests/r/components.R).

Tolerances: lme4 stops at a REML deviance that is flat to about 1e-8, so its variances are good to a relative 1e-5;
what R computes by matrices agrees to 1e-9.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.stats.components import variance_components

REML = 1e-5
MATRICES = 1e-9
NAN = math.nan

# lme4::Dyestuff (Davies and Goldsmith): yield by batch. The oracle of `dyestuff_varcomp`, lme4 1.1.31 by REML.
YIELD = [
    1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495, 1595, 1550, 1605, 1510, 1560,
    1445, 1440, 1595, 1465, 1545, 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445,
]  # fmt: skip
BATCH = np.repeat(list("ABCDEF"), 5)


def read(case: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (Path(__file__).parents[1] / "r" / "components.csv").open() as file:
        for row in csv.DictReader(file):
            if row["case"] == case:
                found.setdefault(row["quantity"], []).append(float(row["value"]))
    return found


def test_dyestuff_as_items_with_replicates() -> None:
    result = variance_components(YIELD, BATCH, ["only"] * 30)
    assert result.item == pytest.approx(1764.0500064271, rel=REML)
    assert result.replicate == pytest.approx(2451.24999860715, rel=REML)
    assert (result.wording, result.interaction) == (None, None)
    assert result.confounded == ("item", "interaction")
    assert result.codes == ("one_wording", "confounded")
    assert (result.n_items, result.n_cells, result.n_differences, result.df_replicate) == (6, 6, 30, 24)


def test_dyestuff_as_wordings_with_one_item_each() -> None:
    # The same one-way layout the other way round: 30 items, six wordings. Items hold the residual.
    result = variance_components(YIELD, np.arange(30), BATCH)
    assert result.wording == pytest.approx(1764.0500064271, rel=REML)
    assert result.item == pytest.approx(2451.24999860715, rel=REML)
    assert (result.interaction, result.replicate) == (None, None)
    assert result.confounded == ("item", "interaction", "replicate")
    assert result.codes == ("confounded",)


def test_crossed_against_lme4() -> None:
    r = read("crossed")
    result = variance_components(r["difference"], r["item"], r["wording"])
    assert result.item == pytest.approx(r["variance item"][0], rel=REML)
    assert result.wording == pytest.approx(r["variance wording"][0], rel=REML)
    assert result.interaction == pytest.approx(r["variance item:wording"][0], rel=REML)
    assert result.replicate == pytest.approx(r["variance Residual"][0], rel=REML)
    assert result.mean == pytest.approx(r["mean"][0], abs=1e-9)
    assert (result.confounded, result.cautions) == ((), ())
    assert (result.wordings_per_item, result.replicates) == pytest.approx((6, 2))
    assert (result.df_interaction, result.df_replicate) == (19 * 5, 120)


def test_sparse_against_matrices_in_r() -> None:
    r = read("sparse")
    result = variance_components(r["difference"], r["item"], r["wording"])
    assert list(result.raw) == pytest.approx(r["components"], rel=MATRICES)
    assert result.mean == pytest.approx(r["mean"][0], rel=MATRICES)
    assert result.interaction == 0.0  # -.31 before truncation
    assert result.codes == ("few_wordings", "negative_variance")


def test_sampling_variance_stands_in_for_replicates() -> None:
    # Means of cells, with the variance that the replicates gave them, say what the replicates said.
    r = read("crossed")
    single = variance_components(r["difference"], r["item"], r["wording"])
    d, item, wording = (np.array(r[name]).reshape(-1, 2) for name in ("difference", "item", "wording"))
    means = variance_components(
        d.mean(axis=1),
        item[:, 0],
        wording[:, 0],
        replicates=[2] * 120,
        sampling_variance=[single.replicate / 2] * 120,
    )
    assert list(means.raw) == pytest.approx(list(single.raw), rel=MATRICES)
    # Without it, the interaction holds the replicates' share at two replicates.
    without = variance_components(d.mean(axis=1), item[:, 0], wording[:, 0], replicates=[2] * 120)
    assert without.interaction == pytest.approx(single.interaction + single.replicate / 2, rel=MATRICES)
    assert (without.replicate, without.confounded) == (None, ("interaction", "replicate"))


def test_sampling_variances_that_differ_follow_their_cells() -> None:
    # Two items in one wording, means 0 and 4: variance 8 between them, of which (1 + 3) / 2 is sampling.
    result = variance_components([4, 0], ["b", "a"], ["w", "w"], sampling_variance=[3, 1])
    assert result.raw.item == pytest.approx(6, rel=1e-12)
    # Two items crossed with two wordings, by hand. Cells au 0, av 2, bu 6, bv 12, sampling 1, 2, 3, 4: means of items
    # 1 and 9, of wordings 3 and 7, in all 5; SS of items 64, of wordings 16, in all 25 + 9 + 1 + 49 = 84. Sampling
    # takes mean(1, 2) + mean(3, 4) - 2.5 = 2.5 of the items', mean(1, 3) + mean(2, 4) - 2.5 = 2.5 of the wordings',
    # 10 - 2.5 = 7.5 of all. 84 - 64 - 16 = 4, less 2.5, is 1.5 for the interaction; (61.5 - 1.5) / 2 = 30 for items;
    # (13.5 - 1.5) / 2 = 6 for wordings.
    result = variance_components([12, 0, 2, 6], list("baab"), list("vuvu"), sampling_variance=[4, 1, 2, 3])
    assert list(result.raw[:3]) == pytest.approx([30, 6, 1.5], rel=1e-12)


@pytest.mark.parametrize(
    ("item", "wording", "confounded", "codes"),
    [
        ("aabb", "uvuv", ("interaction", "replicate"), ("few_wordings", "confounded")),
        ("abcd", "uuvv", ("item", "interaction", "replicate"), ("few_wordings", "confounded")),
        ("abcd", "uuuu", ("item", "interaction", "replicate"), ("one_wording", "confounded")),
        ("aaaa", "uvwx", ("wording", "interaction", "replicate"), ("one_unit", "few_wordings", "confounded")),
        ("aabb", "uvwx", ("wording", "interaction", "replicate"), ("few_wordings", "confounded")),
        ("abcd", "uvwx", ("item", "wording", "interaction", "replicate"), ("few_wordings", "confounded")),
        # A tree: each item and wording has its own mean, and nothing is left.
        ("aabc", "uvvv", ("item", "interaction", "replicate"), ("few_wordings", "confounded")),
    ],
)
def test_what_a_layout_cannot_tell(item, wording, confounded, codes) -> None:
    result = variance_components([1, 2, 4, 9], list(item), list(wording))
    assert result.confounded == confounded
    assert [c for c in result.codes if c != "negative_variance"] == list(codes)
    held = set(confounded[1:])
    for name in ("item", "wording", "interaction", "replicate"):
        if name in held:
            assert getattr(result, name) is None
        elif name == confounded[0]:
            assert getattr(result, name) is not None


def test_degenerate() -> None:
    empty = variance_components([], [], [])
    assert (empty.mean, empty.item, empty.codes) == (None, None, ("no_units",))
    missing = variance_components([NAN], ["a"], ["u"])
    assert (missing.n_dropped, missing.codes) == (1, ("no_units",))
    one = variance_components([3], ["a"], ["u"])
    assert (one.mean, one.raw, one.codes) == (3.0, (None,) * 4, ("one_unit", "one_wording"))
    repeated = variance_components([3, 5], ["a", "a"], ["u", "u"])
    assert (repeated.replicate, repeated.item, repeated.codes) == (2.0, None, ("one_unit", "one_wording"))
    equal = variance_components([0.1] * 12, [*"aaabbbcccddd"], [*"uvw"] * 4)
    assert (equal.item, equal.wording, equal.interaction) == (0.0, 0.0, 0.0)
    assert "negative_variance" not in equal.codes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1, math.inf], ["a", "b"], ["u", "u"]), "finite"),
        (([[1, 2]], ["a", "b"], ["u", "u"]), "one list"),
        (([1, 2], ["a"], ["u", "u"]), "label"),
        (([1, 2], ["a", "b"], ["u", "u"], [0, 1]), "counted from 1"),
        (([1, 2], ["a", "b"], ["u", "u"], [1]), "one number for each"),
        (([1, 2], ["a", "a"], ["u", "u"], None, [1, 1]), "belongs to one entry"),
        (([1, 2], ["a", "b"], ["u", "u"], None, [-1, 1]), "not below zero"),
        (([1, 2], ["a", "b"], ["u", "u"], None, [math.inf, 1]), "finite"),
    ],
)
def test_wrong_input(arguments, sentence) -> None:
    names = ("difference", "item", "wording", "replicates", "sampling_variance")
    with pytest.raises(ValueError, match=sentence):
        variance_components(**dict(zip(names, arguments, strict=False)))


layouts = st.integers(2, 24).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-9, 9), min_size=n, max_size=n),
        st.lists(st.integers(0, 7), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
    )
)


def numbers(result) -> list[float]:
    return [NAN if value is None else value for value in result.raw]


@given(layouts, st.integers(-50, 50), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_identities(layout, constant, random) -> None:
    d, item, wording = (np.array(column) for column in layout)
    result = variance_components(d, item, wording)

    def same(other, factor=1.0, mean=result.mean):
        assert numbers(other) == pytest.approx([factor * v for v in numbers(result)], nan_ok=True, abs=1e-9)
        assert other.mean == pytest.approx(mean, abs=1e-9)
        assert other.confounded == result.confounded

    same(variance_components(-d, item, wording), mean=-result.mean)
    same(variance_components(d + constant, item, wording), mean=result.mean + constant)
    same(variance_components(2 * d, item, wording), 4.0, 2 * result.mean)
    order = list(range(d.size))
    random.shuffle(order)
    same(variance_components(d[order], [f"i{i}" for i in item[order]], [f"w{w}" for w in wording[order]]))
    turned = variance_components(d, wording, item)
    if "interaction" not in result.confounded:
        assert turned.raw[:3] == pytest.approx(
            (result.raw.wording, result.raw.item, result.raw.interaction), abs=1e-9
        )


def test_the_estimates_are_unbiased_on_a_sparse_layout() -> None:
    # 40 items in two of five wordings each, one to three replicates; s2 = (.5, .3, .4, 1). 400 runs, means within 3.29
    # standard errors (the 99.9 % band of a normal mean).
    rng = np.random.default_rng(20)
    item = np.repeat(np.arange(40), 2)
    wording = np.array([(i % 5, (i + 1 + i // 5 % 4) % 5) for i in range(40)]).ravel()
    k = 1 + np.arange(80) % 3
    entry = np.repeat(np.arange(80), k)
    truth = np.array([0.5, 0.3, 0.4, 1.0])
    found = []
    for _ in range(400):
        cell = rng.normal(0, truth[0] ** 0.5, 40)[item] + rng.normal(0, truth[1] ** 0.5, 5)[wording]
        cell += rng.normal(0, truth[2] ** 0.5, 80)
        d = cell[entry] + rng.normal(0, 1, entry.size)
        found.append(variance_components(d, item[entry], wording[entry]).raw)
    estimates = np.array(found)
    error = estimates.std(axis=0, ddof=1) / math.sqrt(400)
    assert np.all(np.abs(estimates.mean(axis=0) - truth) < 3.29 * error)
