"""From the cells of a table to items, with the place of every fault."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from auditor.errors import InputError
from auditor.files import Table, require_columns
from auditor.records import Item

_TEXT_FIELDS = ("task", "output", "reference", "peer", "group")
FIELDS = ("id", *_TEXT_FIELDS, "gold", "correct", "tags")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_TRUE = {"true", "1", "yes", "right", "correct"}
_FALSE = {"false", "0", "no", "wrong", "incorrect"}


def checked_items(table: Table, columns: Mapping[str, str]) -> list[Item]:
    """Make the items of a table; `columns` maps our field names to the names of its columns.

    Raises
    ------
    InputError
        With file, line and field, for missing columns, empty texts, repeated ids or values of a wrong kind.

    Examples
    --------
    >>> table = Table({"id": ["a"], "task": ["2+2?"], "answer": ["4"]}, lambda row: f"item {row}")
    >>> checked_items(table, {"output": "answer"})[0].output
    '4'
    """
    unknown = sorted(set(columns) - set(FIELDS))
    if unknown:
        raise InputError(
            f"'{unknown[0]}' is not a field of an item; the fields are {', '.join(FIELDS)}", where="map"
        )
    if not len(table):
        raise InputError("there are no items", where="items")
    where_table = table.where(0).rsplit(",", 1)[0]
    names = {field: columns.get(field, field) for field in FIELDS}
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
