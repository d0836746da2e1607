"""The figure of `factorial.py`: what each judge's dials move, and what is claimed of a judge that only anchors."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from factorial_runs import Result
    from matplotlib.axes import Axes

#: Okabe and Ito's colours, which people with any colour vision can tell apart; shapes say the same again.
_LOOKS = {
    "anchoring": ("#E69F00", "o"), "mention": ("#56B4E9", "s"), "lever": ("#009E73", "^"),
    "survival": ("#D55E00", "D"), "subject": ("#CC79A7", "v"), "all": ("#0072B2", "P"),
}  # fmt: skip
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "factorial",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
}
_LEGEND = {"subject": "subject, survival", "all": "all of them"}
_ROWS = {
    "anchoring": "anchoring\nthreshold_only − placebo",
    "mention": "mention\ndecoupled − threshold_only",
    "lever": "lever\nrelabel − relabel_decoupled",
    "survival": "survival: what deletion\nadds to relabelling",
    "subject": "subject: what an AI peer\nadds to a program",
    "primary": "primary\ndeletion − decoupled",
}


def draw_figure(result: Result, meant: Mapping[str, tuple[str, ...]]) -> dict[str, bytes]:
    """Draw both panels; the image by its file's ending, ``svg`` (text as text) and ``png``.

    Parameters
    ----------
    result : Result
    meant : mapping
        Which contrasts each judge's dials are meant to move: these are drawn filled.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = _STYLE
    with matplotlib.rc_context(style):
        canvas = Figure(figsize=(10.5, 5.6), layout="constrained")
        left, right = canvas.subplots(1, 2, width_ratios=(1.7, 1))
        _estimates(left, result, meant)
        _claims(right, result)
        svg, png = io.BytesIO(), io.BytesIO()
        canvas.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        canvas.savefig(png, format="png", dpi=110, metadata={"Software": None})
    # The file's own generator is no news, and its trailing blanks would be a change at each run of a formatter.
    text = re.sub(r"[ \t]+$", "", svg.getvalue().decode("utf-8"), flags=re.MULTILINE)
    return {"svg": text.encode("utf-8"), "png": png.getvalue()}


def _estimates(axes: Axes, result: Result, meant: Mapping[str, tuple[str, ...]]) -> None:
    judges, contrasts = list(_LOOKS), list(_ROWS)
    axes.axvline(0, color="#777777", linewidth=0.8)
    for number, name in enumerate(judges):
        colour, marker = _LOOKS[name]
        for row, key in enumerate(contrasts):
            cell = result.cells[name, key]
            y = row + 0.13 * (number - (len(judges) - 1) / 2)
            low, high = np.quantile(cell.estimate, [0.025, 0.975])
            axes.plot([low, high], [y, y], color=colour, alpha=0.45, linewidth=1.5)
            axes.plot([cell.such] * 2, [y - 0.075, y + 0.075], color="#000000", linewidth=1.2, zorder=3)
            axes.plot(
                [cell.estimate.mean()],
                [y],
                marker=marker,
                markersize=4.5,
                linestyle="none",
                color=colour,
                markerfacecolor=colour if key in meant[name] else "#FFFFFF",
                zorder=4,
                label=_LEGEND.get(name, name) if row == 0 else None,
            )
    for row in range(1, len(contrasts)):
        axes.axhline(row - 0.5, color="#DDDDDD", linewidth=0.6)
    axes.set_yticks(range(len(contrasts)), [_ROWS[key] for key in contrasts])
    axes.set_ylim(len(contrasts) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(
        f"points; dot: mean of {result.runs} runs, filled where the dial should show;\n"
        "black line: truth; coloured line: middle 95 % of the estimates"
    )
    axes.set_title("Each dial moves its own contrast", loc="left", fontweight="bold")
    axes.legend(title="dial turned", frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _claims(axes: Axes, result: Result) -> None:
    shares = [100 * count / result.runs for count in result.claims.values()]
    colours = ("#009E73", "#E69F00", "#E69F00")
    axes.bar(range(len(shares)), shares, width=0.6, color=colours, edgecolor="#000000", linewidth=0.6)
    for place, share in enumerate(shares):
        axes.text(place, share + 1.5, f"{share:.1f} %", ha="center", va="bottom")
    names = ("deletion −\ndecoupled\n(primary)", "deletion −\nneutral", "published\nset")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 112)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel("runs called inflated, %")
    axes.set_title("A judge that only anchors,\ncalled inflated by ...", loc="left", fontweight="bold")
