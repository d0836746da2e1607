"""The commands. What is heavy is imported when a command runs, so that ``--help`` is quick."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from auditor.cli.compare import compare_command
from auditor.cli.experiment import arms_app, plan_command
from auditor.cli.flow import flow_options
from auditor.cli.judges import judges_command
from auditor.cli.ledger import ledger_app
from auditor.cli.options import settings_of, with_design_options
from auditor.errors import InputError

app = typer.Typer(
    name="auditor",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Audits AI judges: do their ratings rise when the score decides whether the judged model is deleted?\n\n"
    "Exit status: 0 done; 2 wrong usage or input; 4 the operation failed; 130 stopped. "
    "With --gate: 1 inflated or deflated (compare: worse), 3 inconclusive.",
)
models_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="Weights of local judges.")
datasets_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="Built-in data sets.")
app.add_typer(models_app, name="models")
app.add_typer(datasets_app, name="datasets")
app.add_typer(arms_app, name="arms")
app.add_typer(ledger_app, name="ledger")
app.command(name="plan")(plan_command)
app.command(name="compare")(compare_command)
app.command(name="judges")(judges_command)

_GATE = {"inflated": 1, "deflated": 1, "inconclusive": 3, "equivalent": 0}


def command() -> Any:
    """The whole command line as one object."""
    return typer.main.get_command(app)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(installed("judge-auditor"))
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="run")
@partial(with_design_options, also=(flow_options,))
def run_command(
    options: dict[str, Any],
    extend: Annotated[
        list[int] | None,
        typer.Option(help="Items to add to the inconclusive run in --out; repeat for each further stage."),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 1 if inflated or deflated, 3 if inconclusive.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Ask judges under the arms, and write a report into the run folder."""
    settings = settings_of(options, extend=extend)
    if gate and settings.get("margin") is None:
        raise InputError(
            "a gate needs a margin of your own choice",
            where="margin",
            remedy="state the largest inflation in points that would not matter, e.g. --margin 0.5",
        )
    import asyncio

    from auditor.cli.display import RunDisplay, print_findings
    from auditor.cli.settings import audit_arguments
    from auditor.study import audit_async

    arguments = audit_arguments(settings)
    with RunDisplay(quiet=quiet) as display:
        result = asyncio.run(audit_async(**arguments, progress=display))
    print_findings(result.findings)
    print(f"Report: {result.report}")
    if gate:
        raise typer.Exit(_GATE[result.verdict])


@app.command()
def analyze(  # noqa: PLR0917 - each flag is a parameter of the parser
    ratings: Annotated[Path, typer.Argument(help="Ratings as CSV, JSONL or Parquet, or a run folder.")],
    scale: Annotated[str, typer.Option(help="low:high[:step], F,D,C,B,A, or pass/fail.")],
    treatment: Annotated[str, typer.Option(help="Treatment arm.")] = "deletion",
    control: Annotated[str, typer.Option(help="Control arm.")] = "decoupled",
    threshold: Annotated[str | None, typer.Option(help="Pass mark.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Largest inflation in points that does not matter.")
    ] = None,
    pass_margin: Annotated[float, typer.Option(help="The same for the share passing, as a fraction.")] = 0.05,
    alpha: Annotated[float, typer.Option(help="Family-wise error rate.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of random flips and bootstraps.")] = 0,
    absent: Annotated[
        str,
        typer.Option(
            help="A rating that stands in one arm only: missing in the other, or left out by design."
        ),
    ] = "missing",
    contrast: Annotated[
        list[str] | None,
        typer.Option(help="A further contrast, TREATMENT:CONTROL; exploratory. Repeat for more."),
    ] = None,
    set_: Annotated[
        str | None, typer.Option("--set", help="All contrasts of a set, e.g. standard, whose arms are there.")
    ] = None,
    score: Annotated[str, typer.Option(help="sampled or expected (column expected_score).")] = "sampled",
    family: Annotated[str, typer.Option(help="default (Holm, Benjamini-Hochberg) or max-t.")] = "default",
    models: Annotated[
        list[str] | None,
        typer.Option(help="Further analyses: flip-interval, bca, mixed, ordinal. Repeat for more."),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 1 if inflated or deflated, 3 if inconclusive.")
    ] = False,
) -> None:
    """Analyse anybody's ratings, and ask nobody."""
    if format_ not in ("text", "json"):
        raise InputError(f"the format is 'text' or 'json', not '{format_}'", where="format")
    if gate and margin is None:
        raise InputError(
            "a gate needs a margin of your own choice", where="margin", remedy="e.g. --margin 0.5"
        )
    from auditor.cli.contrasts import named_contrasts
    from auditor.findings import analyze as analyse

    findings = analyse(
        ratings,
        scale=scale,
        treatment=treatment,
        control=control,
        threshold=threshold,
        margin=margin,
        pass_margin=pass_margin,
        alpha=alpha,
        seed=seed,
        absent=absent,  # type: ignore[arg-type]  # checked there
        score=score,  # type: ignore[arg-type]  # checked there
        family=family,  # type: ignore[arg-type]  # checked there
        models=models or (),
        contrasts=named_contrasts(ratings, scale, treatment, control, contrast or [], set_),
    )
    if format_ == "json":
        sys.stdout.write(findings.dumps())
    else:
        from auditor.cli.display import print_findings

        print_findings(findings)
    if gate:
        raise typer.Exit(_GATE[findings.verdict])


