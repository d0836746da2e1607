"""A folder of text files as a source: one output in each, with its task in a file beside or above it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeAlias

from auditor.errors import InputError
from auditor.files import Table, read_table, read_text

_TABLES = ("items.jsonl", "items.csv", "items.parquet")
_LEDGER = "ledger.sqlite"
_ENDINGS = (".txt", ".md")
_SIDES = ("task", "reference")
#: The text files of a folder, by their path below it without the ending.
_Texts: TypeAlias = "dict[PurePosixPath, Path]"


def folder_table(root: Path) -> Table:
    """Read the items of a folder: its table if it holds one, else its text files.

    Raises
    ------
    InputError
        Naming the file, for an output without a task, a text that is empty or not UTF-8, and two files for one text;
        and for a folder without any text, or of a run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "task.txt").write_text("2+2?")
    ...     _ = Path(name, "first.txt").write_text("4")
    ...     table = folder_table(Path(name))
    >>> table.columns["id"], table.columns["task"], table.columns["output"]
    (['first'], ['2+2?'], ['4'])
    """
    if (root / _LEDGER).exists():
        _refuse_run(root)
    tables = [root / name for name in _TABLES if (root / name).is_file()]
    if len(tables) > 1:
        raise InputError(
            f"the folder holds both {tables[0].name} and {tables[1].name}",
            where=str(root),
            remedy="name the file that is meant",
        )
    if tables:
        return read_table(tables[0])
    texts = _find_texts(root)
    return _read_outputs(root, texts, _outputs(root, texts))


def _refuse_run(folder: Path) -> NoReturn:
    raise InputError(
        f"this is the folder of a run (it holds {_LEDGER}), not of items",
        where=str(folder),
        remedy="give the file or folder that the run took its items from",
    )


def _find_texts(root: Path) -> _Texts:
    def unreadable(error: OSError) -> NoReturn:
        raise InputError(f"the folder cannot be read ({error.strerror})", where=str(error.filename)) from None

    texts: _Texts = {}
    others: set[str] = set()
    for place, folders, names in os.walk(root, onerror=unreadable):
        if _LEDGER in names:
            _refuse_run(Path(place))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith(".") or path.stem.casefold() == "readme":
                continue
            if path.suffix.lower() not in _ENDINGS:
                others.add(path.suffix or name)
                continue
            key = PurePosixPath(path.relative_to(root).as_posix()).with_suffix("")
            if key in texts:
                raise InputError(
                    f"{texts[key].name} stands beside it, and both would be '{key}'",
                    where=str(path),
                    remedy="keep one of the two",
                )
            texts[key] = path
    if not texts:
        _refuse_textless(root, others)
    return texts


def _refuse_textless(root: Path, others: set[str]) -> NoReturn:
    if not others and not any(root.iterdir()):
        raise InputError("the folder is empty", where=str(root))
    if any((root / name).is_file() for name in ("dataset_info.json", "dataset_dict.json")):
        raise InputError(
            "this is a saved Hugging Face data set", where=str(root), remedy=f"write it as hf:{root}"
        )
    found = f"; what it holds ends in {', '.join(sorted(others)[:5])}" if others else ""
    raise InputError(
        f"the folder holds no text of an output{found}",
        where=str(root),
        remedy="put each output into a file of its own that ends in .txt or .md",
    )


def _outputs(root: Path, texts: _Texts) -> list[PurePosixPath]:
    """The texts that are outputs; a task or reference of an output that is not there is most likely a slip."""
    outputs = []
    for key, path in texts.items():
        owner, dot, side = key.name.rpartition(".")
        if dot and side in _SIDES:
            if key.with_name(owner) not in texts:
                raise InputError(
                    f"this is the {side} of '{owner}', but there is no {owner}.txt or {owner}.md beside it",
                    where=str(path),
                    remedy=f"rename it, or name it {side}.txt if it is of all outputs in the folder",
                )
        elif key.name not in _SIDES:
            outputs.append(key)
    if not outputs:
        raise InputError(
            "the folder holds tasks or references, but no output",
            where=str(root),
            remedy="put each output into a file of its own that ends in .txt or .md",
        )
    return outputs


def _side(texts: Mapping[PurePosixPath, Path], output: PurePosixPath, side: str) -> Path | None:
    """The file of an output's own task or reference, else the nearest one that is shared."""
    places = [output.with_name(f"{output.name}.{side}"), *(folder / side for folder in output.parents)]
    return next((texts[place] for place in places if place in texts), None)


def _read_outputs(root: Path, texts: _Texts, outputs: list[PurePosixPath]) -> Table:
    tasks = []
    for output in outputs:
        task = _side(texts, output, "task")
        if task is None:
            raise InputError(
                "there is no task for this output",
                where=str(texts[output]),
                remedy=f"write it into {output.name}.task.txt beside it, or into task.txt in its folder or above",
            )
        tasks.append(task)
    references = [_side(texts, output, "reference") for output in outputs]
    # Editors end a file with a line end, which is no part of what the peer wrote.
    content = {
        path: read_text(path).rstrip("\r\n")
        for path in dict.fromkeys(
            [*(texts[output] for output in outputs), *tasks, *(path for path in references if path)]
        )
    }
    uses = Counter(tasks)
    columns: dict[str, list[Any]] = {
        "id": [str(output) for output in outputs],
        "task": [content[task] for task in tasks],
        "output": [content[texts[output]] for output in outputs],
        "reference": [content[path] if path else None for path in references],
        "peer": [output.parts[0] if len(output.parts) > 1 else None for output in outputs],
        "group": [task.relative_to(root).as_posix() if uses[task] > 1 else None for task in tasks],
    }
    return Table(columns, lambda row: str(texts[outputs[row]]))
