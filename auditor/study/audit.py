"""From a call or a command line to a plan and its judges, and on to the run."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from auditor.arms import load_texts
from auditor.collect import Budget, Ledger, Limits, Progress, Silence
from auditor.errors import InputError
from auditor.items import combine, load_items
from auditor.judges import Judge, JudgeOptions, resolve
from auditor.plan import Design, Plan, make_plan
from auditor.plan.design import ASSAY_ITEMS, PILOT_ITEMS, PROBE_ITEMS
from auditor.records import Item
from auditor.scale import Scale
from auditor.study.extension import check_extension, earlier_items, run_stages
from auditor.study.prices import make_flow
from auditor.study.results import Audit, report_again, with_stored_marks
from auditor.study.run import run_plan

#: With more arms than this, the noise floor and the assay are part of the plan unless they are declined.
_SMALL_CHOICE = 4
ItemsSource: TypeAlias = "str | Path | pd.DataFrame | Iterable[Item | Mapping[str, Any]]"
JudgeLike: TypeAlias = "str | Judge | Callable[..., Any]"


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
    threshold: float | str | Sequence[float | str] = "auto",
    arms: str | Sequence[str] = "quick",
    treatment: str | None = None,
    control: str | None = None,
    margin: float | None = None,
    pass_margin: float = 0.05,
    alpha: float = 0.05,
    rubric: str = "",
    placement: str = "system",
    rationale: str = "before",
    reply: str = "json",
    wordings: Sequence[str] = (),
    wordings_per_item: int | str = 1,
    replicates: int = 1,
    temperature: float | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
    pilot_items: int = PILOT_ITEMS,
    noise_floor: bool | None = None,
    assay_items: int | None = None,
    probe_items: int | None = None,
    peer_name: str = "",
    sequential: bool | str = False,
    looks: int = 0,
    extend: int | Sequence[int] = (),
    texts: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    stratify: str | None = None,
    out: str | Path | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    threads: int = 2,
    reasoning_effort: str | None = None,
    logprobs: bool = False,
    providers: str | Path | None = None,
    concurrency: int = 8,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    max_cost: float | None = None,
    max_calls: int | None = None,
    max_total_tokens: int | None = None,
    price: Sequence[str] = (),
    store_text: bool = True,
    progress: Progress | None = None,
) -> Audit:
    """Have judges score identical outputs with and without the peer's deletion at stake, and report the difference.

    Parameters
    ----------
    judge : str, callable, Judge, or a sequence of these
        ``PROVIDER:MODEL`` (see `auditor judges`), ``local:NAME``, ``simulated:NAME``, ``function:MODULE:NAME``, or a
        function ``f(prompt)``, ``f(messages)`` or ``f(item, framing)``.
    items : path, data set name, DataFrame, iterable of items, or a sequence of paths and names
    scale : str
        ``low:high[:step]``, grades from worst to best, or ``pass/fail``. Whole ends without a step: whole numbers.
    threshold : float, str, or a sequence of these
        The pass mark that the framing states; several are crossed with the items (a sweep). ``auto``, the default, has
        each judge score a few items under the rubric alone, and takes the median of its scores.
    arms : str or sequence of str
        Names of arms or sets.
    treatment, control : str, optional
        Arms of the primary contrast; default that of the set.
    margin : float, optional
        Largest inflation in points that does not matter; default 2.5 % of the range.
    pass_margin : float
        The same for the share of items passing.
    alpha : float
        Family-wise error rate.
    rubric : str
        What is judged; default a general rubric.
    placement : {'system', 'user', 'policy'}
        Where the framing stands. After the item (``user``) arms share their prefix, which is cheaper; ``policy`` puts it
        into section three of a company document.
    rationale : {'none', 'after', 'before'}
        Whether the judge gives a reason, and on which side of the score.
    reply : {'json', 'text'}
        Held to a JSON schema, or free text that is parsed.
    wordings : sequence of str
        Ids of wordings; default all.
    wordings_per_item : int or 'all'
        Wordings that each item is asked in.
    replicates : int
        How often each cell is asked.
    temperature, max_tokens : optional
        Default the provider's own temperature, and room for two sentences.
    seed : int
        Of all draws.
    pilot_items : int
        Items of the pilot that finds pass marks.
    noise_floor : bool, optional
        Ask the control a second time, to show the noise; default for all but small choices of arms.
    assay_items, probe_items : int, optional
        Items of the positive control, and of the questions about the review in each arm; 0 for none. Default 20 and 5 for
        all but small choices of arms.
    peer_name : str
        A name for the peer in the framing.
    sequential : bool or str
        Look at the ratings while they come, and stop a judge when it has an answer: by O'Brien and Fleming's boundaries
        (``True``), or by ``obrien-fleming-spending``, ``pocock-spending`` or ``e-process``.
    looks : int
        The most looks; 0: five, or twenty for the e-process.
    extend : int or sequence of int
        Items to add to the finished, inconclusive run in `out`: one number for each further stage.
    texts : path, optional
        A TOML file with arms and wordings of your own.
    columns : mapping, optional
        Our field name to yours, for instance ``{"output": "response"}``.
    limit : int, optional
        Take this many items of each source, drawn by seed.
    stratify : {'gold', 'correct', 'peer'}, optional
        Draw them evenly over the values of this field.
    out : path, optional
        The run folder; default ``auditor-runs/`` and the beginning of the plan's hash. The same call again goes on
        where it was, and asks nothing twice.
    base_url, timeout, threads, concurrency
        How to reach the judge; not part of the experiment.
    reasoning_effort : str, optional
        For all judges; ``openai:gpt-5.2,effort=low`` says it for one.
    logprobs : bool
        Ask for the probabilities of tokens, and make expected scores of them.
    providers : path, optional
        A TOML file with providers of your own.
    requests_per_minute, tokens_per_minute : float, optional
        Limits of each provider; default as its answers say.
    max_cost, max_calls, max_total_tokens : optional
        Bounds on the whole run folder, in dollars, requests and tokens: it stops before the call that could exceed one.
    price : sequence of str
        ``IN:OUT`` or ``MODEL=IN:OUT``, dollars a million tokens, for models that genai-prices does not know.
    store_text : bool
        Keep requests and replies in the ledger; False: once a reply is read, only hashes.
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
    sizes = (extend,) if isinstance(extend, int) else tuple(extend)
    begun = earlier_items(out) if sizes else None
    prepared = prepare(
        judge,
        items if begun is None else begun,
        scale=scale,
        threshold=threshold,
        arms=arms,
        treatment=treatment,
        control=control,
        margin=margin,
        pass_margin=pass_margin,
        alpha=alpha,
        rubric=rubric,
        placement=placement,
        rationale=rationale,
        reply=reply,
        wordings=wordings,
        wordings_per_item=wordings_per_item,
        replicates=replicates,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        pilot_items=pilot_items,
        noise_floor=noise_floor,
        assay_items=assay_items,
        probe_items=probe_items,
        peer_name=peer_name,
        sequential="obrien-fleming" if sequential is True else sequential or "",
        looks=looks,
        texts=texts,
        columns=columns if begun is None else None,
        limit=limit if begun is None else None,
        stratify=stratify if begun is None else None,
        out=out,
        options=JudgeOptions(
            base_url=base_url,
            timeout=timeout,
            threads=threads,
            reasoning_effort=reasoning_effort,
            logprobs=logprobs,
            providers=providers,
        ),
    )
    flow = make_flow(
        prepared.plan.judges,
        price,
        Budget(max_cost, max_calls, max_total_tokens),
        Limits(requests_per_minute, tokens_per_minute),
        concurrency=concurrency,
        store_text=store_text,
    )
    run = partial(run_plan, judges=prepared.judges, flow=flow, progress=progress or Silence())
    check_extension(sizes, prepared.plan)
    result = await run(prepared.plan, folder=prepared.folder)
    if not sizes:
        return result
    with Ledger(prepared.folder / "ledger.sqlite") as ledger:
        first = with_stored_marks(prepared.plan, ledger)
    await run_stages(
        first,
        prepared.folder,
        sizes,
        gather_items(items, columns=columns, seed=seed),
        load_texts(texts),
        stratify,
        lambda plan, where: run(plan, folder=where),
        lambda: report_again(prepared.folder).verdict,
    )
    return report_again(prepared.folder)


