"""``auditor judges``: who can be asked, what each takes, and whether its key is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.judges import Provider
    from auditor.judges.providers import Terms

_WIDE = 140
_NEVER = (
    "No provider was ever asked by this program's makers: what is said here is from their documentation. "
    "llama.cpp alone was run, in this process."
)


def judges_command(
    name: Annotated[
        str | None, typer.Argument(help="A provider, or a judge: everything that is known of it.")
    ] = None,
    providers: Annotated[Path | None, typer.Option(help="TOML file with providers of your own.")] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """List who can be asked, what each takes, and whether its key is present."""
    from auditor.judges import KINDS, forms, load_providers

    if format_ not in ("text", "json"):
        raise InputError(f"the format is 'text' or 'json', not '{format_}'", where="format")
    known = load_providers(providers)
    provider, _, model = (name or "").partition(":")
    if name and provider not in known:
        raise InputError(
            f"there is no provider '{provider}'; the forms are: {', '.join(forms(known))}", where="judges"
        )
    if format_ == "json":
        chosen = {provider: known[provider]} if name else known
        found: dict[str, Any] = {"providers": [_entry(one, model or None) for one in chosen.values()]}
        found |= {} if name else {"others": KINDS}
        sys.stdout.write(json.dumps(found | {"note": _NEVER}, indent=2, ensure_ascii=False) + "\n")
    elif name:
        _print_one(known[provider], model or None)
    else:
        _print_all(known)


def _entry(provider: Provider, model: str | None) -> dict[str, Any]:
    """All that is known of a provider, as JSON values; never its key."""
    found: dict[str, Any] = {
        "name": provider.name,
        "title": provider.title,
        "base_url": provider.base_url,
        "url_variable": provider.url_variable or None,
        "dialect": provider.dialect,
        "key": {
            "variable": provider.key or None,
            "needed": provider.key_needed,
            "present": provider.key_present(),
        },
        "limits": provider.limits,
        "prices": list(provider.prices),
        "docs": provider.docs,
        "examples": list(provider.examples),
        "run_live": False,
    }
    if model:
        return found | {"model": model, "terms": _terms(provider.terms_of(model))}
    exceptions = [{"match": list(patterns), **_terms(terms)} for patterns, terms in provider.exceptions]
    return found | {"terms": _terms(provider.terms), "exceptions": exceptions}


def _terms(terms: Terms) -> dict[str, Any]:
    return {
        "takes": list(terms.takes),
        "only_without_reasoning": list(terms.unreasoned),
        "max_temperature": terms.max_temperature,
        "json": terms.json,
        "reasoning_efforts": list(terms.efforts),
        "reasons_by_default": terms.reasons,
        "room": terms.room,
        "limit": terms.limit,
        "called": terms.name or None,
        "gone": terms.gone or None,
    }


def _print_all(known: dict[str, Provider]) -> None:
    from rich.console import Console
    from rich.table import Table

    from auditor.judges import KINDS
    from auditor.judges.simulated import PRESETS

    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in ("judge", "address", "key", "may be set", "JSON", "prices"):
        table.add_column(column, overflow="fold")
    for provider in known.values():
        prices = "none" if provider.prices == ("free",) else "genai-prices" if provider.prices else "unknown"
        where = provider.base_url.partition("://")[2]
        table.add_row(
            f"{provider.name}:MODEL", where, _key(provider), _settings(provider), provider.terms.json, prices
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # into a file or a pipe: no reason to fold
        console.width = _WIDE
    console.print(table)
    console.print()
    for form, text in KINDS.items():
        console.print(f"{form}\n    {text}", soft_wrap=True)
    console.print(f"Simulated judges: {', '.join(PRESETS)}", soft_wrap=True)
    console.print("'auditor judges NAME' tells all of a provider, 'auditor judges NAME:MODEL' of a model.")
    console.print(_NEVER, soft_wrap=True)


def _key(provider: Provider) -> str:
    if provider.key_present():
        return f"{provider.key}: present"
    return f"{provider.key}: not set" if provider.key_needed else "none needed"


def _settings(provider: Provider) -> str:
    """What may be set for some of its models at least."""
    every = [provider.terms, *(terms for _, terms in provider.exceptions)]
    taken = [one for one in ("temperature", "seed", "logprobs") if any(one in terms.takes for terms in every)]
    return ", ".join([*taken, *(["effort"] if any(terms.efforts for terms in every) else [])])


def _print_one(provider: Provider, model: str | None) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    facts = {
        "address": provider.base_url + (f" (or {provider.url_variable})" if provider.url_variable else ""),
        "key": _key(provider),
        "dialect": provider.dialect,
        "limits": provider.limits,
        "prices": ", ".join(provider.prices) or "unknown: give --price",
        "documentation": provider.docs,
    }
    console.print(f"{provider.name}: {provider.title}")
    for name, text in facts.items():
        console.print(f"  {name}: {text}")
    if model:
        _print_terms(console, model, provider.terms_of(model))
    else:
        for patterns, terms in provider.exceptions:
            _print_terms(console, ", ".join(patterns), terms)
        _print_terms(console, "other models" if provider.exceptions else "all models", provider.terms)
    console.print(_NEVER)


def _print_terms(console: Any, title: str, terms: Terms) -> None:
    console.print(f"  {title}")
    taken = [f"{one} (not while it reasons)" if one in terms.unreasoned else one for one in terms.takes]
    efforts = f"{', '.join(terms.efforts) or 'cannot be set'}; {'on' if terms.reasons else 'off'} by default"
    lines = {"may be set": ", ".join(taken) or "nothing", "JSON": terms.json, "reasoning": efforts}
    lines |= {"called": terms.name} if terms.name else {}
    lines |= {"gone": f"{terms.gone}. {terms.instead}".strip()} if terms.gone else {}
    for name, text in lines.items():
        console.print(f"    {name}: {text}")
