"""Items: read from JSONL, CSV, Parquet, a DataFrame or the built-in data sets, and checked."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.files import Table, read_table, require_columns
from auditor.records import Item

if TYPE_CHECKING:
    import pandas as pd

_TEXT_FIELDS = ("task", "output", "reference", "peer", "group")
_FIELDS = ("id", *_TEXT_FIELDS, "gold", "correct", "tags")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_TRUE = {"true", "1", "yes", "right", "correct"}
_FALSE = {"false", "0", "no", "wrong", "incorrect"}


def load_items(
    source: str | Path | pd.DataFrame | Iterable[Item | Mapping[str, Any]],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Item]:
    """Load and check the items of one source.

    Parameters
    ----------
    source : path, data set name, DataFrame, or iterable of Item or mappings
        Files end in ``.jsonl``, ``.csv`` or ``.parquet``; a bare word names a built-in data set
        (see `builtin_names`).
    columns : mapping, optional
        Our field name to the name of the column that holds it, for instance ``{"output": "response"}``.
    limit : int, optional
        Take this many, drawn by `seed` and kept in their order. Whole groups are drawn, as many as fit.
    seed : int
        Of the draw.

    Returns
    -------
    list of Item

    Raises
    ------
    InputError
        With file, line and field, for missing columns, empty texts, repeated ids or values of a wrong kind.

    Examples
    --------
    >>> load_items([{"id": "a", "task": "2+2?", "output": "4", "correct": True}])[0].correct
    True
    """
    table = _table(source)
    items = _items(table, dict(columns or {}))
    return items if limit is None else draw(items, limit, seed)


def _table(source: Any) -> Table:
    if isinstance(source, str | Path):
        path = Path(source)
        if isinstance(source, str) and not path.suffix and "/" not in source:
            return read_table(builtin_folder(source) / "items.jsonl")
        return read_table(path)
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return Table(
            {str(name): source[name].tolist() for name in source.columns},
            lambda row: f"row {row} of the DataFrame",
        )
    rows = [item.to_json() if isinstance(item, Item) else dict(item) for item in source]
    names = dict.fromkeys(name for row in rows for name in row)
    return Table({name: [row.get(name) for row in rows] for name in names}, lambda row: f"item {row}")


def _items(table: Table, columns: dict[str, str]) -> list[Item]:
    unknown = sorted(set(columns) - set(_FIELDS))
    if unknown:
        raise InputError(
            f"'{unknown[0]}' is not a field of an item; the fields are {', '.join(_FIELDS)}", where="map"
        )
    if not len(table):
        raise InputError("there are no items", where="items")
    where_table = table.where(0).rsplit(",", 1)[0]
    names = {field: columns.get(field, field) for field in _FIELDS}
    required = [names["id"], names["task"], names["output"], *columns.values()]
    require_columns(
        table.columns,
        dict.fromkeys(required),
        where_table,
        "name the column that holds it, e.g. --map output=response",
    )
    items, first_seen = [], dict[str, int]()
    for number, row in enumerate(table.rows()):
        item = _item(row, names, table.where(number))
        if item.id in first_seen:
            raise InputError(
                f"the id '{item.id}' stands already at {table.where(first_seen[item.id])}",
                where=f"{table.where(number)}, field '{names['id']}'",
                remedy="give each item an id of its own",
            )
        first_seen[item.id] = number
        items.append(item)
    return items


def _blank(value: Any) -> bool:
    return (
        value is None
        or value == ""
        or (isinstance(value, float) and math.isnan(value))
        or str(value) == "<NA>"
    )


def _item(row: Mapping[str, Any], names: Mapping[str, str], where: str) -> Item:
    def text(field: str) -> str | None:
        value = row.get(names[field])
        if _blank(value):
            return None
        if not isinstance(value, str):
            if field in {"id", "group", "peer"} and isinstance(value, int) and not isinstance(value, bool):
                return str(value)
            raise InputError(
                f"text was expected, not {type(value).__name__}", where=f"{where}, field '{names[field]}'"
            )
        if not value.isascii() and _HALF_PAIR.search(value):
            raise InputError(
                "the text holds half of a surrogate pair, which is no character and cannot be sent or stored",
                where=f"{where}, field '{names[field]}'",
                remedy="write the whole character, or remove it",
            )
        return value

    for field in ("id", "task", "output"):
        if not (text(field) or "").strip():
            raise InputError(
                "the text is empty",
                where=f"{where}, field '{names[field]}'",
                remedy="fill it in, or leave the item out",
            )
    return Item(
        id=str(text("id")),
        task=str(text("task")),
        output=str(text("output")),
        reference=text("reference"),
        gold=_number(row.get(names["gold"]), f"{where}, field '{names['gold']}'"),
        correct=_boolean(row.get(names["correct"]), f"{where}, field '{names['correct']}'"),
        peer=text("peer"),
        group=text("group"),
        tags=_tags(row.get(names["tags"]), f"{where}, field '{names['tags']}'"),
    )


def _number(value: Any, where: str) -> float | None:
    if _blank(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"a number was expected, not '{value}'", where=where) from None
    if not math.isfinite(number) or isinstance(value, bool):
        raise InputError(f"a finite number was expected, not '{value}'", where=where)
    return number


def _boolean(value: Any, where: str) -> bool | None:
    if _blank(value):
        return None
    word = str(value).strip().casefold()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise InputError(f"true or false was expected, not '{value}'", where=where)


def _tags(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    if _blank(value):
        return ()
    raise InputError("a list of words was expected", where=where)


def draw(items: Sequence[Item], limit: int, seed: int) -> list[Item]:
    """Draw `limit` items by `seed`, spread over as many groups as there are, and keep their order.

    Items of one group are not independent, so one item of each of many groups tells more than many items of a few.

    Raises
    ------
    InputError
        If `limit` is below one.
    """
    if limit < 1:
        raise InputError(f"at least one item is needed, not {limit}", where="limit")
    rng = random.Random(f"auditor-draw-{seed}")
    groups: dict[str, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(item.group if item.group is not None else f"\0{item.id}", []).append(position)
    ranked = []
    for members in groups.values():
        rng.shuffle(members)
        ranked += [(turn, rng.random(), position) for turn, position in enumerate(members)]
    return [items[position] for _, _, position in sorted(sorted(ranked)[:limit], key=lambda entry: entry[2])]


def combine(sources: Sequence[tuple[str, Sequence[Item]]]) -> list[Item]:
    """Join the items of several sources; ids and groups that stand in two get the source's name in front."""
    if len(sources) == 1:
        return list(sources[0][1])
    counts: dict[str, int] = {}
    for _, items in sources:
        for name in {item.id for item in items} | {item.group for item in items if item.group is not None}:
            counts[name] = counts.get(name, 0) + 1

    def renamed(source: str, name: str | None) -> str | None:
        return f"{source}/{name}" if name is not None and counts[name] > 1 else name

    return [
        replace(item, id=str(renamed(source, item.id)), group=renamed(source, item.group))
        for source, items in sources
        for item in items
    ]


def _datasets_root() -> Path:
    installed = Path(str(package_files("auditor"))) / "_datasets"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "datasets"


def builtin_names() -> list[str]:
    """Names of the built-in data sets."""
    return sorted(path.parent.name for path in _datasets_root().glob("*/items.jsonl"))


def builtin_folder(name: str) -> Path:
    """Folder of a built-in data set, with ``items.jsonl`` and its ``README.md``.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in builtin_names():
        raise InputError(
            f"'{name}' is neither a file nor a built-in data set; those are: {', '.join(builtin_names())}",
            where="items",
            remedy="give a path that ends in .jsonl, .csv or .parquet, or one of these names",
        )
    return _datasets_root() / name
