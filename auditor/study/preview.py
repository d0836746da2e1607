"""What a run would ask, cost and be able to see, before anything is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from auditor.errors import InputError
from auditor.plan import Plan
from auditor.records import Phase
from auditor.stats.designs import Design as Calls
from auditor.stats.power import detectable_effect, units_needed
from auditor.stats.simulated_power import simulated_power
from auditor.study.assumed import ASSUMED_DISCORDANT, ASSUMED_SD, family_alpha, independent_units
from auditor.study.audit import Prepared
from auditor.study.earlier import Earlier, read_earlier
from auditor.study.prices import GivenPrices, Price, price_of
from auditor.study.tokens import TokenCount, count_tokens

_SECONDS = 3.0
_RUNS = 1000


@dataclass(frozen=True, slots=True)
class JudgePreview:
    """What one judge would be asked, and what that costs."""

    name: str
    trials: Mapping[str, int]
    tokens: TokenCount
    price: Price | None
    dollars: float | None
    seconds: float
    seconds_source: str

    @property
    def calls(self) -> int:
        """All trials."""
        return sum(self.trials.values())


@dataclass(frozen=True, slots=True)
class Sight:
    """What a design can see in one metric.

    Parameters
    ----------
    metric : str
    sd, sd_source
        Standard deviation of a paired difference, and where it is from.
    margin : float
    detectable : float or None
        Smallest inflation found with 80 % power.
    needed : int or None
        Units for 80 % power of both tests, at the margin.
    reachable : bool
        Whether the margin can be reached with the units planned.
    simulated_superiority, simulated_equivalence : float
        Power by simulation: of the test at an effect as large as the margin, and of equivalence at none.
    """

    metric: str
    sd: float
    sd_source: str
    margin: float
    detectable: float | None
    needed: int | None
    reachable: bool
    simulated_superiority: float
    simulated_equivalence: float
    simulation_error: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan's price and power."""

    judges: tuple[JudgePreview, ...]
    phases: tuple[tuple[str, str, str, int], ...]
    sights: tuple[Sight, ...]
    units: int
    alpha: float
    notes: tuple[str, ...]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        judges = [
            {
                **{k: v for k, v in asdict(judge).items() if k != "price"},
                "calls": judge.calls,
                "price": None
                if judge.price is None
                else {
                    "input": float(judge.price.input),
                    "output": float(judge.price.output),
                    "source": judge.price.source,
                },
            }
            for judge in self.judges
        ]
        phases = [dict(zip(("judge", "phase", "arm", "trials"), row, strict=True)) for row in self.phases]
        return {
            "judges": judges,
            "trials": phases,
            "power": [asdict(sight) for sight in self.sights],
            "units": self.units,
            "alpha": self.alpha,
            "notes": list(self.notes),
            "advice": list(self.advice),
        }

    def text(self) -> str:
        """All of it for a terminal."""
        lines = [
            f"Trials by phase and arm, of each judge in the order: {', '.join(j.name for j in self.judges)}"
        ]
        cells = {(judge, phase, arm): number for judge, phase, arm, number in self.phases}
        for phase, arm in dict.fromkeys((phase, arm) for _, phase, arm, _ in self.phases):
            counts = [cells.get((judge.name, phase, arm), 0) for judge in self.judges]
            lines.append(f"  {phase:<14} {arm:<24} {' '.join(f'{number:>6}' for number in counts)}")
        lines.append("Cost")
        for judge in self.judges:
            mark = "" if judge.tokens.counted else " (estimated from characters)"
            cost = "price unknown: give --price IN:OUT" if judge.dollars is None else f"${judge.dollars:,.2f}"
            source = f" ({judge.price.source})" if judge.price else ""
            lines.append(
                f"  {judge.name}: {judge.calls} calls, {judge.tokens.input:,.0f} tokens read{mark}, "
                f"{judge.tokens.output:,.0f} written ({judge.tokens.output_source}), {cost}{source}, "
                f"about {_duration(judge.seconds)} ({judge.seconds_source})"
            )
        known = [judge.dollars for judge in self.judges if judge.dollars is not None]
        if len(self.judges) > 1:
            calls = sum(judge.calls for judge in self.judges)
            lines.append(f"  together: {calls} calls, ${sum(known):,.2f}" + (
                "" if len(known) == len(self.judges) else ", and what has no known price"
            ))  # fmt: skip
        lines.append(
            f"What {self.units} independent items can see (at a level of {self.alpha:.4f}, 80 % power)"
        )
        lines += [f"  {_sight_text(sight)}" for sight in self.sights]
        lines += [f"Note: {note}" for note in self.notes]
        lines += [f"Next call: {line}" for line in self.advice]
        return "\n".join(lines)


