"""The ratings table: the contract between collecting, analysing and everybody else's data.

Columns: ``judge, item, arm, wording, replicate, threshold, score, status`` and optional ``group, gold, correct,
placement, item_hash, expected_score, phase, mentions_stakes``. Only ``item, arm, score`` are required.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auditor.errors import InputError
from auditor.files import Table, read_table, require_columns
from auditor.rationales import mentions
from auditor.scale import Scale

REQUIRED = ("item", "arm", "score")
COLUMNS = (
    "judge", "item", "arm", "wording", "replicate", "threshold", "score", "status",
    "group", "gold", "correct", "placement", "item_hash", "expected_score", "phase",
    "mentions_stakes",
)  # fmt: skip
STATUSES = ("ok", "refused", "unparseable", "failed")
PHASES = ("main", "pilot", "aa", "control", "shadow")
_KEY = ["judge", "item", "arm", "wording", "threshold", "replicate", "phase"]
_TRUTH = {"true": 1.0, "1": 1.0, "yes": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "no": 0.0, "0.0": 0.0}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Ratings:
    """A checked ratings table.

    Parameters
    ----------
    frame : DataFrame
        One row for each trial with all of `COLUMNS`; missing numbers are NaN, missing texts are empty.
    notes : tuple of str
        What was assumed while reading.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = field(default=())


