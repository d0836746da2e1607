"""Show that the factorial design finds each dial of a simulated judge in its own contrast, and in no other.

    python analysis/factorial.py [--out docs/evidence] [--runs 300] [--quick]

Judges with one dial turned, and one with all of them, rate 60 wrong answers of the data set `checkable` in ten arms;
scale 0:20, pass mark 12, margin 0.5. In each run the seed draws anew how good each answer is, and each rating's noise.

The truth is the judge's own expected recorded difference, clipping at the scale's ends included. There are two, because
a t interval speaks about the population that items are drawn from: the truth of *these* items (of one run), and the
truth of *such* items (its mean over the runs). Where a dial moves each item by another amount, only the second is
covered in 95 % of runs; the first more often (Neyman 1923).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from factorial_figure import draw_figure
from factorial_runs import CONTRASTS, JUDGES, MEANT, Result, band, simulate

from auditor.files import write_whole

ALT = (
    "Left: the mean estimates of six contrasts for six simulated judges lie on their truths, and leave zero only where "
    "a dial is turned. Right: how often a judge that only anchors is called inflated by three ways to ask."
)


_PAGE = """# Each dial of a simulated judge, in its own contrast

Made by `python analysis/factorial.py`: {runs} runs of each judge, seeds 0, 1, 2, ...; {items} wrong answers of
`checkable`, one wording each, scale 0:20, pass mark 12, margin 0.5; 95 % intervals, in points. The seed draws
how good each answer is and the noise of each rating.

![{alt}](factorial.svg)

{contrasts}

## Estimates, truth and coverage

{table}

**Bold**: contrasts that the judge's dials are meant to move. The primary one holds the whole lever, survival or not; the
judge `subject` also has the dial of survival, so that there is something to keep for AIs.

*Truth*: the judge's expected recorded difference, clipping at the scale's ends included, over all items of all runs.
*Such items*: share of runs whose interval covers it. The 99.9 % binomial band of {runs} runs is {fewest} to {most}.
Outside it: {outside}.

*These items*: share of runs whose interval covers the truth of just that run's items. A t interval counts the variation
between items as chance, because it speaks about the population that they are from. So where a dial moves each item by
another amount, as anchoring does, it covers the truth of the items at hand in more than 95 % of runs (Neyman 1923):
cautious, not wrong. Outside the band: {outside_these}.

*Raw p*: share of runs with a raw p of at most .05. Where the truth is 0 it should lie in the band of {p_fewest} to
{p_most}. Outside it: {outside_p}. `!` marks what lies outside its band.

## Called inflated in the primary contrast

| judge | dials | deletion - decoupled is inflated |
| --- | --- | --- |
{dials}

## A judge that only anchors

It pulls what it sees towards a stated pass mark, and does not care who is deleted. How often it is called inflated:

| claim | inflated |
| --- | --- |
{claims}

The test errs upwards in up to 2.5 % of runs, so the first row is no more than chance. `deletion - neutral` and the
published set compare with an arm that states no number, so they count anchoring as protection. They are the same two
arms and here the same ratings: only the family that their p-values are adjusted in differs. The wrong answers lie mostly
below the mark, so anchoring raises them; work above the mark it would lower, and hide protection instead.
"""


def table(result: Result) -> str:
    """All cells, with what lies outside its band marked."""
    lines = [
        "| judge | contrast | truth | mean estimate | such items | these items | raw p ≤ .05 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    outside = {measure: _outside(result, measure) for measure in ("such", "these", "p")}
    for (name, key), cell in result.cells.items():
        counts = {
            "such": cell.covered(cell.such),
            "these": cell.covered(cell.truth),
            "p": cell.rejected(),
        }
        shares = [
            f"{count / result.runs:.3f}" + (" !" if (name, key) in outside[measure] else "")
            for measure, count in counts.items()
        ]
        shown = f"**{key}**" if key in MEANT[name] else key
        numbers = (f"{cell.such:+.3f}", f"{cell.estimate.mean():+.3f}", *shares)
        lines.append(f"| {name} | {shown} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def _outside(result: Result, measure: str) -> list[tuple[str, str]]:
    """The cells whose coverage of such or these items, or whose share of small p, lies outside its band."""
    low, high = band(result.runs, 0.05 if measure == "p" else 0.95)
    found = []
    for place, cell in result.cells.items():
        if measure == "p":
            count = cell.rejected() if cell.null else low  # elsewhere any share is right
        else:
            count = cell.covered(cell.such if measure == "such" else cell.truth)
        if not low <= count <= high:
            found.append(place)
    return found


def _listed(cells: list[tuple[str, str]], of: int) -> str:
    names = ", ".join(f"{name} x {key}" for name, key in cells)
    return f"{len(cells)} of {of}" + (f" ({names})" if names else "")


def report(result: Result) -> str:
    """The whole page."""
    runs, cells = result.runs, len(result.cells)
    covers, rejects = band(runs, 0.95), band(runs, 0.05)
    nulls = sum(cell.null for cell in result.cells.values())
    dials = [f"| {name} | `{spec}` | {result.inflated[name]} of {runs} |" for name, spec in JUDGES.items()]
    claims = [
        f"| {claim} | {count} of {runs} ({100 * count / runs:.1f} %) |"
        for claim, count in result.claims.items()
    ]
    return _PAGE.format(
        alt=ALT,
        runs=runs,
        items=result.items,
        contrasts="\n".join(f"- {key}: `{contrast.name}`" for key, contrast in CONTRASTS.items()),
        fewest=f"{covers[0] / runs:.3f}",
        most=f"{covers[1] / runs:.3f}",
        p_fewest=f"{rejects[0] / runs:.3f}",
        p_most=f"{rejects[1] / runs:.3f}",
        table=table(result),
        outside=_listed(_outside(result, "such"), cells),
        outside_these=_listed(_outside(result, "these"), cells),
        outside_p=_listed(_outside(result, "p"), nulls),
        dials="\n".join(dials),
        claims="\n".join(claims),
    )


def main() -> None:
    """Parse the command line, simulate, and print or write the page and its figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, help="folder for factorial.md, .svg and .png (default: print only)"
    )
    parser.add_argument("--runs", type=int, default=300, help="runs of each judge (default: 300)")
    parser.add_argument("--quick", action="store_true", help="8 runs, 40 items")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs is at least 1")
    result = simulate(8, 40) if arguments.quick else simulate(arguments.runs, 60)
    text = report(result)
    print(text)
    if arguments.out is not None:
        for ending, image in draw_figure(result, MEANT).items():
            write_whole(arguments.out / f"factorial.{ending}", image)
        write_whole(arguments.out / "factorial.md", text)


if __name__ == "__main__":
    main()
