"""Providers by name: where each is, and what its models take.

Data, in `texts/providers.toml` and in a file of the user's own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from auditor.errors import InputError
from auditor.files import read_text

PARAMETERS = ("temperature", "seed", "logprobs")
DIALECTS = ("openai", "anthropic")
JSON = ("schema", "object", "text")
_LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a model takes at a provider, and what has to be sent for it.

    Parameters
    ----------
    takes : tuple of str
        Those of `PARAMETERS` that may be sent.
    unreasoned : tuple of str
        Those that may be sent only while the model does not reason.
    max_temperature : float
    json : {'schema', 'object', 'text'}
        Whether a reply can be held to a schema, to any JSON, or to neither.
    limit : str
        Name of the limit of tokens.
    limit_elsewhere : str
        The same at another address than the provider's own; empty: no other.
    seed_name : str
    top_logprobs : int
        Most alternatives for each token.
    efforts : mapping
        Values of the reasoning effort, each with what it puts into the body.
    reasons : bool
        Whether the model reasons if nothing is said.
    room : int
        Tokens that reasoning may take beside the answer.
    extra : mapping
        Always part of the body.
    name : str
        How the provider calls the model; empty: as it was named.
    gone, instead : str
        Why the model cannot be asked at the provider's own address, and what to ask.
    bounded_text : bool
        Whether a schema may bound the length of a text.
    """

    takes: tuple[str, ...] = ()
    unreasoned: tuple[str, ...] = ()
    max_temperature: float = 2.0
    json: str = "schema"
    limit: str = "max_tokens"
    limit_elsewhere: str = ""
    seed_name: str = "seed"
    top_logprobs: int = 20
    efforts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reasons: bool = False
    room: int = 8192
    extra: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    gone: str = ""
    instead: str = ""
    bounded_text: bool = False

    def reasoning(self, effort: str | None) -> bool:
        """Whether the model reasons at this effort; None: at its own."""
        return self.reasons if effort is None else effort != "none"


@dataclass(frozen=True, slots=True)
class Provider:
    """Who serves models, and on which terms.

    Parameters
    ----------
    name : str
        As it stands before the colon of a judge.
    base_url : str
    dialect : {'openai', 'anthropic'}
    title, docs, limits : str
        For people: its name, its documentation, and what is known of its limits.
    url_variable, key : str
        Environment variables of another address and of the key; empty for none.
    key_needed : bool
    prices : tuple of str
        Names of the provider in genai-prices, tried in this order; ``free`` for a server of one's own.
    examples : tuple of str
    terms : Terms
        Of models that no exception names.
    exceptions : tuple
        Patterns, each group with the terms that it brings. The first that fits counts.
    """

    name: str
    base_url: str
    dialect: str
    title: str = ""
    docs: str = ""
    limits: str = ""
    url_variable: str = ""
    key: str = ""
    key_needed: bool = True
    prices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    terms: Terms = Terms()
    exceptions: tuple[tuple[tuple[str, ...], Terms], ...] = ()

    def terms_of(self, model: str, *, at_home: bool = True) -> Terms:
        """The terms of a model; at another address, its limit of tokens may have another name."""
        named = model.casefold()
        for patterns, terms in self.exceptions:
            if any(fnmatchcase(named, pattern) for pattern in patterns):
                return terms
        elsewhere = self.terms.limit_elsewhere
        return self.terms if at_home or not elsewhere else replace(self.terms, limit=elsewhere)

    def key_present(self) -> bool:
        """Whether there is a key in the environment."""
        return bool(self.key and os.environ.get(self.key, "").strip())


_TERMS = {entry.name for entry in fields(Terms)}
_OWN = {entry.name for entry in fields(Provider)} - {"name", "terms", "exceptions"}
_TUPLES = {"takes", "unreasoned", "prices", "examples"}


@cache
def built_in() -> dict[str, Provider]:
    """The providers that are part of the package, by name."""
    text = (package_files("auditor") / "texts" / "providers.toml").read_text(encoding="utf-8")
    return _read(tomllib.loads(text), "providers.toml", {})


