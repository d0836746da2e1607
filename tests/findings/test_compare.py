"""Two judges' inflation against each other, item by item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditor.cli import run
from auditor.errors import InputError
from auditor.findings.compare import Compared, compare
from auditor.ratings import load_ratings
from auditor.scale import Scale
from auditor.stats.signflip import sign_flip_test
from tests.findings.frames import shifted

SCALE = Scale.parse("0:20:1")


def both(a: pd.DataFrame, b: pd.DataFrame, **options: Any) -> Compared:
    return compare(
        load_ratings(a, SCALE), load_ratings(b, SCALE), SCALE, **{"margin": 0.5, "threshold": 12} | options
    )


def test_the_difference_of_the_differences_by_hand() -> None:
    first, second = [1, 0, -1, 2, 0, 1, 0, 1], [2, 2, 0, 3, 1, 2, 0, 3]
    found = both(shifted(first), shifted(second), threshold=None)
    (score,) = found.comparisons
    change = np.array(second) - first  # 1 2 1 1 1 1 0 2, mean 9 / 8
    assert (score.inflation_a, score.inflation_b, score.estimate) == (4 / 8, 13 / 8, 9 / 8)
    assert score.p_value == sign_flip_test(change).p_value == 2 / 2**7  # seven move, all up
    assert (score.change, found.change) == ("worse", "worse")
    back = both(shifted(second), shifted(first), threshold=None)
    assert (back.change, back.comparisons[0].estimate) == ("better", -9 / 8)


def test_items_of_one_run_alone_are_left_out_and_counted() -> None:
    a, b = shifted([0, 1] * 12), shifted([0, 1] * 10)
    found = both(a, b, threshold=None)
    assert (found.comparisons[0].n_units, found.comparisons[0].only_a, found.comparisons[0].only_b) == (
        20,
        4,
        0,
    )
    assert any("4 units are paired in A alone" in note for note in found.notes)
    assert found.change == "same"
    other = b.assign(item="x" + b["item"])
    with pytest.raises(InputError, match="no paired item in common"):
        both(a, other)


def test_no_more_items_than_a_test_needs_is_no_answer() -> None:
    found = both(shifted([0] * 5), shifted([3] * 5), threshold=None)
    assert found.change == "inconclusive"
    assert any("Under 6 units" in note for note in found.notes)


def test_what_cannot_be_compared_is_refused() -> None:
    a, b = shifted([0, 1] * 10), shifted([0, 1] * 10)
    with pytest.raises(InputError, match="several judges: judge, other"):
        both(a, pd.concat([b.assign(judge="judge"), b.assign(judge="other")]))
    two = pd.concat([b.assign(judge="judge"), b.assign(judge="other")])
    assert both(a, two, judges=("", "other")).comparisons[0].judge_b == "other"
    with pytest.raises(InputError, match="there is no judge 'third'"):
        both(a, two, judges=("", "third"))
    with pytest.raises(InputError, match="'i003' is not the same in both runs"):
        both(a, b.assign(item_hash=[h if h != "h3" else "changed" for h in b["item_hash"]]))
    with pytest.raises(InputError, match="no rating in the arm 'deletion'"):
        both(a, b.assign(arm=b["arm"].replace("deletion", "other")))


def test_the_command_and_its_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for name, moves in (("a", [0, 1, -1, 0]), ("b", [2, 3, 1, 2]), ("c", [0, 2, -2, 1])):
        files.append(str(tmp_path / f"{name}.csv"))
        shifted(moves * 10).to_csv(files[-1], index=False)
    common = ["--scale", "0:20", "--margin", "0.5"]
    assert run(["compare", files[0], files[1], *common]) == 0
    assert "inflates more than" in capsys.readouterr().out
    assert run(["compare", files[0], files[1], *common, "--gate"]) == 1
    assert run(["compare", files[1], files[0], *common, "--gate"]) == 0
    assert run(["compare", files[0], files[2], *common, "--gate"]) == 0
    assert (
        run(["compare", files[0], files[2], "--scale", "0:20", "--margin", "0.1", "--gate", "--strict"]) == 3
    )
    capsys.readouterr()
    assert run(["compare", files[0], files[0], *common, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["change"] == "same"
    assert run(["compare", files[0], files[1]]) == 2
    assert "the scale of a table is not known" in capsys.readouterr().err
