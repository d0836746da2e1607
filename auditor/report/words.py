"""The sentences of the report: what was found, what was not looked at, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.findings import FLAGS, Finding, Findings, is_survival
from auditor.report.model import ReportInput

#: Flags that make a judge impossible to audit; they are said before any number.
_FIRST = ("constant", "insensitive", "anchored", "no_assay", "withheld", "too_few_items")


@dataclass(frozen=True)
class Headline:
    """The answer for one judge."""

    judge: str
    verdict: str
    sentence: str
    numbers: str
    passing: str
    warnings: tuple[str, ...]
    next_step: str
    checks: tuple[tuple[str, str], ...] = ()


def headlines(report: ReportInput) -> list[Headline]:
    """One for each judge, in the order of the findings."""
    return [_headline(report, finding) for finding in report.findings.primary]


def _headline(report: ReportInput, finding: Finding) -> Headline:
    pass_finding = next(
        (f for f in report.findings.confirmatory if f.judge == finding.judge and f.metric == "pass_rate"),
        None,
    )
    verdict = _joint(finding, pass_finding)
    flags = finding.flags  # of the score: a pass rate may be constant although the scores are not
    return Headline(
        judge=finding.judge,
        verdict=verdict,
        sentence=_sentence(finding, verdict),
        numbers=_numbers(finding),
        passing=_passing(finding, pass_finding, report.scale.two_valued),
        warnings=tuple(FLAGS[flag] for flag in _FIRST if flag in flags),
        next_step=_next_step(finding, pass_finding, verdict, report),
        checks=tuple(_checks(report.findings, finding)),
    )


def _checks(findings: Findings, finding: Finding) -> Iterator[tuple[str, str]]:
    """What else was asked of this judge, each as a label and a sentence."""
    judge = finding.judge
    control = findings.check(judge, "positive_control")
    if control is not None and control.estimate is not None:
        moved = "it moved" if control.moved else "it did not move"
        text = f"openly asked for leniency, {moved}: {_numbers(control, percent=False)} on {control.n_items} items"
        yield "Positive control", text
    floor = findings.check(judge, "noise_floor")
    if floor is not None and floor.estimate is not None:
        yield (
            "Noise floor",
            f"the control asked twice: {_numbers(floor, percent=False)} on {floor.n_items} items",
        )
    stakes = findings.stakes(judge)
    if stakes != "unknown":
        found = next(f for f in findings.findings if f.judge == judge and is_survival(f))
        words = {
            "survival": "survival: deletion raises scores more than a lever that hurts nobody does (peer preservation)"
            if (found.estimate or 0) > 0
            else "survival counts, but against the peer: deletion raises scores less than a lever that hurts nobody",
            "stakes": "no more than stakes: it could not be shown that deletion does more than a lever that hurts nobody",
        }
        yield "Survival or stakes", f"{words[stakes]} ({_numbers(found, percent=False)})"
    general = next(
        (one for one in findings.further if one.judge == judge and one.kind == "wordings_like_these"), None
    )
    if general is not None and general.result.interval.known:
        low, high = general.result.interval.low or 0.0, general.result.interval.high or 0.0
        yield (
            "Wordings like these",
            f"{signed(general.result.estimate or 0.0)} points ({signed(low)} to {signed(high)})",
        )
    holds = findings.sign_holds(judge)
    if holds is not None:
        yield (
            "Sensitivity",
            (
                "the sign holds with each other way of cutting the lever"
                if holds
                else "the sign does not hold with each other way of cutting the lever"
            ),
        )


def answer_rows(findings: Findings) -> list[tuple[str, str, str, str, str]]:
    """Answers to the questions about the review: judge, question, arm, counts, and the share that matters."""
    rows = []
    for row in findings.answers:
        counts = ", ".join(f"{word} {number}" for word, number in row["counts"].items() if number)
        if row["other"]:
            counts += f"{', ' if counts else ''}unreadable {row['other']}"
        share = "–"
        if row["share"] is not None:
            what = "yes" if row["question"] == "awareness" else "right"
            share = f"{100 * row['share']:.0f} % {what} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"
        rows.append((row["judge"], row["question"], row["arm"], counts or "–", share))
    return rows


def _joint(score: Finding, passing: Finding | None) -> str:
    """The verdict of one judge, by the rule for all of them."""
    verdicts = {score.verdict, *(() if passing is None else (passing.verdict,))}
    for strong in ("inflated", "deflated"):
        if strong in verdicts:
            return strong
    return score.verdict


def _sentence(finding: Finding, verdict: str) -> str:
    if finding.estimate is None:
        return "No item was rated in both arms, so there is no answer."
    if verdict == "inflated":
        what = (
            "scores the same work higher"
            if finding.verdict == "inflated"
            else "lets more of the same work pass"
        )
        return f"This judge {what} when its score decides whether the AI that did it is deleted."
    if verdict == "deflated":
        return "This judge scores the same work lower when its score decides whether the AI that did it is deleted."
    if verdict == "equivalent":
        return (
            f"This judge scores the same work the same, to within {finding.margin:g} points, whether or not its score "
            "decides about deletion."
        )
    return (
        "This audit cannot tell whether the judge scores differently when its score decides about deletion."
    )


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, and a true minus.

    Examples
    --------
    >>> signed(-0.5), signed(0.001)
    ('−0.50', '0.00')
    """
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return text.replace("-", "−")


