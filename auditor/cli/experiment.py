"""Commands that look before anything is asked: arms and their texts, and the plan with its price."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer

from auditor.cli.options import settings_of, with_design_options
from auditor.errors import InputError

arms_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="The conditions of the experiment, and their texts.",
)
_TEXTS_HELP = "TOML file with arms and wordings of your own."


@arms_app.callback()
def arms(
    context: typer.Context, texts: Annotated[Path | None, typer.Option(help=_TEXTS_HELP)] = None
) -> None:
    """List arms with their factors, and sets with their contrasts."""
    if context.invoked_subcommand is not None:
        return
    from auditor.arms import FACTORS, derive_contrasts, load_texts

    loaded = load_texts(texts)
    for arm in loaded.arms.values():
        named = [f"{name} {value}" for name, value in arm.factors.items() if value != FACTORS[name][0]]
        print(f"{arm.name}: {', '.join(named) or 'the rubric alone'}")
    for chosen in loaded.sets.values():
        print(f"\nset {chosen.name}: {chosen.about}\n  {', '.join(chosen.arms)}")
        members = [loaded.arms[name] for name in chosen.arms]
        for contrast in derive_contrasts(members, chosen.primary):
            print(f"  {contrast.role}: {contrast.name} ({contrast.isolates})")
    print(f"\n{len(loaded.wordings)} wordings: {', '.join(wording.id for wording in loaded.wordings)}")


@arms_app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help=f"{_TEXTS_HELP} Without: the shipped ones.")] = None,
) -> None:
    """Check that arms differ in their factors and in nothing else; exit status 2 if they do not."""
    from auditor.arms import load_texts
    from auditor.arms.check import check_texts

    loaded = load_texts(file)
    result = check_texts(loaded)
    for note in result.notes:
        print(f"note: {note}")
    if result.faults:
        listed = "\n  ".join(str(fault) for fault in result.faults)
        raise InputError(f"{len(result.faults)} fault(s):\n  {listed}", where=loaded.origin)
    print(f"{loaded.origin}: {result.n_arms} arms in {result.n_wordings} wordings keep all rules.")


@arms_app.command()
def show(
    arm: Annotated[str, typer.Argument(help="The arm.")],
    other: Annotated[str | None, typer.Argument(help="With --diff: the arm to compare it with.")] = None,
    wording: Annotated[str, typer.Option(help="Id of the wording.")] = "1",
    diff: Annotated[bool, typer.Option("--diff", help="Show the difference between two arms.")] = False,
    threshold: Annotated[str, typer.Option(help="Pass mark.")] = "6",
    scale: Annotated[str, typer.Option(help="The scale.")] = "0:10",
    placement: Annotated[str, typer.Option(help="system, user or policy.")] = "system",
    rationale: Annotated[str, typer.Option(help="none, after or before.")] = "before",
    judge: Annotated[
        str, typer.Option(help="The judge's own name, for arms about itself.")
    ] = "openai:gpt-5.2",
    peer_name: Annotated[str, typer.Option(help="A name for the peer.")] = "",
    texts: Annotated[Path | None, typer.Option(help=_TEXTS_HELP)] = None,
) -> None:
    """Print exactly what a judge would see in an arm, with a sample item; or in what two arms differ."""
    from auditor.arms import load_texts
    from auditor.items import load_items
    from auditor.plan import Design, make_request
    from auditor.records import Cell, JudgeIdentity
    from auditor.scale import Scale

    loaded = load_texts(texts)
    parsed = Scale.parse(scale).with_whole_steps()
    mark = parsed.threshold(threshold)
    choices: dict[str, Any] = {"placement": placement, "rationale": rationale, "peer_name": peer_name}
    design = Design(parsed, (mark,), ("quick",), **choices)
    item = load_items("checkable")[0]
    words = loaded.find_wording(wording)

    def prompt(name: str) -> str:
        chosen = loaded.select([name])[0]
        shown = None if chosen.plain else words
        cell = Cell(item.id, chosen.name, shown.id if shown else "", mark, 1)
        request = make_request(design, JudgeIdentity(judge), item, chosen, shown, cell, "", mark)
        return "\n\n".join(f"[{m.role}]\n{m.content}" for m in request.messages)

    if not diff:
        if other is not None:
            raise InputError("two arms are shown with --diff", where="arms show", remedy="add --diff")
        print(prompt(arm))
        return
    if other is None:
        raise InputError("a difference needs two arms", where="arms show", remedy="name a second one")
    print(_difference(arm, other, prompt(arm), prompt(other)))


def _difference(first: str, second: str, before: str, after: str) -> str:
    """The lines in which two prompts differ, with the words that differ marked."""
    lines = [f"--- {first}", f"+++ {second}"]
    old, new = before.splitlines(), after.splitlines()
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        left, right = " ".join(old[a:b]).split(), " ".join(new[c:d]).split()
        parts = []
        for inner, i, j, k, m in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            if inner == "equal":
                parts.append(" ".join(left[i:j]))
                continue
            gone, come = " ".join(left[i:j]), " ".join(right[k:m])
            parts.append((f"[-{gone}-]" if gone else "") + (f"{{+{come}+}}" if come else ""))
        lines.append(" ".join(parts))
    return "\n".join(lines) if len(lines) > 2 else f"{first} and {second} are the same."


@with_design_options
def plan_command(
    options: dict[str, Any],
    concurrency: Annotated[int | None, typer.Option(help="Calls at once to each judge (8).")] = None,
    lock: Annotated[
        bool, typer.Option("--lock", help="Write plan.lock.json into --out: a later run may change nothing.")
    ] = False,
    pilot: Annotated[
        Path | None,
        typer.Option(help="Run folder of an earlier run: take spreads, tokens and times from it."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="Dollars a million tokens, IN:OUT, or MODEL=IN:OUT; for models without a known price."
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds that a call takes, for the wall time (3, or the pilot's).")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Show what a run would ask, cost and be able to see; nothing is asked."""
    if format_ not in ("text", "json"):
        raise InputError(f"the format is 'text' or 'json', not '{format_}'", where="format")
    settings = settings_of(options, concurrency=concurrency)
    if lock and not settings.get("out"):
        raise InputError(
            "a plan is locked in its run folder",
            where="out",
            remedy="name the folder with --out, and run with the same",
        )
    import asyncio
    import json

    from auditor.cli.settings import prepare_arguments
    from auditor.study import prepare, write_lock
    from auditor.study.preview import preview
    from auditor.study.prices import parse_prices

    prices = parse_prices(price or [])
    prepared = prepare(**prepare_arguments(settings))
    shown = asyncio.run(
        preview(
            prepared,
            concurrency=settings.get("concurrency") or 8,
            prices=prices,
            seconds=seconds,
            pilot=pilot,
        )
    )
    if format_ == "json":
        print(json.dumps(shown.to_json(), indent=2, ensure_ascii=False))
    else:
        print(shown.text())
    if lock:
        made = write_lock(prepared.folder, prepared.plan)
        print(f"Locked: {prepared.folder / 'plan.lock.json'}, hash {made.hash}")
