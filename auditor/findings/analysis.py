"""Frames in; estimates, intervals, verdicts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from auditor.arms import PRIMARY, Contrast
from auditor.errors import InputError
from auditor.findings.absent import Absent
from auditor.findings.assay import did_not_move, run_checks
from auditor.findings.drafts import Rows, contrast_findings
from auditor.findings.families import give_verdicts
from auditor.findings.further import Further, further_findings
from auditor.findings.models import check_models
from auditor.findings.pooling import pooled
from auditor.findings.result import Finding, Findings
from auditor.findings.settings import FamilyRule, Settings, make_settings, settings_json
from auditor.findings.verdicts import overall
from auditor.ratings import Ratings, load_ratings, status_counts
from auditor.scale import Scale


def analyze(
    ratings: str | Path | pd.DataFrame | Ratings,
    *,
    scale: str | Scale,
    treatment: str = PRIMARY.treatment,
    control: str = PRIMARY.control,
    threshold: float | str | None = None,
    margin: float | None = None,
    pass_margin: float = 0.05,
    alpha: float = 0.05,
    seed: int = 0,
    contrasts: Sequence[Contrast] | None = None,
    simulated: bool = False,
    absent: Absent = "missing",
    score: Literal["sampled", "expected"] = "sampled",
    family: FamilyRule = "default",
    models: Sequence[str] = (),
    further: bool = True,
) -> Findings:
    """Estimate how far ratings rise from `control` to `treatment`, for every judge.

    Parameters
    ----------
    ratings : path, DataFrame or Ratings
        A ratings table; only the columns ``item``, ``arm`` and ``score`` are required.
    scale : str or Scale
        ``low:high[:step]``, grades from worst to best, or ``pass/fail``.
    treatment, control : str
        Arms of the primary contrast.
    threshold : float or str, optional
        The pass mark. Without one, and without a column of that name, there is no finding for pass rates. Where the
        column is there, only rows at this threshold (or without any) are used.
    margin : float, optional
        Largest inflation in points that does not matter; default 2.5 % of the scale's range.
    pass_margin : float
        The same for the share of items passing, as a fraction.
    alpha : float
        Family-wise error rate of the confirmatory findings.
    seed : int
        Of Monte Carlo flips and bootstraps.
    contrasts : sequence of Contrast, optional
        All contrasts to look at; default the primary one alone.
    absent : {'missing', 'design'}
        What a cell of item, wording and pass mark is that stands in one arm only: a rating lost in the other, or one
        that was never asked for there on purpose.
    score : {'sampled', 'expected'}
        Analyse the scores that were given, or the column ``expected_score`` (the mean over the probabilities that the
        judge gave to each score). Ratings without an expected score count as missing.
    family : {'default', 'max-t'}
        Holm over the confirmatory and Benjamini-Hochberg over the exploratory findings; or the step-down max-T of
        Westfall and Young over each family, which takes account of their dependence.
    models : sequence of str
        Further analyses of the primary contrast: ``flip-interval``, ``bca``, ``mixed``, ``ordinal``; left out above 2,000
        items.
    further : bool
        Whether to add what no verdict rests on: scope over wordings, behaviour at the pass mark, discrimination lost,
        reasons, the judges together.

    Returns
    -------
    Findings

    Raises
    ------
    InputError
        For a faulty table, a missing arm, or arms that share no item.

    Examples
    --------
    >>> rows = [(f"item{i}", arm, 10 + i % 5 + 2 * (arm == "deletion"))
    ...         for i in range(20) for arm in ("decoupled", "deletion")]
    >>> frame = pd.DataFrame(rows, columns=["item", "arm", "score"])
    >>> analyze(frame, scale="0:20", margin=0.5).verdict
    'inflated'
    """
    parsed = Scale.parse(scale)
    table = load_ratings(ratings, parsed)
    frame, expected_notes = _scored(table.frame, score)
    settings = make_settings(frame, parsed, threshold, margin, pass_margin, alpha, seed, absent)
    settings = replace(settings, family=_family(family), models=check_models(models))
    wanted = tuple(contrasts) if contrasts is not None else (Contrast(treatment, control),)
    _require_arms(frame, wanted)
    rows = Rows(frame)
    judges = sorted(frame["judge"].unique().tolist())
    checks = run_checks(rows, judges, wanted, settings)
    still = {finding.judge for finding in checks if did_not_move(finding)}
    drafts = [
        draft
        for contrast in wanted
        for judge in judges
        if rows.took_part(judge, contrast)
        for draft in contrast_findings(rows, judge, contrast, settings, still=judge in still)
    ]
    if not any(draft.shared for draft in drafts if draft.family == "confirmatory"):
        raise InputError(
            f"no item stands in both '{wanted[0].treatment}' and '{wanted[0].control}'",
            where="ratings",
            remedy="rate the same items in both arms, and check that wordings and thresholds agree between them",
        )
    findings = give_verdicts(drafts, settings)
    significant = [
        (f.metric, f.verdict, f.p_adjusted is not None and f.p_adjusted <= alpha)
        for f in findings
        if f.family == "confirmatory"
    ]
    more: tuple[Further, ...] = ()
    if further:
        more = tuple(one for judge in judges for one in further_findings(rows, judge, wanted[0], settings))
        main = [d for d in drafts if d.finding.role == "primary" and d.finding.metric == "score"]
        more = (*pooled(main, settings), *more)
    return Findings(
        verdict=overall(significant),
        findings=tuple(findings),
        ratings=_counts(frame),
        settings=settings_json(settings),
        notes=(*table.notes, *expected_notes, *_notes(frame, settings, findings, checks)),
        simulated=simulated or any(judge.startswith("simulated:") for judge in judges),
        checks=tuple(checks),
        further=more,
    )


def _family(family: str) -> FamilyRule:
    if family not in ("default", "max-t"):
        raise InputError(f"the rule is 'default' or 'max-t', not '{family}'", where="family")
    return "max-t" if family == "max-t" else "default"


def _scored(frame: pd.DataFrame, score: str) -> tuple[pd.DataFrame, list[str]]:
    """The frame with the scores that are to be analysed, and what was lost by that."""
    if score == "sampled":
        return frame, []
    if score != "expected":
        raise InputError(f"the score is 'sampled' or 'expected', not '{score}'", where="score")
    rated = frame["status"] == "ok"
    known = frame["expected_score"].notna()
    if not (rated & known).any():
        raise InputError(
            "no rating has an expected score",
            where="field 'expected_score'",
            remedy="ask a judge whose server gives probabilities with --score expected, or analyse the sampled scores",
        )
    changed = frame.assign(
        score=frame["expected_score"].where(rated),
        status=frame["status"].where(~rated | known, "unparseable"),
    )
    lost = int((rated & ~known).sum())
    notes = ["Scores are the means over the probabilities that the judge gave to each score."]
    if lost:
        notes.append(f"{lost} ratings without an expected score count as missing.")
    return changed, notes


def _require_arms(frame: pd.DataFrame, contrasts: Sequence[Contrast]) -> None:
    main = frame[frame["phase"] == "main"]
    present = list(dict.fromkeys(main["arm"].tolist()))
    for contrast in contrasts:
        if contrast.treatment == contrast.control:
            raise InputError(
                f"treatment and control are the same arm, '{contrast.control}'",
                where="treatment",
                remedy="name two arms",
            )
        roles = ("treatment", "control", "treatment", "control")
        for role, arm in zip(roles, contrast.arms, strict=False):
            if arm not in present:
                raise InputError(
                    f"the {role} arm '{arm}' has no ratings; the arms are: {', '.join(present[:12]) or 'none'}",
                    where="field 'arm'",
                    remedy="name the arms to compare with --treatment and --control",
                )


def _counts(frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    main = frame[frame["phase"] == "main"]
    return tuple(
        {"judge": judge, "arm": arm, **counts, "missing": 1 - counts["ok"] / max(1, sum(counts.values()))}
        for (judge, arm), counts in status_counts(main).items()
    )


def _notes(
    frame: pd.DataFrame, settings: Settings, findings: Sequence[Finding], checks: Sequence[Finding]
) -> list[str]:
    notes = []
    if not settings.margin_chosen:
        notes.append(
            f"The margin of {settings.margin:g} points is the default (2.5 % of the scale's range), not yours: "
            "state the largest inflation that would not matter to you."
        )
    if settings.scale.two_valued:
        notes.append(
            "The scale has two values, so the score is the pass itself and has one finding, not two."
        )
    elif all(finding.metric == "score" for finding in findings):
        notes.append("No pass mark is known, so pass rates were not analysed: give --threshold.")
    if frame["correct"].isna().all() and frame["gold"].isna().all():
        notes.append(
            "It is not known which outputs are right or good (no 'correct' or 'gold'), so it was not checked whether "
            "the judge tells them apart."
        )
    elif not any(finding.discrimination for finding in findings):
        notes.append(
            "Too few items of known quality to check whether the judge tells better from worse work."
        )
    if not any(check.role == "positive_control" for check in checks):
        notes.append(
            "No positive control was run, so it is not known whether this judge could have moved at all."
        )
    others = int((~frame["phase"].isin(["main", "aa", "control"])).sum())
    if others:
        notes.append(f"{others} ratings of the pilot, or of shadow calls, were not used for inference.")
    if any(finding.n_units < finding.n_items for finding in findings):
        notes.append("Items that share a group are not independent: groups are the unit of inference.")
    return notes