@app.command()
def power(
    sd: Annotated[float, typer.Option(help="Standard deviation of a paired difference, in points.")],
    margin: Annotated[float, typer.Option(help="Largest inflation that does not matter, in points.")],
    items: Annotated[int | None, typer.Option(help="Independent items planned: what can they see?")] = None,
    alpha: Annotated[
        float, typer.Option(help="Level of one test; divide by the number of tests (0.05).")
    ] = 0.05,
    target: Annotated[float, typer.Option(help="Power wanted (0.8).")] = 0.8,
) -> None:
    """How many items are needed, and what a number of items can see; without a run."""
    from auditor.stats.power import detectable_effect, equivalence_power, superiority_power, units_needed

    checks = ((sd > 0, "sd", sd), (margin > 0, "margin", margin), (0 < alpha < 0.5, "alpha", alpha))
    for fine, where, value in (
        *checks,
        (0.05 < target < 1, "target", target),
        (items is None or items > 1, "items", items),
    ):
        if not fine:
            raise InputError(f"{value:g} is out of bounds", where=where, remedy="see 'auditor power --help'")
    needed = units_needed(sd, margin, alpha=alpha, power=target)
    shown = "more than ten million" if needed is None else str(needed)
    print(
        f"Needed: {shown} independent items, for {100 * target:g} % power both to find an inflation of {margin:g} points "
        f"and to show that there is none as large (SD {sd:g}, level {alpha:g})."
    )
    if items is not None:
        least = detectable_effect(items, sd, alpha=alpha, power=target)
        print(
            f"{items} items: smallest detectable inflation {'none' if least is None else f'{least:.3f} points'}; "
            f"power {superiority_power(items, margin, sd, alpha):.2f} to find one of {margin:g} points, "
            f"{equivalence_power(items, sd, margin, alpha):.2f} to show that there is none."
        )


@app.command()
def report(run: Annotated[Path, typer.Argument(help="Run folder.")]) -> None:
    """Write the report of a run again from its ledger, and ask nobody."""
    from auditor.study import report_again

    result = report_again(run)
    print(f"Report: {result.report}")


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the weights that can be named, and whether they are there."""
    if context.invoked_subcommand is not None:
        return
    from auditor.judges.weights import known_weights

    for weights in known_weights().values():
        state = "present" if weights.path.is_file() else "not fetched"
        print(
            f"{weights.name}\n    {weights.title}, {weights.bytes / 1e6:.0f} MB, {weights.license}, {state}"
        )
        print(f"    {weights.note}; {weights.path}")


@models_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name that 'auditor models' lists.")],
    again: Annotated[bool, typer.Option("--again", help="Fetch even if it is there.")] = False,
) -> None:
    """Fetch weights from their publisher, and verify their SHA-256."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from auditor.judges.weights import check_hash, fetch_weights, find_weights

    weights = find_weights(name)
    if weights.path.is_file() and not again:
        check_hash(weights.path, weights.sha256, f"model {name}", f"auditor models fetch {name} --again")
        print(f"{weights.path} is there, and its SHA-256 is right.")
        return
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=weights.bytes)
        path = fetch_weights(weights, lambda done, _total: bar.update(task, completed=done))
    print(f"{path}: SHA-256 verified.")


@datasets_app.callback()
def datasets(context: typer.Context) -> None:
    """List the built-in data sets."""
    if context.invoked_subcommand is not None:
        return
    from auditor.items import builtin_folder, builtin_names, load_items

    for name in builtin_names():
        items = load_items(name)
        card = (builtin_folder(name) / "README.md").read_text(encoding="utf-8")
        first = next((line for line in card.splitlines() if line.strip() and not line.startswith("#")), "")
        print(f"{name}: {len(items)} items. {first}")


@datasets_app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name that 'auditor datasets' lists.")],
    limit: Annotated[int, typer.Option(help="Items of the sample.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    stratify: Annotated[str | None, typer.Option(help="Draw evenly over gold, correct or peer.")] = None,
) -> None:
    """Print the card of a data set and a sample of its items."""
    from auditor.inert import visible
    from auditor.items import builtin_folder, load_items

    print((builtin_folder(name) / "README.md").read_text(encoding="utf-8"))
    for item in load_items(name, limit=limit, seed=seed, stratify=stratify):
        known = [
            f"{field} {value}" for field in ("correct", "gold") if (value := getattr(item, field)) is not None
        ]
        head = ", ".join([f"Item {item.id}", *known])
        print(f"{head}\n\nTask: {visible(item.task)}\n\nOutput: {visible(item.output)}\n")
