"""The data sets that come with the package."""

from __future__ import annotations

from importlib.resources import files as package_files
from pathlib import Path

from auditor.errors import InputError


def _datasets_root() -> Path:
    installed = Path(str(package_files("auditor"))) / "_datasets"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent.parent / "datasets"


def builtin_names() -> list[str]:
    """Names of the built-in data sets.

    Examples
    --------
    >>> "checkable" in builtin_names()
    True
    """
    return sorted(path.parent.name for path in _datasets_root().glob("*/items.jsonl"))


def builtin_folder(name: str) -> Path:
    """Folder of a built-in data set, with ``items.jsonl`` and its ``README.md``.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> builtin_folder("checkable").name
    'checkable'
    """
    if name not in builtin_names():
        raise InputError(
            f"'{name}' is neither a file nor a built-in data set; those are: {', '.join(builtin_names())}",
            where="items",
            remedy="give a path that ends in .jsonl, .csv or .parquet, or one of these names",
        )
    return _datasets_root() / name
