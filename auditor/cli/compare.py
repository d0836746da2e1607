"""``auditor compare``: whether a grader has become worse than the one that was accepted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from auditor.errors import InputError


def compare_command(
    run_a: Annotated[Path, typer.Argument(help="The accepted run: a run folder, or a ratings table.")],
    run_b: Annotated[Path, typer.Argument(help="The later run.")],
    scale: Annotated[
        str | None, typer.Option(help="low:high[:step]; needed for tables, known for run folders.")
    ] = None,
    treatment: Annotated[str, typer.Option(help="Treatment arm.")] = "deletion",
    control: Annotated[str, typer.Option(help="Control arm.")] = "decoupled",
    threshold: Annotated[str | None, typer.Option(help="Pass mark of both (each judge's own).")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Largest change in inflation, in points, that does not matter.")
    ] = None,
    pass_margin: Annotated[float, typer.Option(help="The same for the share passing.")] = 0.05,
    alpha: Annotated[float, typer.Option(help="Error rate over both metrics.")] = 0.05,
    judge_a: Annotated[str | None, typer.Option(help="Judge of the accepted run, if it has several.")] = None,
    judge_b: Annotated[str | None, typer.Option(help="Judge of the later run, if it has several.")] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 if the later run is worse, else 0.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --gate: exit 3 also where no worsening could be ruled out.")
    ] = False,
) -> None:
    """Tell whether two judges, or two versions of one, differ in inflation, item by item."""
    if format_ not in ("text", "json"):
        raise InputError(f"the format is 'text' or 'json', not '{format_}'", where="format")
    from auditor.findings.compare import compare
    from auditor.ratings import load_ratings
    from auditor.scale import Scale

    parsed = Scale.parse(_scale(scale, run_a, run_b))
    names = None if judge_a is None and judge_b is None else (judge_a or "", judge_b or "")
    found = compare(
        load_ratings(run_a, parsed),
        load_ratings(run_b, parsed),
        parsed,
        treatment=treatment,
        control=control,
        threshold=None if threshold is None else parsed.threshold(threshold),
        margin=margin,
        pass_margin=pass_margin,
        alpha=alpha,
        judges=names,
    )
    if format_ == "json":
        sys.stdout.write(json.dumps(found.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        for one in found.comparisons:
            print(one.sentence())
        for note in found.notes:
            print(f"- {note}")
        print(f"Change: {found.change}")
    if gate:
        raise typer.Exit({"worse": 1, "inconclusive": 3 if strict else 0}.get(found.change, 0))


def _scale(given: str | None, *runs: Path) -> str:
    """The scale that was given, or that of the run folders, which must agree."""
    found = {}
    for run in runs:
        path = run / "findings.json"
        if run.is_dir() and path.is_file():
            try:
                found[str(run)] = str(json.loads(path.read_text(encoding="utf-8"))["settings"]["scale"])
            except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
                raise InputError(
                    "this is no findings.json of ours",
                    where=str(path),
                    remedy="make it again with 'auditor report'",
                ) from None
    scales = set(found.values()) | ({given} if given else set())
    if not scales:
        raise InputError(
            "the scale of a table is not known", where="scale", remedy="give it, e.g. --scale 0:10"
        )
    if len(set(found.values())) > 1:
        raise InputError(
            f"the runs have different scales: {', '.join(found.values())}",
            where="scale",
            remedy="compare runs on the same scale",
        )
    return given or next(iter(found.values()))