def load_providers(path: str | Path | None = None) -> dict[str, Provider]:
    """All providers by name; those of a file add to ours, or take the place of one.

    A table of the file may begin from one of ours: ``like = "vllm"``.

    Raises
    ------
    InputError
        If the file is missing, no TOML, or holds a key or value that is not known.

    Examples
    --------
    >>> load_providers()["zai"].terms_of("glm-4.7").json
    'object'
    """
    ours = built_in()
    if path is None:
        return ours
    try:
        content = tomllib.loads(read_text(Path(path)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML ({error})", where=str(path)) from None
    return {**ours, **_read(content, str(path), ours)}


def _read(content: Mapping[str, Any], origin: str, known: Mapping[str, Provider]) -> dict[str, Provider]:
    found = {}
    for name, table in content.items():
        where = f"{origin}, provider '{name}'"
        if not isinstance(table, dict):
            raise InputError("a table was expected", where=where, remedy=f"write [{name}]")
        if not name.replace("-", "").replace("_", "").isalnum() or name in ("local", "function", "simulated"):
            raise InputError("this cannot be the name of a provider", where=where, remedy="take another name")
        like = table.get("like")
        if like is not None and (not isinstance(like, str) or like not in known):
            raise InputError(f"there is no provider '{like}' to begin from", where=where)
        found[name] = _provider(name, table, known[like] if like else None, where)
    return found


def _provider(name: str, table: Mapping[str, Any], like: Provider | None, where: str) -> Provider:
    given = {key: value for key, value in table.items() if key not in ("like", "models")}
    _check_keys(given, _OWN | _TERMS, where)
    own = {key: _value(key, value, where) for key, value in given.items() if key in _OWN}
    if like is None:
        for needed in ("base_url", "dialect"):
            if needed not in own:
                raise InputError(f"the key '{needed}' is missing", where=where)
    base = like or Provider(name, own["base_url"], own["dialect"])
    terms = _terms(base.terms, {k: v for k, v in given.items() if k in _TERMS}, where)
    exceptions = []
    for number, entry in enumerate(_list_of_tables(table.get("models", []), where), start=1):
        place = f"{where}, models entry {number}"
        _check_keys(entry, _TERMS | {"match"}, place)
        patterns = _value("match", entry.get("match"), place)
        exceptions.append((patterns, _terms(terms, {k: v for k, v in entry.items() if k != "match"}, place)))
    provider = replace(base, **own, name=name, terms=terms, exceptions=(*exceptions, *base.exceptions))
    if provider.dialect not in DIALECTS:
        raise InputError(f"the dialect is one of {', '.join(DIALECTS)}", where=where)
    if not provider.base_url.startswith(("http://", "https://")):
        raise InputError("the base URL begins with http:// or https://", where=where)
    return provider


def _terms(base: Terms, given: Mapping[str, Any], where: str) -> Terms:
    terms = replace(base, **{key: _value(key, value, where) for key, value in given.items()})
    if "takes" in given and "unreasoned" not in given:
        terms = replace(terms, unreasoned=tuple(n for n in terms.unreasoned if n in terms.takes))
    checks = (
        (set(terms.takes) <= set(PARAMETERS), "takes", ", ".join(PARAMETERS)),
        (set(terms.unreasoned) <= set(terms.takes), "unreasoned", "what 'takes' names"),
        (terms.json in JSON, "json", ", ".join(JSON)),
        (terms.limit in _LIMITS, "limit", ", ".join(_LIMITS)),
        (terms.limit_elsewhere in ("", *_LIMITS), "limit_elsewhere", ", ".join(_LIMITS)),
        (terms.room >= 0, "room", "a number from 0 up"),
        (1 <= terms.top_logprobs <= 100, "top_logprobs", "a number from 1 to 100"),
        (terms.max_temperature > 0, "max_temperature", "a number above 0"),
    )
    for fine, key, allowed in checks:
        if not fine:
            raise InputError(f"the key '{key}' takes {allowed}; given: {getattr(terms, key)!r}", where=where)
    return terms


def _check_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(
                f"the key '{key}' is not known; the keys are: {', '.join(sorted(known))}", where=where
            )


def _value(key: str, value: Any, where: str) -> Any:
    """A value of the right kind, lists as tuples."""
    if key in _TUPLES or key == "match":
        listed = [value] if isinstance(value, str) else value
        if (
            not isinstance(listed, list)
            or not all(isinstance(one, str) for one in listed)
            or (key == "match" and not listed)
        ):
            raise InputError(f"the key '{key}' takes a list of texts", where=where)
        return tuple(one.casefold() if key == "match" else one for one in listed)
    if key in ("efforts", "extra"):
        inner = value.values() if isinstance(value, dict) and key == "efforts" else ()
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in inner):
            raise InputError(f"the key '{key}' takes a table", where=where)
        return value
    kinds: dict[str, type | tuple[type, ...]] = dict.fromkeys(("reasons", "key_needed", "bounded_text"), bool)
    kinds |= {"room": int, "top_logprobs": int, "max_temperature": (int, float)}
    wanted = kinds.get(key, str)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise InputError(f"the key '{key}' has a value of a wrong kind: {value!r}", where=where)
    return value.rstrip("/") if isinstance(value, str) and key == "base_url" else value


def _list_of_tables(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InputError("the key 'models' takes tables", where=where, remedy="write [[NAME.models]]")
    return value
