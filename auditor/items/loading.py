"""The one door for items: which reader a source needs, then the check and the draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.files import Table, read_table
from auditor.items.builtin import builtin_folder, builtin_names
from auditor.items.checking import checked_items
from auditor.items.drawing import draw, draw_evenly
from auditor.items.folder import folder_table
from auditor.items.huggingface import PREFIX, dataset_table, is_dataset, named_table
from auditor.records import Item

if TYPE_CHECKING:
    import pandas as pd


def load_items(
    source: str | Path | pd.DataFrame | Iterable[Item | Mapping[str, Any]],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    stratify: str | None = None,
) -> list[Item]:
    """Load and check the items of one source.

    Parameters
    ----------
    source : path, data set name, DataFrame, Hugging Face data set, or iterable of Item or mappings
        Files end in ``.jsonl``, ``.csv`` or ``.parquet``; a bare word names a built-in data set
        (see `builtin_names`), or else a folder.

        A folder that holds ``items.jsonl``, ``items.csv`` or ``items.parquet`` is read as that file. In any other,
        each ``NAME.txt`` or ``NAME.md`` is one output, and its path below the folder is its id. Its task stands in
        ``NAME.task.txt``, else in the nearest ``task.txt`` from its folder upward to the one given; a reference
        likewise, if there is one. The first sub-folder is the peer. Items that share a task file are one group,
        which counts as one where results are tested. READMEs, hidden files and linked folders are left out.

        ``hf:OWNER/NAME[@REVISION][:CONFIG][#SPLIT]`` names a data set on the Hugging Face hub, and
        ``hf:FOLDER[#SPLIT]`` one that ``save_to_disk`` wrote. Without a column ``id`` the number of the row is the
        id. Code that comes with a data set is never run. Needs the extra ``hf``.
    columns : mapping, optional
        Our field name to the name of the column that holds it, for instance ``{"output": "response"}``.
    limit : int, optional
        Take this many, drawn by `seed`, spread over the groups, and kept in their order.
    seed : int
        Of the draw.
    stratify : {'gold', 'correct', 'peer'}, optional
        Draw evenly over the values of this field.

    Returns
    -------
    list of Item

    Raises
    ------
    InputError
        With file, line and field, for missing columns, empty texts, repeated ids or values of a wrong kind.
    OperationError
        If the hub could not be reached.
    MissingExtraError
        If reading the source needs an extra that is not installed.

    Examples
    --------
    >>> load_items([{"id": "a", "task": "2+2?", "output": "4", "correct": True}])[0].correct
    True
    """
    mapped = dict(columns or {})
    items = checked_items(_table(source, mapped), mapped)
    if stratify is not None and limit is None:
        raise InputError("items are stratified as they are drawn", where="stratify", remedy="add --limit N")
    if limit is None:
        return items
    return draw(items, limit, seed) if stratify is None else draw_evenly(items, limit, seed, stratify)


def _table(source: Any, columns: Mapping[str, str]) -> Table:
    if isinstance(source, str | Path):
        return _named(source, columns)
    if is_dataset(source):
        return dataset_table(source, columns, "the data set")
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return Table(
            {str(name): source[name].tolist() for name in source.columns},
            lambda row: f"row {row} of the DataFrame",
        )
    rows = [item.to_json() if isinstance(item, Item) else dict(item) for item in source]
    names = dict.fromkeys(name for row in rows for name in row)
    return Table({name: [row.get(name) for row in rows] for name in names}, lambda row: f"item {row}")


def _named(source: str | Path, columns: Mapping[str, str]) -> Table:
    if str(source).startswith(PREFIX):
        return named_table(str(source), columns)
    path = Path(source)
    bare = isinstance(source, str) and not path.suffix and "/" not in source
    # A name of ours means the same in every working folder; and an empty name is no folder, although Path("") is.
    if bare and (source in builtin_names() or not source or not path.is_dir()):
        return read_table(builtin_folder(str(source)) / "items.jsonl")
    return folder_table(path) if path.is_dir() else read_table(path)
