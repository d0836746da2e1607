"""Files, whole or not at all; and tables of text, with the line of every fault."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.errors import InputError, MissingExtraError, StorageError

_LARGEST_CELL = 512 * 1024 * 1024


@dataclass(frozen=True)
class Table:
    """The cells of a file as they were written, and a way to say where each row stood.

    Parameters
    ----------
    columns : dict of list
        Name of each column, in the order of the file, and its cells: text in CSV files (blank where there is
        nothing), JSON-like values in the other kinds (None where there is nothing).
    where : callable
        From a row's number (from 0) to a text such as ``items.csv, line 7``.
    """

    columns: dict[str, list[Any]]
    where: Callable[[int], str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as a mapping from column to cell."""
        names = list(self.columns)
        for cells in zip(*self.columns.values(), strict=True):
            yield dict(zip(names, cells, strict=True))


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file through a temporary one beside it and a rename, so that nobody ever sees half of it.

    Raises
    ------
    StorageError
        If the folder is read-only or the disk is full; nothing is left behind.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise StorageError(
            f"{path} could not be written ({error.strerror or error}); nothing was left half-written"
        ) from error


def read_text(path: Path) -> str:
    """Read a UTF-8 file (a byte order mark is allowed).

    Raises
    ------
    InputError
        If it is missing, a folder, empty, or not UTF-8 (with the line of the first wrong byte).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("this is a folder, not a file", where=str(path)) from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", where=str(path)) from None
    if not data.strip():
        raise InputError("the file is empty", where=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            where=f"{path}, line {line}",
            remedy="save the file as UTF-8, e.g. iconv -f latin1 -t utf-8",
        ) from None


def read_table(path: Path) -> Table:
    """Read a CSV, JSONL or Parquet file by its ending.

    Raises
    ------
    InputError
        For a file that is missing, empty, not UTF-8, not separated by commas, or ragged.
    """
    kind = path.suffix.lower()
    if kind in {".parquet", ".pq"}:
        return _read_parquet(path)
    if kind in {".jsonl", ".ndjson", ".json"}:
        return _read_jsonl(path)
    if kind in {".csv", ".txt", ""}:
        return _read_csv(path)
    raise InputError(
        f"files that end in '{kind}' are not known", where=str(path), remedy="give .csv, .jsonl or .parquet"
    )


def _read_csv(path: Path) -> Table:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    csv.field_size_limit(min(_LARGEST_CELL, sys.maxsize))
    columns: list[list[str]] = []
    lines: list[int] = []
    seen: dict[str, str] = {}  # one object for each distinct text: long tables repeat most of their cells
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(path, header)
        columns = [[] for _ in header]
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{len(cells)} cells where the header has {len(header)}",
                    where=f"{path}, line {line}",
                    remedy="put cells that hold commas or line ends in double quotes",
                )
            for column, cell in zip(columns, cells, strict=True):
                column.append(seen.setdefault(cell, cell))
            lines.append(line)
    except csv.Error as error:
        raise InputError(
            f"this is not well-formed CSV ({error})", where=f"{path}, line {reader.line_num}"
        ) from None
    if not lines:
        raise InputError("there is a header, but no row below it", where=str(path))
    return Table(dict(zip(header, columns, strict=True)), lambda row: f"{path}, line {lines[row]}")


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        found = "semicolons" if ";" in header[0] else "tabs"
        raise InputError(
            f"the columns are separated by {found}, not by commas",
            where=f"{path}, line 1",
            remedy="save the table as comma-separated values",
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"the column '{twice[0]}' stands twice", where=f"{path}, line 1")


def _read_jsonl(path: Path) -> Table:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"this is not a JSON object ({error.msg} at column {error.colno})",
                where=where,
                remedy="write one JSON object on each line",
            ) from None
        if not isinstance(row, dict):
            raise InputError(
                "this is JSON, but not an object", where=where, remedy="write one object on each line"
            )
        rows.append(row)
        lines.append(number)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Table(columns, lambda row: f"{path}, line {lines[row]}")


def _read_parquet(path: Path) -> Table:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), remedy="check the path")
    try:
        import pyarrow.lib as arrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("parquet", "reading Parquet") from None
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(
            f"this is not a Parquet file ({str(error).splitlines()[0]})", where=str(path)
        ) from None
    if not table.num_rows:
        raise InputError("the file has no rows", where=str(path))
    return Table(table.to_pydict(), lambda row: f"{path}, row {row + 1}")


def require_columns(table_columns: Iterable[str], required: Iterable[str], where: str, remedy: str) -> None:
    """Refuse a table that lacks one of the required columns.

    Raises
    ------
    InputError
        Naming every missing column and those that are there.
    """
    present = list(table_columns)
    missing = [name for name in required if name not in present]
    if missing:
        shown = ", ".join(present[:12]) or "none"
        names = " and ".join(f"'{name}'" for name in missing)
        raise InputError(f"the column {names} is missing; there are: {shown}", where=where, remedy=remedy)
