"""The settings of a run: a TOML file, flags with the same names, or both; unknown keys are refused."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.errors import InputError
from auditor.files import read_text

_LISTS = {"judge", "items", "wordings", "price"}
_TEXTS = {
    "scale",
    "treatment",
    "control",
    "rubric",
    "placement",
    "rationale",
    "reply",
    "texts",
    "out",
    "base_url",
    "stratify",
    "peer_name",
    *("reasoning_effort", "providers"),
}
_NUMBERS = {
    "margin",
    "pass_margin",
    "alpha",
    "temperature",
    "timeout",
    *("max_cost", "requests_per_minute", "tokens_per_minute"),
}
_WHOLE = {
    "replicates",
    "max_tokens",
    "seed",
    "limit",
    "threads",
    "concurrency",
    "pilot_items",
    "assay_items",
    "probe_items",
    "looks",
    *("max_calls", "max_total_tokens"),
}
_OTHERS = {
    "arms",
    "threshold",
    "map",
    "noise_floor",
    "wordings_per_item",
    "sequential",
    "extend",
    "store_text",
    "logprobs",
}
#: How a plan is collected; nothing that a preview needs.
FLOW = (
    *("requests_per_minute", "tokens_per_minute", "max_cost", "max_calls", "max_total_tokens"),
    *("price", "store_text"),
)
KEYS = sorted({*_LISTS, *_TEXTS, *_NUMBERS, *_WHOLE, *_OTHERS})


def read_settings(path: Path | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Join the settings of a file with those of the flags, which win.

    Raises
    ------
    InputError
        For a file that is not TOML, an unknown key, or a value of a wrong kind.
    """
    settings: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(read_text(path))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"this is not TOML ({error})", where=str(path)) from None
        for key, value in data.items():
            if key not in KEYS:
                raise InputError(
                    f"the key '{key}' is not known; the keys are: {', '.join(KEYS)}",
                    where=str(path),
                    remedy="remove it, or correct its name",
                )
            settings[key] = _checked(key, value, str(path))
    settings |= {key: value for key, value in flags.items() if value not in (None, [], ())}
    for key in ("judge", "items"):
        if not settings.get(key):
            raise InputError(
                f"no {key} is named", where=key, remedy=f"write --{key} ..., or {key} = in the file"
            )
    rubric = settings.get("rubric", "")
    if rubric.startswith("@"):
        settings["rubric"] = read_text(Path(rubric[1:]))
    return settings


def _checked(key: str, value: Any, origin: str) -> Any:
    where = f"{origin}, key '{key}'"
    if key in _LISTS | {"arms"}:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise InputError("a text or a list of texts was expected", where=where)
        return listed
    if key == "map":
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise InputError('a table like {output = "response"} was expected', where=where)
        return value
    if key in ("noise_floor", "store_text", "logprobs"):
        if not isinstance(value, bool):
            raise InputError(f"true or false was expected, not {value!r}", where=where)
        return value
    if key == "threshold" and isinstance(value, list):
        if not value or not all(
            isinstance(one, str | int | float) and not isinstance(one, bool) for one in value
        ):
            raise InputError("a pass mark, a list of them, or 'auto' was expected", where=where)
        return value
    if key == "sequential" and isinstance(value, bool):
        return value
    if key == "extend":
        sizes = value if isinstance(value, list) else [value]
        if not sizes or not all(isinstance(one, int) and not isinstance(one, bool) for one in sizes):
            raise InputError("a number of items, or one for each stage, was expected", where=where)
        return sizes
    kinds: tuple[type, ...] = (
        (str,) if key in _TEXTS | {"sequential"} else (int,) if key in _WHOLE else (int, float)
    )
    kinds = {"threshold": (str, int, float), "wordings_per_item": (str, int)}.get(key, kinds)
    if isinstance(value, bool) or not isinstance(value, kinds):
        words = "text" if kinds == (str,) else "a whole number" if kinds == (int,) else "a number"
        raise InputError(f"{words} was expected, not {value!r}", where=where)
    return value


def audit_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as arguments of `auditor.study.audit_async`."""
    from auditor.study import audit_async

    known = inspect.signature(audit_async).parameters
    arguments = {("columns" if key == "map" else key): value for key, value in settings.items()}
    unknown = set(arguments) - set(known)
    assert not unknown, unknown
    return arguments


def parse_map(pairs: list[str]) -> dict[str, str]:
    """Read ``field=column`` pairs.

    Raises
    ------
    InputError
        If one has no equals sign.
    """
    mapping = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals or not field or not column:
            raise InputError(
                f"'{pair}' is not of the form field=column", where="map", remedy="e.g. --map output=answer"
            )
        mapping[field.strip()] = column.strip()
    return mapping


def prepare_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as arguments of `auditor.study.prepare`."""
    from auditor.judges import JudgeOptions

    arguments = audit_arguments(settings)
    for name in ("concurrency", "extend", *FLOW):
        arguments.pop(name, None)
    if arguments.get("sequential") is True:
        arguments["sequential"] = "obrien-fleming"
    names = ("base_url", "timeout", "reasoning_effort", "logprobs", "providers")
    reach = {name: arguments.pop(name) for name in names if name in arguments}
    threads = arguments.pop("threads", None)
    more = {} if threads is None else {"threads": threads}
    return {**arguments, "options": JudgeOptions(**reach, **more, keyless=True)}