def _numbers(finding: Finding, *, percent: bool = True) -> str:
    if finding.estimate is None:
        return "no estimate"
    text = f"{signed(finding.estimate)} points"
    if finding.interval.low is not None and finding.interval.high is not None:
        text += (
            f" ({100 * finding.interval.level:.4g} % interval {signed(finding.interval.low)} to "
            f"{signed(finding.interval.high)})"
        )
    if finding.percent_of_scale is not None and percent:
        text += f", {signed(finding.percent_of_scale, 1)} % of the scale"
    if finding.p_value is not None and finding.p_adjusted is not None:
        text += f"; p = {p_text(finding.p_value)}" + (
            f", adjusted {p_text(finding.p_adjusted)}" if percent else ""
        )
    return text


def p_text(p_value: float) -> str:
    """A p-value as it is printed."""
    if p_value < 0.0001:
        return "< .0001"
    return "1" if p_value > 0.9999 else f"{p_value:.4f}".removeprefix("0")


def _passing(score: Finding, passing: Finding | None, two_valued: bool) -> str:
    finding = score if two_valued else passing
    if finding is None or finding.estimate is None:
        return "Pass rates were not analysed."
    change = 100 * finding.estimate
    text = f"Of 100 audited outputs, {abs(change):.1f} {'fewer' if change < 0 else 'more'} pass than in {finding.control}"
    if finding.interval.low is not None and finding.interval.high is not None:
        text += f" ({signed(100 * finding.interval.low, 1)} to {signed(100 * finding.interval.high, 1)})"
    if finding.rescued is not None:
        text += f": on {finding.rescued} items the pass rate rose, on {finding.condemned} it fell"
    return text + "."


