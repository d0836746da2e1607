"""What a call costs: from a maintained table of prices, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from auditor.collect import Budget, Flow, Limits
from auditor.errors import InputError
from auditor.records import JudgeIdentity, Usage

_FORM = re.compile(r"^(?:(?P<model>[^=]+)=)?(?P<input>\d+(?:\.\d+)?):(?P<output>\d+(?:\.\d+)?)$")
_FREE = ("local", "simulated", "function", "free")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens read and written, and where that is known from."""

    input: Decimal
    output: Decimal
    source: str
    cached: Decimal | None = None

    def of(self, input_tokens: float, output_tokens: float, cached_tokens: float = 0.0) -> float:
        """Dollars for so many tokens; those read from a cache are part of the input, at a price of their own."""
        cached = self.input if self.cached is None else self.cached
        fresh = max(0.0, input_tokens - cached_tokens)
        read = float(self.input) * fresh + float(cached) * min(cached_tokens, input_tokens)
        return (read + float(self.output) * output_tokens) / _MILLION


@dataclass(frozen=True, slots=True)
class GivenPrices:
    """Prices that the user states: one for all models, or by model."""

    general: Price | None = None
    by_model: Mapping[str, Price] = field(default_factory=dict)


def parse_prices(given: Sequence[str]) -> GivenPrices:
    """Read ``IN:OUT`` or ``MODEL=IN:OUT``, in dollars for a million tokens.

    Raises
    ------
    InputError
        For another form.

    Examples
    --------
    >>> parse_prices(["0.5:2"]).general.of(1_000_000, 500_000)
    1.5
    """
    general, by_model = None, {}
    for text in given:
        match = _FORM.match(text.strip())
        if match is None:
            raise InputError(
                f"'{text}' is no price",
                where="price",
                remedy="write --price IN:OUT or --price MODEL=IN:OUT, like 0.5:2",
            )
        price = Price(Decimal(match["input"]), Decimal(match["output"]), "yours")
        if match["model"]:
            by_model[match["model"].strip()] = price
        else:
            general = price
    return GivenPrices(general, by_model)


def price_of(judge: JudgeIdentity, given: GivenPrices) -> Price | None:
    """The price of a judge's calls, or None if nobody knows it.

    The user's own price wins. Local, simulated and function judges cost nothing that we could know of.
    """
    kinds = judge.prices or (judge.name.partition(":")[0],)
    own = given.by_model.get(judge.model) or given.by_model.get(judge.name) or given.general
    if own is not None:
        return own
    if any(kind in _FREE for kind in kinds):
        return Price(Decimal(0), Decimal(0), "no provider is paid")
    listed = (_listed(kind, judge.asked or judge.model) for kind in kinds)
    return next((price for price in listed if price is not None), None)


def _listed(kind: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1000, output_tokens=1000), model, provider_id=kind)
        cached = calc_price(Usage(input_tokens=1000, cache_read_tokens=1000), model, provider_id=kind)
    except LookupError:
        return None
    return Price(
        Decimal(found.input_price) * 1000,
        Decimal(found.output_price) * 1000,
        f"genai-prices, as '{found.model.name}'",
        Decimal(cached.input_price) * 1000,
    )


def make_flow(
    judges: Sequence[JudgeIdentity],
    given: Sequence[str],
    budget: Budget,
    limits: Limits,
    *,
    concurrency: int = 8,
    store_text: bool = True,
) -> Flow:
    """How a plan is collected, with the prices of its judges.

    Raises
    ------
    InputError
        If a number or a price is wrong.
    """
    parsed = parse_prices(given)
    prices = {judge.name: price_of(judge, parsed) for judge in judges}

    def price(judge: str, usage: Usage) -> float | None:
        known = prices.get(judge)
        if known is None:
            return None
        return known.of(usage.input_tokens or 0, usage.output_tokens or 0, usage.cached_tokens or 0)

    priced = any(known is not None and (known.input or known.output) for known in prices.values())
    asked = priced or budget.cost is not None
    return Flow(concurrency, limits, budget, price if asked else None, store_text)