@dataclass(frozen=True)
class Prepared:
    """A plan, the judges that it asks, and the folder that it belongs to."""

    plan: Plan
    judges: Mapping[str, Judge]
    folder: Path


def prepare(
    judge: JudgeLike | Sequence[JudgeLike],
    items: ItemsSource | Sequence[str | Path],
    *,
    scale: str | Scale = "0:10",
    threshold: float | str | Sequence[float | str] = "auto",
    arms: str | Sequence[str] = "quick",
    treatment: str | None = None,
    control: str | None = None,
    margin: float | None = None,
    texts: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    stratify: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    wordings: Sequence[str] = (),
    wordings_per_item: int | str = 1,
    noise_floor: bool | None = None,
    assay_items: int | None = None,
    probe_items: int | None = None,
    options: JudgeOptions | None = None,
    **choices: Any,
) -> Prepared:
    """Check all settings of `audit_async` and lay out the plan; nothing is asked.

    Raises
    ------
    InputError
        If something given is wrong.
    """
    parsed = Scale.parse(scale).with_whole_steps()
    loaded_texts = load_texts(texts)
    chosen = tuple(arms.split(",")) if isinstance(arms, str) else tuple(arms)
    primary = loaded_texts.primary_of(chosen)
    whole = len(loaded_texts.select(chosen)) > _SMALL_CHOICE
    design = Design(
        scale=parsed,
        thresholds=read_thresholds(threshold, parsed),
        arms=chosen,
        treatment=treatment or primary.treatment,
        control=control or primary.control,
        margin=_margin(margin),
        margin_chosen=margin is not None,
        wordings=tuple(wordings),
        wordings_per_item=_how_many(wordings_per_item, len(wordings) or len(loaded_texts.wordings)),
        seed=seed,
        noise_floor=whole if noise_floor is None else noise_floor,
        assay_items=(ASSAY_ITEMS if whole else 0) if assay_items is None else assay_items,
        probe_items=(PROBE_ITEMS if whole else 0) if probe_items is None else probe_items,
        **choices,
    )
    if design.margin >= parsed.span:
        raise InputError(
            f"a margin of {design.margin:g} points is as large as the whole scale", where="margin"
        )
    loaded = gather_items(items, columns=columns, limit=limit, seed=seed, stratify=stratify)
    named: list[Any] = list(judge) if isinstance(judge, list | tuple) else [judge]
    judges = [resolve(one, parsed, options, seed=seed) for one in named]
    for one in judges:
        one.check(design.instrument.sampling)
    plan = make_plan(design, loaded, loaded_texts, [one.identity for one in judges])
    folder = Path(out) if out is not None else Path("auditor-runs") / plan.id[:12]
    return Prepared(plan, {one.name: one for one in judges}, folder)


