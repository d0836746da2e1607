"""What a call costs: from a maintained table of prices, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from auditor.errors import InputError
from auditor.records import JudgeIdentity

_FORM = re.compile(r"^(?:(?P<model>[^=]+)=)?(?P<input>\d+(?:\.\d+)?):(?P<output>\d+(?:\.\d+)?)$")
_FREE = ("local", "simulated", "function")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens read and written, and where that is known from."""

    input: Decimal
    output: Decimal
    source: str

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """Dollars for so many tokens."""
        return (float(self.input) * input_tokens + float(self.output) * output_tokens) / _MILLION


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
    kind = judge.name.partition(":")[0]
    own = given.by_model.get(judge.model) or given.by_model.get(judge.name) or given.general
    if own is not None:
        return own
    if kind in _FREE:
        return Price(Decimal(0), Decimal(0), "no provider is asked")
    return _listed(kind, judge.model)


def _listed(kind: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1000, output_tokens=1000), model, provider_id=kind)
    except LookupError:
        return None
    return Price(
        Decimal(found.input_price) * 1000,
        Decimal(found.output_price) * 1000,
        f"genai-prices, as '{found.model.name}'",
    )