def _sight_text(sight: Sight) -> str:
    factor, unit = (100, "percentage points") if sight.metric == "pass_rate" else (1, "points")
    smallest = "nothing" if sight.detectable is None else f"{sight.detectable * factor:.2f} {unit}"
    needed = "more than ten million" if sight.needed is None else f"{sight.needed}"
    reach = "can be reached" if sight.reachable else "cannot be reached with so few"
    return (
        f"{sight.metric.replace('_', ' ')}: smallest detectable change {smallest}; margin {sight.margin * factor:g} "
        f"{unit} {reach} (needs {needed} items); simulated power {sight.simulated_superiority:.2f} to find a change as "
        f"large as the margin, {sight.simulated_equivalence:.2f} to show that there is none (Monte Carlo error "
        f"{sight.simulation_error:.3f}); SD {sight.sd * factor:.2f}, {sight.sd_source}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


async def preview(
    prepared: Prepared,
    *,
    concurrency: int = 8,
    prices: GivenPrices | None = None,
    seconds: float | None = None,
    pilot: Path | None = None,
) -> Preview:
    """Price and power of a prepared plan; nothing is asked of a provider.

    Parameters
    ----------
    prepared : Prepared
    concurrency : int
        Calls at once to each judge.
    prices : GivenPrices, optional
        The user's own prices.
    seconds : float, optional
        That one call takes.
    pilot : path, optional
        Run folder of an earlier run: spreads, tokens and times are taken from it.

    Raises
    ------
    InputError
        If the pilot's folder holds no run.
    """
    plan, provisional = laid_out(prepared.plan)
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(f"a call takes more than no time, not {seconds:g} s", where="seconds")
    _check_prices(plan, prices or GivenPrices())
    earlier = read_earlier(pilot, plan.design) if pilot is not None else None
    shown = []
    for identity in plan.judges:
        judge = prepared.judges[identity.name]
        trials = [trial for trial in plan.trials if trial.judge == identity.name]
        written = earlier.output_tokens.get(identity.name) if earlier else None
        tokens = await count_tokens(plan, judge, trials, written)
        price = price_of(identity, prices or GivenPrices())
        each, source = _call_seconds(earlier, identity.name, seconds)
        at_once = min(concurrency, judge.parallel or concurrency)
        shown.append(
            JudgePreview(
                name=identity.name,
                trials=dict(Counter(trial.cell.phase for trial in trials)),
                tokens=tokens,
                price=price,
                dollars=None if price is None else price.of(tokens.input, tokens.output),
                seconds=len(trials) * each / at_once,
                seconds_source=f"{source}, {at_once} at once",
            )
        )
    units, alpha = independent_units(plan), family_alpha(plan)
    return Preview(
        judges=tuple(shown),
        phases=_phases(plan),
        sights=tuple(_sights(plan, units, alpha, earlier)),
        units=units,
        alpha=alpha,
        notes=_notes(plan, shown, provisional),
        advice=() if earlier is None else earlier.advice(_next_design(plan)),
    )


def _check_prices(plan: Plan, prices: GivenPrices) -> None:
    known = {name for judge in plan.judges for name in (judge.name, judge.model)}
    for name in prices.by_model:
        if name not in known:
            raise InputError(
                f"no judge of this plan is the model '{name}'; there are: {', '.join(j.model for j in plan.judges)}",
                where="price",
            )


def laid_out(plan: Plan) -> tuple[Plan, bool]:
    """The plan with all its trials; where pass marks are not known yet, with a provisional one."""
    if plan.marks is not None:
        return plan, False
    mark = plan.design.scale.threshold(None)
    return plan.with_marks({judge.name: (mark,) for judge in plan.judges}), True


def _next_design(plan: Plan) -> Calls:
    design = plan.design
    return Calls(len(plan.items), len(plan.wordings), design.wordings_per_item, design.replicates)


def _phases(plan: Plan) -> tuple[tuple[str, str, str, int], ...]:
    counts = Counter((trial.judge, trial.cell.phase, trial.cell.arm) for trial in plan.trials)
    arms = list(dict.fromkeys(["neutral", plan.lenient.name, *(arm.name for arm in plan.arms)]))
    order = {phase: place for place, phase in enumerate(get_args(Phase))}
    listed = sorted(counts.items(), key=lambda entry: (order[entry[0][1]], arms.index(entry[0][2])))
    return tuple((judge, phase, arm, number) for (judge, phase, arm), number in listed)


def _call_seconds(earlier: Earlier | None, judge: str, given: float | None) -> tuple[float, str]:
    if given is not None:
        return given, f"{given:g} s a call, as you say"
    if earlier is not None and judge in earlier.seconds:
        return earlier.seconds[judge], f"{earlier.seconds[judge]:.1f} s a call, as in the pilot"
    return _SECONDS, f"{_SECONDS:g} s a call, assumed"


def _sights(plan: Plan, units: int, alpha: float, earlier: Earlier | None) -> list[Sight]:
    design, span = plan.design, plan.design.scale.span
    sides = f"assumed: {100 * ASSUMED_DISCORDANT:.0f} % of the items change sides"
    metrics = [("score", design.margin, ASSUMED_SD * span, f"assumed: {100 * ASSUMED_SD:.0f} % of the range")]
    if design.scale.two_valued:  # the score is the pass itself
        metrics = [("score", design.margin, ASSUMED_DISCORDANT**0.5 * span, sides)]
    if not design.scale.two_valued:
        metrics.append(("pass_rate", design.pass_margin, ASSUMED_DISCORDANT**0.5, sides))
    sights = []
    for metric, margin, sd, source in metrics:
        differences = earlier.differences.get(metric) if earlier else None
        if differences is not None and float(differences.std(ddof=1)) > 0:
            sd, source = float(differences.std(ddof=1)), f"of the pilot's {differences.size} items"
        else:
            differences = None
        shape: dict[str, Any] = {"sd": sd} if differences is None else {"pilot": differences}
        needed = units_needed(sd, margin, alpha=alpha)
        n = max(units, 2)
        power = simulated_power(
            n, effect=margin, margin=margin, alpha=alpha, runs=_RUNS, seed=design.seed, **shape
        )
        null = simulated_power(
            n, effect=0.0, margin=margin, alpha=design.alpha, runs=_RUNS, seed=design.seed, **shape
        )
        sights.append(
            Sight(
                metric=metric,
                sd=sd,
                sd_source=source,
                margin=margin,
                detectable=_possible(
                    detectable_effect(units, sd, alpha=alpha), span if metric == "score" else 1.0
                ),
                needed=needed,
                reachable=needed is not None and units >= needed,
                simulated_superiority=power.flips.estimate or 0.0,
                simulated_equivalence=(null.equivalence.estimate or 0.0) if null.equivalence else 0.0,
                simulation_error=max(power.monte_carlo_error, null.monte_carlo_error),
            )
        )
    return sights


def _possible(effect: float | None, largest: float) -> float | None:
    return effect if effect is not None and effect <= largest else None


def _notes(plan: Plan, judges: Sequence[JudgePreview], provisional: bool) -> tuple[str, ...]:
    notes = []
    if provisional:
        notes.append(f"pass marks are found by the run: {plan.design.threshold_rule()}")
    if not plan.design.margin_chosen:
        notes.append(f"the margin of {plan.design.margin:g} points is the default, not yours")
    if any(not judge.tokens.counted for judge in judges):
        notes.append(
            "no tokenizer is at hand for some judges: their tokens are estimated, and may be off by a fifth"
        )
    if any(judge.price is not None and judge.price.source.startswith("genai") for judge in judges):
        notes.append("models that reason in hidden tokens write, and cost, several times as much as is shown")
    if plan.design.placement == "user":
        notes.append("arms share their prefix, so that cached tokens may cost less than is shown")
    return tuple(notes)
