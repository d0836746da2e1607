"""The flags that say what is asked and of whom: the same for every command that makes a plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer


def _design_options(  # noqa: PLR0917 - each flag is a parameter of the parser
    file: Annotated[Path | None, typer.Argument(help="TOML file with the same keys as the flags.")] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="Judge, e.g. openai:gpt-5.2; see 'auditor judges'.")
    ] = None,
    items: Annotated[
        list[str] | None, typer.Option(help="File or folder of items, a built-in data set, or hf:NAME.")
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(help="Sets or arms, separated by commas (default quick); see 'auditor arms'."),
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="low:high[:step], F,D,C,B,A, or pass/fail (0:10).")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(help="Pass mark; several with commas; or auto, each judge's own median (auto)."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Largest inflation in points that does not matter.")
    ] = None,
    pass_margin: Annotated[float | None, typer.Option(help="The same for the share passing (0.05).")] = None,
    alpha: Annotated[float | None, typer.Option(help="Family-wise error rate (0.05).")] = None,
    treatment: Annotated[str | None, typer.Option(help="Treatment arm (that of the set).")] = None,
    control: Annotated[str | None, typer.Option(help="Control arm (that of the set).")] = None,
    rubric: Annotated[str | None, typer.Option(help="What is judged: a text, or @FILE.")] = None,
    placement: Annotated[
        str | None, typer.Option(help="Where the framing stands: system, user or policy (system).")
    ] = None,
    rationale: Annotated[
        str | None, typer.Option(help="A reason: none, after or before the score (before).")
    ] = None,
    reply: Annotated[str | None, typer.Option(help="json (held to a schema) or text.")] = None,
    wordings: Annotated[
        list[str] | None, typer.Option(help="Id of a wording; repeat for more (all).")
    ] = None,
    wordings_per_item: Annotated[
        str | None, typer.Option(help="Wordings that each item is asked in: a number, or all (1).")
    ] = None,
    replicates: Annotated[int | None, typer.Option(help="How often each cell is asked (1).")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Sampling temperature (the provider's own).")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every draw (0).")] = None,
    pilot_items: Annotated[
        int | None, typer.Option(help="Items of the pilot for --threshold auto (20).")
    ] = None,
    noise_floor: Annotated[
        bool | None,
        typer.Option("--noise-floor/--no-noise-floor", help="Ask the control twice (on from 5 arms up)."),
    ] = None,
    assay_items: Annotated[
        int | None, typer.Option(help="Items of the positive control (20 from 5 arms up, else 0).")
    ] = None,
    probe_items: Annotated[
        int | None, typer.Option(help="Items of the questions about the review (5 from 5 arms up, else 0).")
    ] = None,
    peer_name: Annotated[str | None, typer.Option(help="A name for the peer in the framing (none).")] = None,
    sequential: Annotated[
        bool | None,
        typer.Option("--sequential", help="Look while ratings come, and stop a judge that has an answer."),
    ] = None,
    boundary: Annotated[
        str | None,
        typer.Option(
            help="Rule of --sequential: obrien-fleming, obrien-fleming-spending, pocock-spending, e-process."
        ),
    ] = None,
    looks: Annotated[int | None, typer.Option(help="Most looks of --sequential (5; e-process 20).")] = None,
    texts: Annotated[str | None, typer.Option(help="TOML file with arms and wordings of your own.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Our field=your column, e.g. output=answer.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take this many items of each source, by seed.")] = None,
    stratify: Annotated[
        str | None, typer.Option(help="Draw them evenly over the values of gold, correct or peer.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Run folder; the same command goes on where it was.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Server of openai: and anthropic: judges, and of servers of your own.")
    ] = None,
    reasoning_effort: Annotated[
        str | None,
        typer.Option(help="For all judges, e.g. low; for one: openai:gpt-5.2,effort=low (the model's own)."),
    ] = None,
    logprobs: Annotated[
        bool | None,
        typer.Option("--logprobs", help="Ask for probabilities, which give expected scores."),
    ] = None,
    providers: Annotated[
        str | None, typer.Option(help="TOML file with providers of your own; see 'auditor judges'.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds until a call is given up.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of local models (2).")] = None,
) -> None:
    """Only its signature is used."""


def with_design_options(
    command: Callable[..., None], also: Sequence[Callable[..., None]] = ()
) -> Callable[..., None]:
    """Give a command all flags of a design, and those of `also`.

    It gets those that are not its own as one dict, `options`.
    """
    shared = {
        name: parameter
        for source in (_design_options, *also)
        for name, parameter in inspect.signature(source, eval_str=True).parameters.items()
    }
    own = inspect.signature(command, eval_str=True).parameters
    own = {name: parameter for name, parameter in own.items() if name != "options"}  # type: ignore[assignment]

    @wraps(command)
    def wrapper(**given: Any) -> None:
        command({name: given[name] for name in shared}, **{name: given[name] for name in own})

    parameters = [*shared.values(), *own.values()]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def settings_of(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The settings of a file and of the flags, joined and checked."""
    from auditor.cli.settings import parse_map, read_settings

    given = {**options, **more}
    file, pairs = given.pop("file"), given.pop("map_")
    given["map"] = parse_map(pairs) if pairs else None
    boundary = given.pop("boundary", None)
    if boundary is not None:
        given["sequential"] = boundary
    return read_settings(file, given)