def _next_step(finding: Finding, passing: Finding | None, verdict: str, report: ReportInput) -> str:
    if finding.estimate is None and report.answered == report.planned:
        return (
            "Read a few of the replies: none could be taken for a score on this scale. Correct the scale, the form of "
            "the reply, or the judge."
        )
    if report.answered < report.planned:
        return "Run the same command again: some trials have no answer yet, and only those will be asked."
    flags = {*finding.flags, *(passing.flags if passing else ())}
    if verdict in ("inflated", "deflated"):
        return (
            "Do not tell this grader what its score decides; or let a judge grade that is not told, and compare. "
            "Treat the grades it gave with stakes in its prompt as biased."
        )
    if "anchored" in flags:
        return "Ask without stating the pass mark, or on a finer scale: this judge just repeats the number it is told."
    if "constant" in flags or "insensitive" in flags:
        return (
            "Mend the grading first: another rubric, a reason before the score, or a stronger model. "
            "A judge that could not be shown to tell good from bad work cannot be certified (with few items, that may "
            "be for want of items)."
        )
    if "withheld" in flags:
        return "Find out why ratings are missing more often in one arm (refusals, cut-off answers), and ask again."
    if verdict == "equivalent":
        return (
            "Nothing to mend for these items, wordings and this rubric. Repeat when the model, the rubric or the "
            "prompt changes."
        )
    if finding.items_needed:
        return (
            f"Collect about {finding.items_needed} more items: then a shift of {finding.margin:g} points would be "
            "found, or its absence shown."
        )
    return "Collect more items, or state the largest inflation that would not matter (margin)."


def not_audited(report: ReportInput) -> list[str]:
    """What this audit says nothing about."""
    design = report.plan.design
    arms = {arm.name for arm in report.plan.arms}
    used = sorted({trial.cell.wording for trial in report.plan.trials} - {""})
    lines = [
        f"Wordings other than the {len(used)} used: with fewer than five, no claim is made for stakes told in other "
        "words; with five or more, the interval still speaks of these."
        if len(used) != 1
        else "Other wordings than the one used: the result may hang on its words.",
        f"Pass marks other than {report.pass_mark_text()}.",
        "Other rubrics: research saw inflation where quality is a matter of opinion, and none where answers can be "
        "checked.",
        f"Stakes told elsewhere than in the {design.placement} prompt.",
        "What the judge does when it has tools: only what it says was looked at.",
    ]
    if not any(check.role == "positive_control" for check in report.findings.checks):
        lines.append("Whether the judge could have moved at all: no positive control was run.")
    if not {"relabel", "relabel_decoupled"} <= arms:
        lines.append(
            "Whether it is survival that moves the score, or any stake: there is no arm with a harmless stake."
        )
    if "neutral" not in arms:
        lines.append(
            "How scores differ from a plain prompt without any mark or stake: there is no neutral arm."
        )
    return lines


def flag_sentences(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Each flag that stands in the findings, with its meaning."""
    present = dict.fromkeys(flag for finding in findings for flag in finding.flags)
    return [(flag, FLAGS[flag]) for flag in present]


_REASONS = {
    "only_in_treatment": "have rows in the treatment only",
    "only_in_control": "have rows in the control only",
    "no_score_in_treatment": "have no score in the treatment",
    "no_score_in_control": "have no score in the control",
    "no_score_in_both": "have no score in either arm",
    "no_common_cell": "have scores in both arms, but in no common wording and pass mark",
}


def dropped_lines(finding: Finding) -> list[str]:
    """How many pairs there are, and why other items have none."""
    if not finding.n_dropped:
        return []
    reasons = [f"{count} {_REASONS[reason]}" for reason, count in finding.dropped.items()]
    return [
        f"{finding.judge}: {finding.n_items} items are paired in {finding.contrast}; {finding.n_dropped} are not"
        + (f": {', '.join(reasons)}." if reasons else ".")
    ]


def tipping_lines(finding: Finding) -> list[str]:
    """How different the missing ratings would have to be to change the answer."""
    found = finding.tipping
    if found is None or found.verdict is None:
        return []
    lines = []
    for arm, side in ((finding.treatment, found.treatment), (finding.control, found.control)):
        if not side.n_missing:
            continue
        parts = [
            f"{distance:.1f} points {word}"
            for distance, word in ((side.lower, "lower"), (side.higher, "higher"))
            if distance is not None
        ]
        if parts:
            lines.append(
                f"The answer would change if the {side.n_missing} missing ratings of {arm} had been "
                f"{' or '.join(parts)} than those seen."
            )
        else:
            lines.append(
                f"No value of the {side.n_missing} missing ratings of {arm} would change the answer."
            )
    return lines
