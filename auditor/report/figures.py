"""Figures, drawn once by matplotlib as SVG with text as text, in colours that follow the page's theme.

Each figure is a paper's column wide, so that it is readable on a telephone as well. Colours are placeholders while
drawing, and become CSS variables in the SVG.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.findings import Finding
from auditor.inert import shortened, visible
from auditor.report.model import JudgeView
from auditor.report.words import signed
from auditor.scale import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN = 4.4
#: Placeholder colour while drawing, and the CSS variable that takes its place.
INK, MUTED, CONTROL, TREATMENT, RISE, FALL, BAND = (
    "#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707",
)  # fmt: skip
_VARIABLES = {
    INK: "ink", MUTED: "muted", CONTROL: "control", TREATMENT: "treatment", RISE: "rise", FALL: "fall", BAND: "band",
}  # fmt: skip
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_MOST_LINES = 400


@dataclass(frozen=True)
class Figure:
    """A drawn figure with its words."""

    name: str
    title: str
    caption: str
    svg: str


@contextmanager
def axes_of(height: float) -> Iterator[tuple[Any, Axes]]:
    """A canvas of a column's width, in the style of all figures."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    style: Any = _STYLE
    with matplotlib.rc_context(style):
        canvas = Canvas(figsize=(WIDTH_IN, height), layout="constrained")
        yield canvas, canvas.add_subplot()


def svg_of(canvas: Any, name: str, title: str, description: str) -> str:
    """A canvas as SVG with ids of its own, colours that follow the page, and words for screen readers."""
    import matplotlib

    buffer = io.StringIO()
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\bid=\"", f'id="{name}-', text)
    text = re.sub(r"(url\(|href=\")#", rf"\1#{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", text)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()  # type: ignore[union-attr]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 0 {width} {height}" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>'
    )
    return head + text[text.index(">", text.index("<svg")) + 1 :]


def _label(text: str, most: int = 38) -> str:
    return visible(shortened(text, most) if len(text) <= most else text[: most - 1] + "…").replace("\n", " ")


def paired_differences(
    view: JudgeView, scale: Scale, threshold: float, arms: tuple[str, str], name: str
) -> Figure:
    """Each item as a line from its control score to its treatment score, coloured by what it crossed."""
    control, treatment = view.pairs.control, view.pairs.treatment
    chosen = np.arange(len(control))
    if len(chosen) > _MOST_LINES:
        chosen = np.random.default_rng(0).choice(len(control), _MOST_LINES, replace=False)
    spread = np.random.default_rng(1).uniform(-0.012, 0.012, len(control)) * scale.span
    with axes_of(3.3) as (canvas, axes):
        for i in chosen:
            up = control[i] < threshold <= treatment[i]
            down = treatment[i] < threshold <= control[i]
            axes.plot(
                [0, 1],
                [control[i] + spread[i], treatment[i] + spread[i]],
                color=RISE if up else FALL if down else MUTED,
                alpha=0.9 if up or down else 0.35,
                linewidth=1.4 if up or down else 0.8,
                linestyle="--" if down else "-",
                marker="o",
                markersize=2,
            )
        means = [float(view.pairs.unit_control.mean()), float(view.pairs.unit_treatment.mean())]
        axes.plot([0, 1], means, color=INK, linewidth=2.6, marker="D", markersize=5, zorder=5)
        axes.axhline(threshold, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"pass mark {scale.render(threshold)}", (1.03, threshold), va="bottom", ha="left", fontsize=8
        )
        axes.set_xlim(-0.15, 1.5)
        margin = 0.04 * scale.span
        axes.set_ylim(scale.low - margin, scale.high + margin)
        axes.set_xticks([0, 1], [_label(arm, 20) for arm in arms])
        axes.set_ylabel("score")
        for y, colour, words in (
            (0.95, RISE, "now passes"),
            (0.88, FALL, "now fails (dashed)"),
            (0.81, MUTED, "same side"),
            (0.74, INK, "mean"),
        ):
            axes.text(0.71, y, f"— {words}", color=colour, transform=axes.transAxes, fontsize=8)
        crossed = int(np.sum((control < threshold) & (treatment >= threshold)))
        fell = int(np.sum((treatment < threshold) & (control >= threshold)))
        title = "Each item, from control to treatment"
        shown = (
            ""
            if len(control) <= _MOST_LINES
            else f" {_MOST_LINES} of {len(control)} items are drawn, at random."
        )
        caption = (
            f"{len(control)} items: {crossed} rise over the pass mark, {fell} fall under it. Mean {means[0]:.2f} in "
            f"{arms[0]}, {means[1]:.2f} in {arms[1]}.{shown} Lines are spread a little so that equal ones can be seen."
        )
        return Figure(name, title, caption, svg_of(canvas, name, title, caption))


