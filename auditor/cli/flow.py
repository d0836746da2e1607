"""The flags that say how a run is collected: how fast, for how much, and what is kept."""

from __future__ import annotations

from typing import Annotated

import typer


def flow_options(
    concurrency: Annotated[int | None, typer.Option(help="Most calls at once to each judge (8).")] = None,
    requests_per_minute: Annotated[
        float | None, typer.Option(help="Limit of each provider (as its answers say).")
    ] = None,
    tokens_per_minute: Annotated[
        float | None, typer.Option(help="Limit of each provider (as its answers say).")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Dollars that the run folder may cost: stops before the call beyond.")
    ] = None,
    max_calls: Annotated[int | None, typer.Option(help="Requests that it may send.")] = None,
    max_total_tokens: Annotated[int | None, typer.Option(help="Tokens that it may read and write.")] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(help="Dollars a million tokens, IN:OUT, or MODEL=IN:OUT; for unknown prices."),
    ] = None,
    store_text: Annotated[
        bool | None,
        typer.Option(
            "--store-text/--no-store-text", help="Keep requests and replies, or only hashes (keep)."
        ),
    ] = None,
) -> None:
    """Only its signature is used."""
