"""Every error that the package raises on purpose.

::

    AuditorError
    ├── InputError                 what the user gave is wrong; nothing was started (exit status 2)
    │   └── OtherPlanError         the run folder belongs to another plan
    ├── OperationError             the operation failed; the message says how to go on (exit status 4)
    │   ├── StorageError           the ledger or a file could not be written
    │   ├── FolderBusyError        another process holds the run folder
    │   └── IncompleteError        some trials have no answer yet; the same command asks again
    └── JudgeError                 a judge did not answer
        ├── TransientJudgeError    asking again could help, and was not paid for: rate limit, overload
        ├── UncertainJudgeError    nobody knows whether it was served: a time-out, a torn connection, rubbish
        ├── RequestRefusedError    this request will never work: too long, blocked, malformed
        └── JudgeUnusableError     no request to this judge will work: wrong key, no such model
            └── MissingExtraError  an optional part is not installed

The tree splits by what the caller can do: correct the input, run again, or give up on one judge. Keys never
appear in a message: text that came from a provider goes through `mask_secrets` first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


class AuditorError(Exception):
    """Base of all errors that the package raises on purpose."""


class InputError(AuditorError, ValueError):
    """Something that the user gave is wrong.

    Parameters
    ----------
    message : str
        What was wrong and what was expected.
    where : str, optional
        File, line and field, for instance ``items.jsonl, line 3, field 'output'``.
    remedy : str, optional
        What to do about it.

    Examples
    --------
    >>> str(InputError("the id 'a' stands twice", where="items.csv, line 4", remedy="make ids unique"))
    "items.csv, line 4: the id 'a' stands twice. To mend it: make ids unique."
    """

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.message, self.where, self.remedy = message, where, remedy
        head = f"{where}: " if where else ""
        tail = f" To mend it: {remedy.rstrip('.')}." if remedy else ""
        super().__init__(f"{head}{message.rstrip('.')}.{tail}")


class OtherPlanError(InputError):
    """The run folder belongs to another plan; running on would mix two experiments."""


class OperationError(AuditorError):
    """The operation failed although the input was right."""


class StorageError(OperationError):
    """The ledger or a file could not be written (read-only, full, or damaged)."""


class FolderBusyError(OperationError):
    """Another process holds the run folder."""


class IncompleteError(OperationError):
    """Some trials have no answer yet; running the same command asks for them again."""


class JudgeError(AuditorError):
    """A judge did not answer.

    Parameters
    ----------
    message : str
    retry_after : float, optional
        The server's wish in seconds, if it stated one.
    limits : mapping, optional
        What the server said of its limits, by header.
    limited : bool
        Whether it said that we ask too fast.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        limits: Mapping[str, str] | None = None,
        limited: bool = False,
    ) -> None:
        self.retry_after, self.limits, self.limited = retry_after, dict(limits or {}), limited
        super().__init__(mask_secrets(message))


class TransientJudgeError(JudgeError):
    """Asking again could help. ``retry_after`` is the server's wish in seconds, if it stated one."""


class UncertainJudgeError(JudgeError):
    """The request may have been served and paid for; it is not repeated before the user runs again."""


class RequestRefusedError(JudgeError):
    """This one request will never work; the others may."""


class JudgeUnusableError(JudgeError):
    """No request to this judge will work until somebody mends something."""


class MissingExtraError(JudgeUnusableError):
    """An optional part of the package is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs the extra '{extra}': pip install 'judge-auditor[{extra}]'")


_SECRET = re.compile(
    r"(?i)\bsk-[\w*-]{4,}|\bAIza[\w-]{10,}|\bBearer\s+[\w.~+/=*-]{4,}"
    r"|\b(?:api[_-]?key|x-api-key|authorization)['\"]?\s*[:=]\s*['\"]?[\w.*-]{8,}"
)


def mask_secrets(text: str) -> str:
    """Replace everything that looks like a key or a token by ``[masked]``.

    Examples
    --------
    >>> mask_secrets("Incorrect API key provided: sk-abcdef123456.")
    'Incorrect API key provided: [masked].'
    """
    return _SECRET.sub("[masked]", text)
