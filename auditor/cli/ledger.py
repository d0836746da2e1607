"""``auditor ledger``: verify, purge, merge and export the ledger of a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from auditor.errors import InputError

ledger_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The ledger of a run folder: every request and reply."
)
_Run = Annotated[Path, typer.Argument(help="Run folder.")]


@ledger_app.command()
def verify(
    run: _Run, format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text"
) -> None:
    """Recompute all hashes; exit status 1 if one does not fit."""
    if format_ not in ("text", "json"):
        raise InputError(f"the format is 'text' or 'json', not '{format_}'", where="format")
    from dataclasses import asdict

    from auditor.collect import Ledger
    from auditor.collect.verify import verify as check
    from auditor.inert import visible

    with Ledger(run / "ledger.sqlite", create=False) as ledger:
        found = check(ledger)
        models = {judge: list(names) for judge, names in ledger.served_models().items()}
    if format_ == "json":
        print(json.dumps({**asdict(found), "served_models": models}, indent=2))
    else:
        print(
            f"Recomputed: {found.plans} plan(s), {found.items} items, {found.requests} requests, "
            f"{found.replies} replies; {found.removed} attempts without texts."
        )
        for judge, names in models.items():
            changed = " (model_changed: it was another one in between)" if len(names) > 1 else ""
            print(visible(f"{judge} was served by: {', '.join(names)}{changed}"))
        for fault in found.faults:
            print(visible(f"WRONG: {fault}"))
        print("Something does not fit." if found.faults else "All hashes are right.")
    if found.faults:
        raise typer.Exit(1)


@ledger_app.command()
def purge(run: _Run) -> None:
    """Remove the texts of requests and replies for ever; hashes and scores stay."""
    from auditor.collect import Ledger, hold_folder
    from auditor.collect.removal import purge as remove

    path = run / "ledger.sqlite"
    Ledger(path, create=False).close()  # so that nothing is made in a folder that holds no run
    with hold_folder(run), Ledger(path, create=False) as ledger, ledger.connect() as connection:
        count = remove(connection)
    print(
        f"Removed the texts of {count} attempts. Reports that were written before still quote some of them."
    )


@ledger_app.command()
def merge(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one plan.")],
    out: Annotated[Path, typer.Option(help="Run folder that is to hold it all.")],
) -> None:
    """Join run folders of one plan; 'auditor run' or 'auditor report' goes on from there."""
    from auditor.collect import hold_folder
    from auditor.collect.merge import merge as join

    for run in runs:
        if not (run / "ledger.sqlite").is_file():
            raise InputError("there is no ledger.sqlite in it", where=str(run), remedy="give run folders")
    with hold_folder(out):
        count = join(out / "ledger.sqlite", [run / "ledger.sqlite" for run in runs])
    print(f"{count} attempts were added to {out / 'ledger.sqlite'}.")


@ledger_app.command()
def export(run: _Run, file: Annotated[Path, typer.Argument(help="File: .csv, .jsonl or .parquet.")]) -> None:
    """Write the ratings, with model, tokens and times, in constant memory."""
    from auditor.collect import Ledger
    from auditor.collect.export import export as write

    with Ledger(run / "ledger.sqlite", create=False) as ledger:
        count = write(ledger, file)
    print(f"{count} ratings: {file}")
