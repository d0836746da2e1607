"""Any Python function as a judge.

``f(prompt)`` and ``f(messages)`` get our whole prompt; ``f(item, framing)`` keeps the user's own prompt, rubric and
parser, and only takes in our text.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Literal

from auditor.errors import InputError, JudgeError, RequestRefusedError
from auditor.judges.base import Judge
from auditor.records import JudgeIdentity, Reply, Request

Form = Literal["prompt", "messages", "item"]


class FunctionJudge(Judge):
    """A callable, sync or async, that returns a number, a text, or a mapping with a ``score``.

    Sync functions run in threads, so they must be safe to call at once, or be run with a concurrency of 1.

    Parameters
    ----------
    function : callable
        ``f(prompt)``, ``f(messages)`` or ``f(item, framing)``; told apart by the names and number of parameters.
    name : str, optional
        Default ``function:`` and the function's own name.

    Raises
    ------
    InputError
        If the parameters fit none of the three forms.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.form = _form(function)
        label = name or f"function:{_label(function)}"
        self.identity = JudgeIdentity(
            label, {"form": self.form, "source": _source_hash(function)}, structured=False, converses=False
        )

    async def reply(self, request: Request) -> Reply:
        """Call the function once."""
        arguments: tuple[Any, ...]
        if self.form == "item":
            arguments = (request.item, request.framing)
        elif self.form == "messages":
            arguments = ([{"role": m.role, "content": m.content} for m in request.messages],)
        else:
            arguments = ("\n\n".join(message.content for message in request.messages),)
        try:
            if inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(
                getattr(self.function, "__call__", None)  # noqa: B004 - an object with an async __call__
            ):
                value = await self.function(*arguments)
            else:
                value = await asyncio.to_thread(self.function, *arguments)
                if inspect.isawaitable(value):
                    value = await value
        except JudgeError:
            raise
        except Exception as error:  # whatever somebody's function raises is a failed trial
            raise RequestRefusedError(f"{self.name} raised {type(error).__name__}: {error}") from error
        return _as_reply(value)


def _as_reply(value: Any) -> Reply:
    if isinstance(value, Reply):
        return value
    if value is None:
        return Reply("", "null")
    if isinstance(value, bool):
        value = int(value)
    if hasattr(value, "item") and not isinstance(value, str | dict):
        value = value.item()  # numbers of numpy and its kin
    if isinstance(value, int | float):
        return Reply(f"Score: {value!r}", json.dumps(value))
    if isinstance(value, str):
        return Reply(value, json.dumps(value, ensure_ascii=False))
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return Reply(text, text)


def _form(function: Callable[..., Any]) -> Form:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return "prompt"
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in places if p.default is p.empty]
    forced = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if not forced and (len(required) == 2 or (len(places) >= 2 and places[1].name == "framing")):
        return "item"
    if not forced and len(required) <= 1 and places:
        return "messages" if places[0].name == "messages" else "prompt"
    raise InputError(
        f"a judge function takes f(prompt), f(messages) or f(item, framing), not {inspect.signature(function)}",
        where=f"judge {_label(function)}",
        remedy="wrap it in a function of one of these forms",
    )


def _label(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).replace("<locals>.", "")


def _source_hash(function: Callable[..., Any]) -> str:
    """Hash of the function's source, so that an edited judge is another judge."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = f"{getattr(function, '__module__', '')}.{_label(function)}"
    return hashlib.sha256(source.encode("utf-8", "backslashreplace")).hexdigest()


def import_function(path: str) -> Callable[..., Any]:
    """Import ``module:name``, looking in the working directory too.

    Raises
    ------
    InputError
        If there is no such module or name, or importing it fails.
    """
    module_name, _, name = path.partition(":")
    where = f"judge function:{path}"
    if not module_name or not name:
        raise InputError(f"'{path}' is not of the form module:name", where=where)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        value: Any = importlib.import_module(module_name)
        for part in name.split("."):
            value = getattr(value, part)
    except ImportError as error:
        raise InputError(
            f"the module could not be imported ({error})",
            where=where,
            remedy="run from the folder it lies in",
        ) from None
    except AttributeError as error:
        raise InputError(f"{error}", where=where) from None
    except Exception as error:  # whatever somebody's module raises on import
        raise InputError(f"importing it raised {type(error).__name__}: {error}", where=where) from error
    if not callable(value):
        raise InputError("this is not a function", where=where)
    function: Callable[..., Any] = value
    return function
