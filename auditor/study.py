"""Walks the whole way: items, plan, trials, ratings, findings, report. The only room that knows all others."""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from auditor.arms import load_texts
from auditor.collect import Collected, Ledger, Progress, Silence, collect, hold_folder
from auditor.errors import IncompleteError, InputError
from auditor.files import write_whole
from auditor.findings import Findings, Verdict, analyze
from auditor.items import combine, load_items
from auditor.judges import Judge, JudgeOptions, resolve
from auditor.plan import Design, Plan, make_plan
from auditor.ratings import COLUMNS, Ratings
from auditor.records import Item
from auditor.report import ReportInput, build_report_input, write_report
from auditor.scale import Scale

ItemsSource: TypeAlias = "str | Path | pd.DataFrame | Iterable[Item | Mapping[str, Any]]"
JudgeLike: TypeAlias = "str | Judge | Callable[..., Any]"


@dataclass(frozen=True)
class Audit:
    """A finished audit: the run folder, the findings, and the ratings behind them.

    Attributes
    ----------
    folder : Path
        Holds ``report.html``, ``report.md``, ``findings.json``, ``ratings.csv`` and the ledger.
    findings : Findings
    ratings : DataFrame
        One row for each trial.
    collected : Collected or None
        What the run did; None if the report was made again from the ledger.
    """

    folder: Path
    findings: Findings
    ratings: pd.DataFrame = field(repr=False)
    collected: Collected | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The verdict over all confirmatory findings."""
        return self.findings.verdict

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.folder / "report.html"

    def to_frame(self) -> pd.DataFrame:
        """One row for each finding."""
        return self.findings.to_frame()

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values."""
        return self.findings.to_json()

    def __repr__(self) -> str:
        return f"{self.findings!r}\n  report: {self.report}"

    def _repr_html_(self) -> str:
        return self.findings._repr_html_()


