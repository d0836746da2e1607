"""A Request in, a Reply out. One file per kind of judge; `resolve` makes one from a spec string."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.errors import InputError
from auditor.judges.base import Judge
from auditor.scale import Scale

__all__ = ["KINDS", "Judge", "JudgeOptions", "resolve"]

#: Kinds of judges with one line each, as ``auditor judges`` shows them.
KINDS: dict[str, str] = {
    "openai:MODEL": "OpenAI, or with a base URL any server that speaks its chat completions; key in OPENAI_API_KEY",
    "anthropic:MODEL": "Anthropic, or with a base URL any server that speaks its messages; key in ANTHROPIC_API_KEY",
    "local:NAME": "a model in this process, no key (extra 'local'); names: auditor models; or the path of a .gguf",
    "function:MODULE:NAME": "a Python function f(prompt), f(messages) or f(item, framing)",
    "simulated:NAME[,DIAL=X]": "an artificial judge with known bias; its results are stamped SIMULATED",
}


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How to reach a judge; nothing here is part of what it is.

    Parameters
    ----------
    base_url : str, optional
        For ``openai:`` and ``anthropic:`` judges that name none of their own.
    timeout : float, optional
        Seconds until a call is given up.
    threads : int
        Of local models.
    keyless : bool
        Whether a missing key is no fault, since nothing will be asked.
    """

    base_url: str | None = None
    timeout: float | None = None
    threads: int = 2
    keyless: bool = False


def resolve(
    judge: str | Judge | Callable[..., Any],
    scale: Scale,
    options: JudgeOptions | None = None,
    *,
    seed: int = 0,
) -> Judge:
    """Make a judge from a spec string, a callable, or a judge.

    ``openai:`` and ``anthropic:`` specs may end in ``@URL``: ``openai:qwen@http://127.0.0.1:8000/v1``.

    Raises
    ------
    InputError
        For an unknown kind or name, a missing key, or missing or wrong weights.
    """
    options = options or JudgeOptions()
    if isinstance(judge, Judge):
        return judge
    if callable(judge):
        from auditor.judges.function import FunctionJudge

        return FunctionJudge(judge)
    kind, colon, rest = str(judge).partition(":")
    if not colon or not rest or kind not in {spec.partition(":")[0] for spec in KINDS}:
        raise InputError(
            f"'{judge}' names no judge; the forms are: {', '.join(KINDS)}",
            where="judge",
            remedy="see 'auditor judges'",
        )
    if kind in ("openai", "anthropic"):
        return _hosted(kind, rest, options)
    if kind == "local":
        from auditor.judges.local import LocalJudge

        return LocalJudge(rest, threads=options.threads, timeout=options.timeout or 600.0)
    if kind == "simulated":
        from auditor.judges.simulated import SimulatedJudge, parse_dials

        return SimulatedJudge(rest, scale, parse_dials(rest, scale.with_whole_steps(), seed))
    from auditor.judges.function import FunctionJudge, import_function

    return FunctionJudge(import_function(rest), name=f"function:{rest}")


def _hosted(kind: str, rest: str, options: JudgeOptions) -> Judge:
    model, at, url = rest.partition("@http")
    base_url = f"http{url}" if at else options.base_url
    timeout, needed = options.timeout or 120.0, not options.keyless
    if kind == "openai":
        from auditor.judges.openai_chat import OpenAIJudge

        return OpenAIJudge(model, base_url=base_url, timeout=timeout, key_needed=needed)
    from auditor.judges.anthropic_messages import AnthropicJudge

    return AnthropicJudge(model, base_url=base_url, timeout=timeout, key_needed=needed)
