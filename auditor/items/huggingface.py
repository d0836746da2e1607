"""Hugging Face data sets as a source: from the hub, from a folder that was saved, or as an object."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from auditor.errors import InputError, MissingExtraError, OperationError, mask_secrets
from auditor.files import Table
from auditor.items.checking import FIELDS

PREFIX = "hf:"
_FORM = "hf:OWNER/NAME[@REVISION][:CONFIG][#SPLIT]"
_HUB_NAME = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[^:#]+))?(:(?P<config>[^#]+))?(#(?P<split>.+))?"
)
_LONGEST_REASON = 300


@dataclass(frozen=True)
class HubName:
    """What ``hf:OWNER/NAME[@REVISION][:CONFIG][#SPLIT]`` says; None for what it leaves open."""

    name: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None

    @classmethod
    def parse(cls, text: str) -> HubName:
        """Take a name apart.

        Raises
        ------
        InputError
            If it has another form.

        Examples
        --------
        >>> HubName.parse("hf:openai/gsm8k@e53f048:main#test[:100]")
        HubName(name='openai/gsm8k', revision='e53f048', config='main', split='test[:100]')
        """
        match = _HUB_NAME.fullmatch(text.removeprefix(PREFIX))
        if match is None:
            raise InputError(
                f"this is neither {_FORM} nor the folder of a saved data set",
                where=text,
                remedy="write e.g. hf:openai/gsm8k:main#test",
            )
        return cls(**match.groupdict())


def is_dataset(source: object) -> bool:
    """Whether `source` is an object of the library `datasets`, which is not imported for the question.

    Examples
    --------
    >>> is_dataset([{"id": "a"}])
    False
    """
    library = sys.modules.get("datasets")
    kinds = ("Dataset", "DatasetDict", "IterableDataset", "IterableDatasetDict")
    return any(isinstance(source, getattr(library, kind, ())) for kind in kinds)


def named_table(source: str, columns: Mapping[str, str]) -> Table:
    """Load the data set that ``hf:...`` names; a folder of that name goes before the hub.

    Raises
    ------
    InputError
        If there is no such data set, revision, configuration or split, or the split is not named.
    OperationError
        If the hub could not be reached.
    MissingExtraError
        If the library is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from datasets import Dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Dataset.from_dict({"task": ["2+2?"], "output": ["4"]}).save_to_disk(folder)
    ...     table = named_table(f"hf:{folder}", {})
    >>> table.columns["output"]
    ['4']
    """
    library = _library()
    place, _, split = source.removeprefix(PREFIX).partition("#")
    folder = Path(place).expanduser()
    if place.startswith((".", "/", "~")) or (place and folder.exists()):
        data = _attempt(source, lambda: library.load_from_disk(str(folder)))
        return dataset_table(_split(data, split, source), columns, source)
    return dataset_table(_from_hub(library, HubName.parse(source), source), columns, source)


def _library() -> Any:
    try:
        import datasets

        # Any folder that is called "datasets" can be imported too, and has no such name.
        _ = datasets.load_dataset
    except (ImportError, AttributeError):
        raise MissingExtraError("hf", "reading a Hugging Face data set") from None
    return datasets


def _from_hub(library: Any, wanted: HubName, source: str) -> Any:
    if Path(wanted.name).exists():
        raise InputError(
            f"there is a file or folder '{wanted.name}' here, which the library would read in place of the hub",
            where=source,
            remedy="run from another folder, or name what is here by its path without 'hf:'",
        )
    # Without the network the library takes whichever revision it prepared last. A cache of its own for each
    # revision that is named keeps it from passing off another one.
    caches = Path(library.config.HF_DATASETS_CACHE) / "auditor-revisions"
    cache = None if wanted.revision is None else str(caches / quote(wanted.revision, safe=""))
    return _attempt(
        source,
        lambda: library.load_dataset(
            wanted.name,
            wanted.config,
            split=wanted.split,
            revision=wanted.revision,
            cache_dir=cache,
            # Without a split nothing but the names of the splits is wanted, and streaming downloads no data.
            streaming=wanted.split is None,
            trust_remote_code=False,
        ),
    )


def _attempt(source: str, load: Callable[[], Any]) -> Any:
    """Call the library and turn whatever it raises into one sentence."""
    try:
        return load()
    except (ConnectionError, TimeoutError) as error:
        raise OperationError(
            f"{source}: the hub could not be reached ({_reason(error)}). Check the network and run again; a data "
            "set that save_to_disk wrote needs none."
        ) from error
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the data set could not be loaded ({_reason(error)})",
            where=source,
            remedy=f"check the name ({_FORM}, or hf:FOLDER), and that you may read it",
        ) from error
    except Exception as error:  # the library lets through whatever those below it raise
        raise OperationError(f"{source}: the data set could not be loaded ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return mask_secrets(lines[0])[:_LONGEST_REASON].rstrip(".")


def _split(data: Any, split: str, source: str) -> Any:
    """One split of a saved data set."""
    if not isinstance(data, Mapping):
        if split and str(data.split) != split:
            raise InputError(
                f"this is one data set without splits, and '{split}' was asked for",
                where=source,
                remedy=f"leave #{split} out",
            )
        return data
    if split and split not in data:
        raise InputError(
            f"there is no split '{split}'; the splits are: {', '.join(data)}",
            where=source,
            remedy="name one of them",
        )
    return data[split] if split else data


def dataset_table(data: Any, columns: Mapping[str, str], where: str) -> Table:
    """Take the cells that items are made of out of a data set; without ``id`` the rows are numbered from 0.

    Raises
    ------
    InputError
        If `data` holds several splits.

    Examples
    --------
    >>> from datasets import Dataset
    >>> data = Dataset.from_dict({"task": ["2+2?"], "answer": ["4"]})
    >>> dataset_table(data, {"output": "answer"}, "the sums").columns
    {'id': [0], 'task': ['2+2?'], 'answer': ['4']}
    """
    if isinstance(data, Mapping):
        first = next(iter(data), "NAME")
        raise InputError(
            f"no split is named; the splits are: {', '.join(data)}",
            where=where,
            remedy=f"write {where.partition('#')[0]}#{first}"
            if where.startswith(PREFIX)
            else f"pass data['{first}']",
        )
    wanted = {columns.get(field, field) for field in FIELDS}
    cells = _attempt(where, lambda: _cells(data, wanted))
    if "id" not in columns and "id" not in cells:
        cells = {"id": list(range(len(next(iter(cells.values()), [])))), **cells}
    return Table(cells, lambda row: f"{where}, row {row}")


def _cells(data: Any, wanted: set[str]) -> dict[str, list[Any]]:
    if not hasattr(data, "select_columns") or not hasattr(data, "num_rows"):
        rows = [dict(row) for row in data]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    read = data.select_columns([name for name in data.column_names if name in wanted])
    found = read.to_dict()
    # The others are named in messages, but not read: pictures and sounds are large.
    unread = [None] * data.num_rows
    return {name: found.get(name, unread) for name in data.column_names}