def audit(
    judge: JudgeLike | Sequence[JudgeLike], items: ItemsSource | Sequence[str | Path], **settings: Any
) -> Audit:
    """Audit one or more judges; the sync form of `audit_async`, with the same arguments.

    Also works where an event loop is running already, as in a notebook.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = audit("simulated:inflating,inflation=2", "checkable", scale="0:20", limit=60, out=folder)
    >>> result.verdict
    'inflated'
    """
    known = [name for name in inspect.signature(audit_async).parameters if name not in ("judge", "items")]
    for name in settings:
        if name not in known:
            raise InputError(
                f"'{name}' is not a setting; the settings are: {', '.join(known)}", where="audit"
            )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(audit_async(judge, items, **settings))
    results: list[Audit] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(audit_async(judge, items, **settings)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


async def audit_async(
    judge: JudgeLike | Sequence[JudgeLike],
    items: ItemsSource | Sequence[str | Path],
    *,
    scale: str | Scale = "0:10",
    threshold: float | str | None = None,
    arms: str | Sequence[str] = "quick",
    treatment: str = "deletion",
    control: str = "decoupled",
    margin: float | None = None,
    pass_margin: float = 0.05,
    alpha: float = 0.05,
    rubric: str = "",
    placement: str = "system",
    rationale: str = "before",
    reply: str = "json",
    wordings: Sequence[str] = (),
    wordings_per_item: int = 1,
    replicates: int = 1,
    temperature: float | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
    texts: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    threads: int = 2,
    concurrency: int = 8,
    progress: Progress | None = None,
) -> Audit:
    """Have judges score identical outputs with and without the peer's deletion at stake, and report the difference.

    Parameters
    ----------
    judge : str, callable, Judge, or a sequence of these
        ``openai:MODEL``, ``anthropic:MODEL``, ``local:NAME``, ``simulated:NAME``, ``function:MODULE:NAME``, or a
        function ``f(prompt)``, ``f(messages)`` or ``f(item, framing)``.
    items : path, data set name, DataFrame, iterable of items, or a sequence of paths and names
    scale : str
        ``low:high[:step]``, grades from worst to best, or ``pass/fail``. Whole ends without a step: whole numbers.
    threshold : float or str, optional
        The pass mark that the framing states; default 60 % of the range.
    arms : str or sequence of str
        Names of arms or sets.
    treatment, control : str
        Arms of the primary contrast.
    margin : float, optional
        Largest inflation in points that does not matter; default 2.5 % of the range.
    pass_margin : float
        The same for the share of items passing.
    alpha : float
        Family-wise error rate.
    rubric : str
        What is judged; default a general rubric.
    placement : {'system', 'user'}
        Where the framing stands. After the item (``user``) arms share their prefix, which is cheaper.
    rationale : {'none', 'after', 'before'}
        Whether the judge gives a reason, and on which side of the score.
    reply : {'json', 'text'}
        Held to a JSON schema, or free text that is parsed.
    wordings : sequence of str
        Ids of wordings; default all.
    wordings_per_item, replicates : int
    temperature, max_tokens : optional
        Default the provider's own temperature, and room for two sentences.
    seed : int
        Of all draws.
    texts : path, optional
        A TOML file with arms and wordings of your own.
    columns : mapping, optional
        Our field name to yours, for instance ``{"output": "response"}``.
    limit : int, optional
        Take this many items of each source, drawn by seed.
    out : path, optional
        The run folder; default ``auditor-runs/`` and the beginning of the plan's hash. The same call again goes on
        where it was, and asks nothing twice.
    base_url, timeout, threads, concurrency
        How to reach the judge; not part of the experiment.
    progress : Progress, optional
        Told what happens.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        If something given is wrong; nothing was asked then.
    IncompleteError
        If a judge left trials unanswered so that there is nothing to analyse.
    StorageError, FolderBusyError
        If the run folder cannot be used.
    """
    parsed = Scale.parse(scale).with_whole_steps()
    design = Design(
        scale=parsed,
        threshold=parsed.threshold(threshold),
        arms=tuple(arms.split(",")) if isinstance(arms, str) else tuple(arms),
        treatment=treatment,
        control=control,
        margin=_margin(margin),
        margin_chosen=margin is not None,
        pass_margin=pass_margin,
        alpha=alpha,
        rubric=rubric,
        placement=placement,  # type: ignore[arg-type]
        rationale=rationale,  # type: ignore[arg-type]
        reply=reply,  # type: ignore[arg-type]
        wordings=tuple(wordings),
        wordings_per_item=wordings_per_item,
        replicates=replicates,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
    )
    if design.margin >= parsed.span:
        raise InputError(
            f"a margin of {design.margin:g} points is as large as the whole scale", where="margin"
        )
    loaded = gather_items(items, columns=columns, limit=limit, seed=seed)
    options = JudgeOptions(base_url=base_url, timeout=timeout, threads=threads)
    named: list[Any] = list(judge) if isinstance(judge, list | tuple) else [judge]
    judges = [resolve(one, parsed, options, seed=seed) for one in named]
    plan = make_plan(design, loaded, load_texts(texts), [one.identity for one in judges])
    folder = Path(out) if out is not None else Path("auditor-runs") / plan.id[:12]
    return await run_plan(
        plan,
        {one.name: one for one in judges},
        folder,
        concurrency=concurrency,
        progress=progress or Silence(),
    )


def _margin(margin: float | None) -> float:
    if margin is not None and not margin > 0:
        raise InputError(f"the margin must lie above zero, not {margin:g}", where="margin")
    return margin or 0.0


def gather_items(
    items: ItemsSource | Sequence[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Item]:
    """Load the items of one source, or of several that are named in a sequence."""
    if isinstance(items, list | tuple) and items and all(isinstance(one, str | Path) for one in items):
        sources = list(dict.fromkeys(str(one) for one in items))
        if len(sources) < len(items):
            raise InputError("the same items are named twice", where="items")
        return combine(
            [(Path(one).stem, load_items(one, columns=columns, limit=limit, seed=seed)) for one in sources]
        )
    return load_items(items, columns=columns, limit=limit, seed=seed)  # type: ignore[arg-type]


async def run_plan(
    plan: Plan,
    judges: Mapping[str, Judge],
    folder: Path,
    *,
    concurrency: int = 8,
    progress: Progress | None = None,
) -> Audit:
    """Collect what a plan still lacks, analyse, and write the report.

    Raises
    ------
    OtherPlanError
        If the folder holds another plan.
    IncompleteError
        If trials stay unanswered; whatever could be analysed is in the folder then.
    KeyboardInterrupt
        If the user stopped it; what had arrived is stored.
    """
    watcher = progress or Silence()
    if concurrency < 1:
        raise InputError(f"at least one call at a time is needed, not {concurrency}", where="concurrency")
    with hold_folder(folder), Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add_plan(plan, _command(sys.argv))
        write_whole(folder / "plan.json", json.dumps(_readable(plan), indent=2, ensure_ascii=False) + "\n")
        stop = asyncio.Event()
        with _gentle_interrupt(stop, watcher):
            try:
                collected = await collect(
                    plan, judges, ledger, concurrency=concurrency, progress=watcher, stop=stop
                )
            except asyncio.CancelledError:
                if stop.is_set():  # the second Ctrl-C
                    raise KeyboardInterrupt from None
                raise
        if collected.stopped:
            raise KeyboardInterrupt
        reasons = "; ".join(f"{name}: {reason}" for name, reason in collected.given_up.items())
        try:
            result = _analyse(folder, ledger, plan, collected)
        except InputError as error:
            if not collected.missing:
                raise
            raise IncompleteError(
                f"{collected.missing} of {collected.planned} trials have no answer ({reasons or 'see the ledger'}), "
                f"and there is nothing to analyse. When it is mended, run the same command: it asks only for these"
            ) from error
        if collected.missing:
            detail = reasons or next(
                filter(None, (ledger.last_error(name) for name in judges)), "see the ledger"
            )
            raise IncompleteError(
                f"{collected.missing} of {collected.planned} trials have no answer ({detail}). The report at "
                f"{result.report} counts them as missing; run the same command to ask for them again"
            )
        return result


def _command(argv: Sequence[str]) -> str:
    """The command line, if it was ours; paths of this machine are cut down to their last part."""
    if not argv or not argv[0].endswith(("auditor", "auditor/__main__.py")) or argv[1:2] != ["run"]:
        return "auditor.audit(...) from Python"
    parts = [part.rsplit("/", 1)[-1] if part.startswith("/") else part for part in argv[1:]]
    return " ".join(["auditor", *(f'"{part}"' if " " in part else part for part in parts)])


def _readable(plan: Plan) -> dict[str, Any]:
    return {"plan_id": plan.id, "trials": len(plan.trials), **plan.to_json()}


@contextmanager
def _gentle_interrupt(stop: asyncio.Event, progress: Progress) -> Iterator[None]:
    """First Ctrl-C: ask nothing more, wait for the calls in flight. Second: drop them."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        stop.set()
        progress.say(
            "Stopping: waiting for the calls in flight, whose answers are stored (Ctrl-C again drops them)."
        )

    try:
        loop.add_signal_handler(signal.SIGINT, interrupted)
    except (ValueError, RuntimeError, NotImplementedError):
        yield  # not the main thread, or a system without signals: the default way of stopping stays
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def ratings_frame(ledger: Ledger, items: Iterable[Item], placement: str) -> pd.DataFrame:
    """The ratings of a ledger in the columns of the contract."""
    by_id = {item.id: item for item in items}
    rows = []
    for row in ledger.rating_rows():
        item = by_id[row["item"]]
        rows.append(
            {
                **{
                    name: row[name]
                    for name in ("judge", "item", "arm", "wording", "replicate", "item_hash", "phase")
                },
                "threshold": float("nan") if row["threshold"] is None else row["threshold"],
                "score": float("nan") if row["value"] is None else row["value"],
                "status": row["status"] or "failed",
                "group": item.group or "",
                "gold": float("nan") if item.gold is None else item.gold,
                "correct": float("nan") if item.correct is None else float(item.correct),
                "placement": placement,
                "expected_score": float("nan"),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _analyse(folder: Path, ledger: Ledger, plan: Plan, collected: Collected | None) -> Audit:
    frame = ratings_frame(ledger, plan.items, plan.design.placement)
    if frame.empty:
        raise InputError("no trial was asked yet", where=str(folder))
    design = plan.design
    present = set(frame["arm"])
    findings = analyze(
        Ratings(frame),
        scale=design.scale,
        threshold=design.threshold,
        margin=design.margin if design.margin_chosen else None,
        pass_margin=design.pass_margin,
        alpha=design.alpha,
        seed=design.seed,
        contrasts=[
            c for c in plan.contrasts if c.family == "confirmatory" or {c.treatment, c.control} <= present
        ],
        simulated=any(judge.simulated for judge in plan.judges),
    )
    report: ReportInput = build_report_input(plan, findings, frame, ledger)
    write_report(folder, report)
    return Audit(folder, findings, frame, collected)


def report_again(folder: Path) -> Audit:
    """Analyse a run folder's ledger and write its report again, asking nobody.

    Raises
    ------
    InputError
        If it holds no run.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=str(folder), remedy="give the --out folder of a run"
        )
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        plan = stored_plan(ledger)
        return _analyse(folder, ledger, plan, None)


def stored_plan(ledger: Ledger) -> Plan:
    """Rebuild the plan of a ledger, and check that it is the one that was stored."""
    from auditor.arms import Arm, Texts, Wording
    from auditor.records import JudgeIdentity

    _, content = ledger.plan_content()
    shipped = load_texts()
    texts = Texts(
        arms={entry["name"]: Arm(**entry) for entry in content["arms"]},
        sets={},
        contrasts=shipped.contrasts,
        wordings=tuple(Wording(**entry) for entry in content["wordings"]),
        hash="",
    )
    design = Design.from_json({**content["design"], "arms": [entry["name"] for entry in content["arms"]]})
    judges = [
        JudgeIdentity(**entry, simulated=entry["name"].startswith("simulated:"))
        for entry in content["judges"]
    ]
    return make_plan(design, ledger.load_items(), texts, judges)
