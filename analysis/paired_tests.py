"""Do ratings of identical items rise when the score decides? The paired tests, programmed a second time.

Double programming, as in clinical trials: nothing is imported from `auditor`, and the numbers must agree.
Scores are exact fractions up to the p-value; only standard deviations and t intervals are floats.
"""

import argparse
import json
import math
import sys
from collections import Counter
from fractions import Fraction
from statistics import mean  # of fractions: the exact fraction
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests


def refuse(message: str) -> NoReturn:
    """Say in one line what is wrong, and stop with exit status 2."""
    print("paired_tests: " + " ".join(message.split()), file=sys.stderr)
    raise SystemExit(2)


def exact(column: "pd.Series[str]") -> "pd.Series[Any]":
    """Read decimals exactly (the text 0.1 is 1/10). A blank is None: missing, never zero."""
    try:
        return pd.Series([Fraction(t) if t else None for t in column], index=column.index, dtype=object)
    except (ValueError, ZeroDivisionError):
        return refuse(f"{column.name}: a value is neither blank nor a number")


def read_ratings(args: argparse.Namespace) -> pd.DataFrame:
    """Rows of both arms in the main phase; `score` and `pass_rate` are null where there is no rating."""
    try:  # every field is text, so that an item may be called "NA" or "007"
        frame = pd.read_csv(args.ratings, dtype=str, keep_default_na=False).fillna("")
    except (OSError, ValueError) as error:
        refuse(f"cannot read {args.ratings}: {error}")
    if missing := sorted({"item", "arm", "score"} - set(frame)):
        refuse(f"{args.ratings}: missing column {', '.join(missing)}")
    if not isinstance(frame.index, pd.RangeIndex):
        refuse(f"{args.ratings}: a row has more fields than the header")
    optional = {"judge": "judge", "wording": "", "threshold": "", "status": "", "group": "", "phase": ""}
    frame = frame.assign(**{name: text for name, text in optional.items() if name not in frame})
    frame = frame[frame["phase"].isin(["", "main"]) & frame["arm"].isin([args.treatment, args.control])]
    own = exact(frame["threshold"])
    if args.threshold is not None:  # rows at another threshold are left out, blank ones stay
        own = own[own.isna() | (own == args.threshold)]
    score = exact(frame["score"].where(frame["status"].isin(["", "ok"]), "")[own.index])
    if not score.dropna().between(*args.scale[:2]).all():
        refuse("score: a rating lies outside the scale")
    mark = own.where(own.notna(), args.threshold)
    rated = score.notna() & mark.notna()
    passed = (score[rated] >= mark[rated]).astype(int).map(Fraction).reindex(own.index)
    return frame.loc[own.index].assign(threshold=own.map(str), score=score, mark=mark, pass_rate=passed)


def unit_differences(rows: pd.DataFrame, metric: str, arms: list[str]) -> tuple[int, list[Fraction]]:
    """Return the number of items with a difference, and D of each unit: the group, else the item."""
    rated = rows[rows[metric].notna()]
    cells = rated.groupby(["arm", "item", "wording", "threshold"])[metric].agg(mean)  # over replicates
    treatment, control = (cells[cells.index.get_level_values("arm") == arm].droplevel("arm") for arm in arms)
    paired = treatment.index.intersection(control.index)  # a cell without a partner is dropped
    d_item = (treatment[paired] - control[paired]).groupby(level="item").agg(mean)
    label = np.where(rows["group"] == "", "item " + rows["item"], "group " + rows["group"])
    labels = pd.Series(label, index=rows["item"]).groupby(level=0)
    if (labels.nunique() > 1).any() or "" in labels.groups:
        refuse("an item has no name, or is in two groups (a blank counts as one)")
    return len(d_item), list(d_item.groupby(labels.first()).agg(mean))


