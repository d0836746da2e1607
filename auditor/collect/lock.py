"""One run at a time in a folder: a lock that the system lets go when its holder dies."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from auditor.errors import FolderBusyError, StorageError
from auditor.records import utc_now

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system: no lock, as SQLite still keeps writes apart
    fcntl = None  # type: ignore[assignment]


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a run folder while the block runs.

    Raises
    ------
    FolderBusyError
        If another process holds it, saying which.
    StorageError
        If the folder cannot be written to.
    """
    path = folder / "run.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to ({error.strerror}); choose another --out"
        ) from error
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = {}
                with suppress(json.JSONDecodeError):
                    holder = json.loads(file.read() or "{}")
                raise FolderBusyError(
                    f"{folder} is in use by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
                    f"since {holder.get('since', '?')}; wait for it, stop it, or choose another --out"
                ) from None
        try:
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": utc_now()}))
            file.flush()
        except OSError as error:
            raise StorageError(f"{path} could not be written ({error.strerror})") from error
        yield