def read_thresholds(given: float | str | Sequence[float | str] | None, scale: Scale) -> tuple[float, ...]:
    """Pass marks on a scale; none for ``auto``, unless there are only two scores.

    Raises
    ------
    InputError
        If one is not on the scale, or ``auto`` stands beside others.

    Examples
    --------
    >>> read_thresholds("6, 7", Scale.parse("0:10")), read_thresholds("auto", Scale.parse("0:10"))
    ((6.0, 7.0), ())
    """
    if given is None or (isinstance(given, str) and given.strip().casefold() == "auto"):
        return (scale.high,) if scale.two_valued else ()
    if isinstance(given, str):
        parts: list[Any] = [part for part in given.split(",") if part.strip()]
    else:
        parts = [given] if isinstance(given, int | float) else list(given)
    if not parts:
        raise InputError("no pass mark is named", where="threshold", remedy="name one, or 'auto'")
    return tuple(scale.threshold(part.strip() if isinstance(part, str) else part) for part in parts)


def _how_many(given: int | str, available: int) -> int:
    if str(given).strip().casefold() == "all":
        return available
    try:
        return int(given)
    except ValueError:
        raise InputError(
            f"a number or 'all' was expected, not '{given}'", where="wordings_per_item"
        ) from None


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
    stratify: str | None = None,
) -> list[Item]:
    """Load the items of one source, or of several that are named in a sequence."""
    chosen: dict[str, Any] = {"columns": columns, "limit": limit, "seed": seed, "stratify": stratify}
    if isinstance(items, list | tuple) and items and all(isinstance(one, str | Path) for one in items):
        sources = list(dict.fromkeys(str(one) for one in items))
        if len(sources) < len(items):
            raise InputError("the same items are named twice", where="items")
        return combine([(Path(one).stem, load_items(one, **chosen)) for one in sources])
    return load_items(items, **chosen)  # type: ignore[arg-type]