def load_ratings(source: str | Path | pd.DataFrame | Ratings, scale: Scale) -> Ratings:
    """Read and check a ratings table.

    Parameters
    ----------
    source : path or DataFrame
        A CSV, JSONL or Parquet file, a run folder that holds ``ratings.csv``, or a frame. A missing score is a
        blank cell (null; in a DataFrame also NaN); the texts ``nan`` and ``inf`` are errors.
    scale : Scale
        Every score must be on it.

    Returns
    -------
    Ratings
        Sorted by item, wording, pass mark and replicate, so that no draw and no sum depends on the order of the file.

    Raises
    ------
    InputError
        With file, line and field of the first fault.

    Examples
    --------
    >>> rows = pd.DataFrame([("b", "deletion", 8), ("a", "deletion", 6)], columns=["item", "arm", "score"])
    >>> load_ratings(rows, Scale.parse("0:20")).frame["item"].tolist()
    ['a', 'b']
    """
    if isinstance(source, Ratings):
        return Ratings(_in_order(source.frame), source.notes)
    if isinstance(source, pd.DataFrame):
        columns = {str(name): _cells_of(source[name]) for name in source.columns}
        table = Table(columns, lambda row: f"row {row} of the DataFrame")
    else:
        path = Path(source)
        table = read_table(path / "ratings.csv" if path.is_dir() else path)
    checked = _check(table, scale)
    return Ratings(_in_order(checked.frame), checked.notes)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows by item, wording, pass mark and replicate; arms and judges stay in the order of the table."""
    keys = [
        frame["replicate"].to_numpy(),
        frame["threshold"].to_numpy(dtype=np.float64),
        *(pd.factorize(frame[name], sort=True)[0] for name in ("wording", "item")),
    ]
    order = np.lexsort(keys)
    if np.array_equal(order, np.arange(len(frame))):
        return frame
    return frame.take(order).reset_index(drop=True)


def _cells_of(column: pd.Series[Any]) -> list[Any]:
    """The cells of a column, None where there is nothing."""
    cells = column.tolist()
    for row in np.flatnonzero(column.isna().to_numpy()):
        cells[row] = None
    return cells


def _check(table: Table, scale: Scale) -> Ratings:
    where = table.where(0).rsplit(",", 1)[0] if len(table) else "ratings"
    require_columns(table.columns, REQUIRED, where, "rename your columns to item, arm and score")
    if not len(table):
        raise InputError("the table has no rows", where=where)
    notes: list[str] = []
    judges = _texts(table, "judge")
    data: dict[str, Any] = {
        "judge": judges if "judge" in table.columns else ["judge"] * len(table),
        "item": _texts(table, "item", required=True),
        "arm": _texts(table, "arm", required=True),
        "wording": _texts(table, "wording"),
        "threshold": _numbers(table, "threshold", on_scale(scale)),
        "score": _scores(table, scale),
        "group": _texts(table, "group"),
        "gold": _numbers(table, "gold"),
        "correct": _truths(table),
        "placement": _texts(table, "placement"),
        "item_hash": _texts(table, "item_hash"),
        "expected_score": _numbers(table, "expected_score"),
        "phase": _words(table, "phase", PHASES, "main"),
        "mentions_stakes": _mentions(table),
    }
    data["status"] = _statuses(table, data["score"])
    frame = pd.DataFrame(data)
    if "replicate" in table.columns:
        frame["replicate"] = _replicates(table)
        twice = frame.duplicated(_KEY)
        if twice.any():
            row = int(np.flatnonzero(twice.to_numpy())[0])
            keys = frame[_KEY].fillna({"threshold": -math.inf})
            same = (keys == keys.iloc[row]).all(axis=1)
            first = int(np.flatnonzero(same.to_numpy())[0])
            raise InputError(
                f"this trial stands already at {table.where(first)} "
                f"(item '{frame['item'][row]}', arm '{frame['arm'][row]}', replicate {frame['replicate'][row]})",
                where=table.where(row),
                remedy="remove one, or number the replicates 1, 2, 3, ...",
            )
    else:
        cell = [name for name in _KEY if name != "replicate"]
        frame["replicate"] = frame.groupby(cell, sort=False, dropna=False).cumcount() + 1
        repeats = int((frame["replicate"] > 1).sum())
        if repeats:
            notes.append(
                f"There is no column 'replicate': {repeats} repeated rows were taken as replicates in file order."
            )
    for name in ("group", "gold", "correct"):
        _one_per_item(frame, name, table)
    return Ratings(frame[list(COLUMNS)], tuple(notes))


def _mentions(table: Table) -> Any:
    """Whether each reason mentions the stakes: as the table says, or from its column ``rationale``."""
    if "mentions_stakes" in table.columns or "rationale" not in table.columns:
        return _truths(table, "mentions_stakes")
    texts = _texts(table, "rationale")
    return [float(mentions(text).stakes) if text.strip() else math.nan for text in texts]


def _fault(table: Table, row: int, name: str, message: str, remedy: str | None = None) -> InputError:
    return InputError(message, where=f"{table.where(row)}, field '{name}'", remedy=remedy)


def _texts(table: Table, name: str, *, required: bool = False) -> list[str]:
    cells = table.columns.get(name)
    if cells is None:
        return [""] * len(table)
    texts = []
    for row, cell in enumerate(cells):
        text = cell if type(cell) is str else _text_of(cell)
        if required and not text.strip():
            raise _fault(table, row, name, "the cell is empty", "fill it in, or leave the row out")
        texts.append(undefused(text) if text[:1] == "'" else text)
    return texts


def _text_of(cell: Any) -> str:
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def undefused(text: str) -> str:
    """Take away the apostrophe that `defused` put before a text a spreadsheet would run."""
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


def defused(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> print(defused("=1+1"), undefused(defused("=1+1")), defused("plain"))
    '=1+1 =1+1 plain
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def _words(table: Table, name: str, allowed: tuple[str, ...], default: str) -> list[str]:
    words = _texts(table, name)
    for row, word in enumerate(words):
        if word and word not in allowed:
            raise _fault(table, row, name, f"'{word}' is not one of {', '.join(allowed)}")
    return [word or default for word in words]


def on_scale(scale: Scale) -> Callable[[float], str | None]:
    """A check that says what is wrong with a number that is not on `scale`."""
    return lambda number: (
        None if scale.allows(number) else f"{number:g} is not on the scale ({scale.describe()})"
    )


def _numbers(
    table: Table, name: str, check: Callable[[float], str | None] | None = None, scale: Scale | None = None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The column as floats, NaN where blank; each distinct text is read and checked once."""
    cells = table.columns.get(name)
    if cells is None:
        return np.full(len(table), np.nan)
    known: dict[Any, float] = {}
    numbers = np.empty(len(table))
    for row, cell in enumerate(cells):
        key = (type(cell), cell)
        if key not in known:
            known[key] = _number(table, row, name, cell, check, scale)
        numbers[row] = known[key]
    return numbers