def sign_flip_p(units: list[Fraction]) -> float:
    """Two-sided exact sign-flip test (Fisher 1935, sec. 21): share of sign patterns with |sum| >= |observed|.

    In steps of the lattice a pattern sums to total - 2 * minus, where minus adds the |D| that carry a minus
    sign. This is >= |observed| just when 2 * minus <= total - |observed|; the other tail is its mirror image.
    On passes with one rating a cell this is McNemar's test (1947), exact: binomial(b + c, 1/2).
    """
    lattice = math.lcm(*(d.denominator for d in units))
    steps = [int(d * lattice) for d in units if d]  # a zero sums alike under both signs: no share moves
    room = sum(map(abs, steps)) - abs(sum(steps))
    patterns = Counter({0: 1})  # minus -> number of patterns, kept while it can still end in the tail
    for step in map(abs, steps):
        patterns.update({m + step: k for m, k in patterns.items() if 2 * (m + step) <= room})
        if len(patterns) > 2_000_000:
            refuse("score: too fine for an exact test (over two million attainable sums)")
    return min(1.0, 2 * patterns.total() / (1 << len(steps)))  # observed sum 0: the tails overlap


def t_interval(units: list[Fraction], level: Fraction) -> tuple[float | None, float | None, float | None]:
    """Return the SD and Student's (1908) interval for the mean: the point itself if all units are equal."""
    if len(units) < 2:
        return None, None, None
    if len(set(units)) == 1:
        return 0.0, float(units[0]), float(units[0])
    x = np.array(units, dtype=float)
    low, high = stats.t.interval(float(level), len(x) - 1, loc=x.mean(), scale=stats.sem(x))
    return float(x.std(ddof=1)), float(low), float(high)


def find(judge: str, metric: str, rows: pd.DataFrame, args: argparse.Namespace) -> dict[str, Any]:
    """One judge in one metric; None where there are too few units."""
    n_items, units = unit_differences(rows, metric, [args.treatment, args.control])
    out: dict[str, Any] = {"judge": judge, "metric": metric, "n_items": n_items, "n_units": len(units)}
    out |= {"n_dropped": rows["item"].nunique() - n_items, "estimate": float(mean(units)) if units else None}
    out["sd_d"], low, high = t_interval(units, 1 - args.alpha)
    out["ci"] = {"level": float(1 - args.alpha), "low": low, "high": high}
    out |= {"p_value": sign_flip_p(units) if units else None, "p_adjusted": None}
    # TOST (Schuirmann 1987): both one-sided tests reject just when this interval lies inside the margin.
    margin, (_, low, high) = args.margins[metric], t_interval(units, 1 - 2 * args.alpha)
    return out | {"equivalent": None if low is None or high is None else -margin < low and high < margin}


def main() -> None:
    """Print the findings as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ratings", metavar="RATINGS.csv")
    parser.add_argument("--scale", required=True, help="low:high[:step], as in 0:20 or --scale=-5:5")
    parser.add_argument("--treatment", default="deletion")
    parser.add_argument("--control", default="decoupled")
    parser.add_argument("--threshold", type=Fraction, help="pass mark of rows that do not state their own")
    parser.add_argument("--margin", type=Fraction, help="default: 2.5 %% of the scale's range")
    parser.add_argument("--pass-margin", type=Fraction, default=Fraction("0.05"))
    parser.add_argument("--alpha", type=Fraction, default=Fraction("0.05"))
    args = parser.parse_args()
    args.scale = [s for s in exact(pd.Series(args.scale.split(":"), name="--scale")) if s is not None]
    if not (2 <= len(args.scale) <= 3 and args.scale[0] < args.scale[1] and 0 < args.alpha < 0.5):
        refuse("want --scale low:high[:step] with low < high, and --alpha between 0 and 0.5")
    low, high, *step = args.scale
    margin = (high - low) / 40 if args.margin is None else args.margin
    args.margins = {"score": margin, "pass_rate": args.pass_margin}
    findings: list[dict[str, Any]] = []
    for judge, rows in read_ratings(args).groupby("judge"):  # in sorted order
        two = rows["mark"].notna().any() and step != [high - low]  # on two values the score is the pass
        findings += [find(str(judge), m, rows, args) for m in (["score", "pass_rate"] if two else ["score"])]
    if not any(finding["n_items"] for finding in findings) or args.treatment == args.control:
        refuse(f"no item has ratings in two arms, {args.treatment} and {args.control}")
    # Holm (1979). A judge without a pair stays in the family, with the p-value of nothing seen.
    family = [1.0 if finding["p_value"] is None else finding["p_value"] for finding in findings]
    for finding, p in zip(findings, multipletests(family, method="holm")[1], strict=True):
        finding["p_adjusted"] = None if finding["p_value"] is None else float(p)
    print(json.dumps({"findings": findings}, indent=2, allow_nan=False))


if __name__ == "__main__":
    main()