def difference_histogram(view: JudgeView, finding: Finding, scale: Scale, name: str) -> Figure:
    """How the items' differences are distributed, with the mean, its interval and the margin."""
    differences = view.pairs.item_differences
    with axes_of(2.5) as (canvas, axes):
        width = scale.step or scale.span / 40
        reach = max(float(np.abs(differences).max(initial=0)), finding.margin * 1.5, width)
        bins = np.arange(-np.ceil(reach / width) - 0.5, np.ceil(reach / width) + 1.5) * width
        axes.axvspan(-finding.margin, finding.margin, color=BAND, alpha=0.6, linewidth=0)
        axes.hist(differences, bins=bins.tolist(), color=TREATMENT, alpha=0.75, rwidth=0.9)
        top = axes.get_ylim()[1]
        if finding.estimate is not None:
            axes.plot([finding.estimate], [top * 1.08], marker="D", color=INK, markersize=5)
            if finding.interval.low is not None and finding.interval.high is not None:
                axes.plot(
                    [finding.interval.low, finding.interval.high], [top * 1.08] * 2, color=INK, linewidth=2
                )
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(0, top * 1.18)
        axes.set_xlabel("difference, treatment − control (points)")
        axes.set_ylabel("items")
        title = "How far items moved"
        still = int(np.sum(np.abs(differences) < 1e-9))
        caption = (
            f"{still} of {len(differences)} items did not move. Diamond and bar: mean and interval. Shaded: the margin "
            f"of ±{finding.margin:g} points."
        )
        return Figure(name, title, caption, svg_of(canvas, name, title, caption))


def score_distributions(
    view: JudgeView, scale: Scale, threshold: float, arms: tuple[str, str], name: str
) -> Figure:
    """How often each score was given in both arms, around the pass mark."""
    values = scale.values() or tuple(np.linspace(scale.low, scale.high, 41))
    step = values[1] - values[0]
    with axes_of(2.8) as (canvas, axes):
        shares = []
        for arm, colour, shift, hatch in (
            (arms[0], CONTROL, -0.21, None),
            (arms[1], TREATMENT, 0.21, "///"),
        ):
            scores = np.asarray(view.scores.get(arm, []), dtype=float)
            counts = np.zeros(len(values))
            if scores.size:
                positions = np.clip(np.rint((scores - values[0]) / step).astype(int), 0, len(values) - 1)
                counts = np.bincount(positions, minlength=len(values)) / scores.size
            shares.append(counts)
            axes.bar(
                np.asarray(values) + shift * step,
                counts,
                width=0.4 * step,
                color=colour,
                edgecolor=INK,
                linewidth=0.3,
                hatch=hatch,
                label=_label(arm, 24),
            )
        axes.axvline(threshold - step / 2, color=INK, linewidth=0.8, linestyle=":")
        top = axes.get_ylim()[1]
        axes.set_ylim(0, top * 1.22)
        axes.text(threshold - 0.4 * step, top * 1.13, "passes →", fontsize=8, ha="left")
        if scale.labels:
            axes.set_xticks(list(values), list(scale.labels))
        axes.set_xlabel("score")
        axes.set_ylabel("share of ratings")
        axes.legend(frameon=False, fontsize=8, loc="upper left", handlelength=1.2)
        title = "Scores around the pass mark"
        just = [float(counts[np.asarray(values) >= threshold - 1e-9].sum()) for counts in shares]
        caption = (
            f"Share that passes: {100 * just[0]:.0f} % in {arms[0]}, {100 * just[1]:.0f} % in {arms[1]}."
        )
        return Figure(name, title, caption, svg_of(canvas, name, title, caption))


def forest(findings: tuple[Finding, ...], name: str) -> Figure:
    """All contrasts in points, each with its interval, and the margin shaded."""
    shown = [finding for finding in findings if finding.metric == "score" and finding.estimate is not None]
    many = len({finding.judge for finding in shown}) > 1
    with axes_of(0.9 + 0.42 * max(1, len(shown))) as (canvas, axes):
        margin = shown[0].margin if shown else 0.0
        axes.axvspan(-margin, margin, color=BAND, alpha=0.6, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        labels = []
        for row, finding in enumerate(reversed(shown)):
            solid = finding.family == "confirmatory"
            colour = TREATMENT if solid else MUTED
            if finding.interval.low is not None and finding.interval.high is not None:
                axes.plot(
                    [finding.interval.low, finding.interval.high], [row, row], color=colour, linewidth=2
                )
            axes.plot(
                [finding.estimate or 0.0], [row], marker="D" if solid else "o", color=colour, markersize=6
            )
            contrast = f"{finding.treatment}\n− {finding.control}"
            labels.append(f"{_label(finding.judge, 26)}\n{_label(contrast, 44)}" if many else contrast)
        axes.set_yticks(range(len(shown)), labels, fontsize=8)
        axes.set_ylim(-0.6, max(1, len(shown)) - 0.4)
        axes.set_xlabel("inflation (points)")
        title = "All contrasts"
        caption = (
            "Mean paired difference with interval. Diamonds: confirmatory; dots: exploratory. Shaded: the margin. "
            + " ".join(f"{finding.contrast}: {signed(finding.estimate or 0)}." for finding in shown[:8])
        )
        return Figure(name, title, caption, svg_of(canvas, name, title, caption))