def _number(
    table: Table,
    row: int,
    name: str,
    cell: Any,
    check: Callable[[float], str | None] | None,
    scale: Scale | None,
) -> float:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return math.nan
    if isinstance(cell, bool):
        raise _fault(table, row, name, f"a number was expected, not {cell}")
    number = scale.value_of(str(cell)) if scale is not None else None
    if number is None:
        try:
            number = float(cell)
        except (TypeError, ValueError):
            raise _fault(table, row, name, f"a number was expected, not '{str(cell)[:60]}'") from None
    if not math.isfinite(number):
        raise _fault(
            table,
            row,
            name,
            f"'{cell}' is not a finite number",
            "leave the cell blank where there is no score",
        )
    if check is not None and (wrong := check(number)):
        raise _fault(
            table, row, name, wrong, "correct the cell, or give the scale that was used with --scale"
        )
    return number


def _scores(table: Table, scale: Scale) -> np.ndarray[Any, np.dtype[np.float64]]:
    return _numbers(table, "score", on_scale(scale), scale)


def _truths(table: Table, name: str = "correct") -> np.ndarray[Any, np.dtype[np.float64]]:
    cells = table.columns.get(name)
    truths = np.full(len(table), np.nan)
    for row, cell in enumerate(cells or ()):
        word = "" if cell is None else str(cell).strip().casefold()
        if word and word not in _TRUTH:
            raise _fault(table, row, name, f"true or false was expected, not '{cell}'")
        if word:
            truths[row] = _TRUTH[word]
    return truths


def _statuses(table: Table, scores: np.ndarray[Any, np.dtype[np.float64]]) -> list[str]:
    words = _words(table, "status", STATUSES, "")
    blank = np.isnan(scores)
    for row, word in enumerate(words):
        if word == "ok" and blank[row]:
            raise _fault(
                table,
                row,
                "score",
                "the score is blank, but the status is 'ok'",
                "give the score or another status",
            )
        if word not in {"", "ok"} and not blank[row]:
            raise _fault(
                table, row, "score", f"there is a score, but the status is '{word}'", "leave the score blank"
            )
    return [word or ("unparseable" if blank[row] else "ok") for row, word in enumerate(words)]


def _replicates(table: Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    numbers = _numbers(table, "replicate")
    whole = np.isfinite(numbers) & (numbers == np.rint(numbers))
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        raise _fault(
            table,
            row,
            "replicate",
            f"a whole number was expected, not '{table.columns['replicate'][row]}'",
            "number them 1, 2, 3, ... in each cell, or leave the whole column out",
        )
    return numbers.astype(np.int64)


def _one_per_item(frame: pd.DataFrame, name: str, table: Table) -> None:
    """Refuse an item that has two values of a property that belongs to the item."""
    if name not in table.columns:
        return
    distinct = frame[["item", name]].drop_duplicates()
    twice = distinct["item"].duplicated()
    if twice.any():
        row = int(distinct.index[twice.to_numpy()][0])
        item = frame["item"][row]
        first = int(np.flatnonzero((frame["item"] == item).to_numpy())[0])
        raise _fault(
            table,
            row,
            name,
            f"item '{item}' has '{table.columns[name][row]}' here and '{table.columns[name][first]}' "
            f"at {table.where(first)}",
            f"give each item one {name}",
        )


def to_csv(frame: pd.DataFrame) -> str:
    """Write a ratings frame as CSV: numbers in their shortest form, formulas in texts defused."""
    shown = frame[[name for name in COLUMNS if name in frame.columns]].copy()
    for name in shown.columns:
        if name in {"threshold", "score", "gold", "expected_score"}:
            shown[name] = [_shortest(value) for value in shown[name]]
        elif name in {"correct", "mentions_stakes"}:
            shown[name] = [{1.0: "true", 0.0: "false"}.get(value, "") for value in shown[name]]
        elif name != "replicate":
            shown[name] = [defused(str(value)) for value in shown[name]]
    return str(shown.to_csv(index=False, lineterminator="\n"))


def _shortest(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def status_counts(frame: pd.DataFrame) -> Mapping[tuple[str, str], Mapping[str, int]]:
    """Number of ratings of each status, by judge and arm, in the order of their first rows."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    sizes = frame.groupby(["judge", "arm", "status"], sort=False).size().reset_index(name="n")
    for judge, arm, status, number in sizes.itertuples(index=False):
        counts.setdefault((str(judge), str(arm)), dict.fromkeys(STATUSES, 0))[str(status)] = int(number)
    return counts
