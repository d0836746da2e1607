"""A Request in, a Reply out. One file per kind of judge; `resolve` makes one from a spec string."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.errors import InputError
from auditor.judges.base import Judge
from auditor.judges.providers import Provider, load_providers
from auditor.scale import Scale

if TYPE_CHECKING:
    from auditor.judges.hosted import HostedJudge

__all__ = ["KINDS", "Judge", "JudgeOptions", "Provider", "forms", "load_providers", "resolve"]

#: Kinds of judges that no provider serves, with one line each.
KINDS: dict[str, str] = {
    "local:NAME": "a model in this process, no key (extra 'local'); names: auditor models; or the path of a .gguf",
    "function:MODULE:NAME": "a Python function f(prompt), f(messages) or f(item, framing)",
    "simulated:NAME[,DIAL=X]": "an artificial judge with known bias; its results are stamped SIMULATED",
}


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How to reach judges, and how they are to work, where the judge itself does not say.

    Parameters
    ----------
    base_url : str, optional
        For ``openai:`` and ``anthropic:`` judges and those on a server of one's own that name none.
    timeout : float, optional
        Seconds until a call is given up.
    threads : int
        Of local models.
    keyless : bool
        Whether a missing key is no fault, since nothing will be asked.
    reasoning_effort : str, optional
        For all judges; part of what each is.
    logprobs : bool
        Whether to ask for the probabilities of tokens, from which expected scores are made; part of what a judge is.
    providers : path, optional
        A file of providers of the user's own.
    """

    base_url: str | None = None
    timeout: float | None = None
    threads: int = 2
    keyless: bool = False
    reasoning_effort: str | None = None
    logprobs: bool = False
    providers: str | Path | None = None


def forms(providers: dict[str, Provider]) -> list[str]:
    """How a judge may be written."""
    return [f"{name}:MODEL" for name in providers] + list(KINDS)


def resolve(
    judge: str | Judge | Callable[..., Any],
    scale: Scale,
    options: JudgeOptions | None = None,
    *,
    seed: int = 0,
) -> Judge:
    """Make a judge from a spec string, a callable, or a judge.

    A spec of a provider may say its reasoning effort and end in an address:
    ``openai:gpt-5.2,effort=low``, ``vllm:qwen@http://127.0.0.1:8000/v1``.

    Raises
    ------
    InputError
        For an unknown kind or name, a missing key, missing or wrong weights, or an option that the judge does not take.
    """
    options = options or JudgeOptions()
    if isinstance(judge, Judge):
        return judge
    if callable(judge):
        from auditor.judges.function import FunctionJudge

        _plain(FunctionJudge(judge).name, options)
        return FunctionJudge(judge)
    providers = load_providers(options.providers)
    kind, colon, rest = str(judge).partition(":")
    if not colon or not rest or kind not in {form.partition(":")[0] for form in forms(providers)}:
        raise InputError(
            f"'{judge}' names no judge; the forms are: {', '.join(forms(providers))}",
            where="judge",
            remedy="see 'auditor judges'",
        )
    if kind in providers:
        return _hosted(providers[kind], rest, options)
    if kind == "local":
        return _local(rest, options)
    if kind == "simulated":
        from auditor.judges.simulated import SimulatedJudge, parse_dials

        _plain(str(judge), options, logprobs=True)
        dials = parse_dials(rest, scale.with_whole_steps(), seed)
        return SimulatedJudge(rest, scale, dials, logprobs=options.logprobs)
    from auditor.judges.function import FunctionJudge, import_function

    _plain(str(judge), options)
    return FunctionJudge(import_function(rest), name=f"function:{rest}")


def _local(name: str, options: JudgeOptions) -> Judge:
    from auditor.judges.local import LocalJudge

    _plain(f"local:{name}", options, logprobs=True)
    timeout = options.timeout or 600.0
    return LocalJudge(name, threads=options.threads, timeout=timeout, logprobs=options.logprobs)


def _plain(name: str, options: JudgeOptions, *, logprobs: bool = False) -> None:
    """Refuse what a judge without a provider does not take."""
    if options.reasoning_effort is not None:
        raise InputError(
            "this judge takes no reasoning effort",
            where=f"judge {name}",
            remedy="write it behind those judges that take it: openai:gpt-5.2,effort=low",
        )
    if options.logprobs and not logprobs:
        raise InputError(
            "a function gives no probabilities", where=f"judge {name}", remedy="leave --logprobs out"
        )


class _Spec(NamedTuple):
    model: str
    effort: str | None
    url: str | None


def _parse(rest: str, where: str) -> _Spec:
    named, at, url = rest.partition("@http")
    model, *settings = named.split(",")
    effort = None
    for setting in settings:
        key, equals, value = (part.strip() for part in setting.partition("="))
        if key != "effort" or not equals or not value or effort is not None:
            raise InputError(
                f"'{setting}' is no setting of a judge", where=where, remedy="write MODEL,effort=low"
            )
        effort = value
    if not model.strip():
        raise InputError("no model is named", where=where, remedy="see 'auditor judges'")
    return _Spec(model.strip(), effort, f"http{url}" if at else None)


def _hosted(provider: Provider, rest: str, options: JudgeOptions) -> HostedJudge:
    from auditor.judges.anthropic_messages import AnthropicJudge
    from auditor.judges.openai_chat import OpenAIJudge

    spec = _parse(rest, f"judge {provider.name}:{rest}")
    name = f"{provider.name}:{spec.model}" + (f",effort={spec.effort}" if spec.effort else "")
    shared = options.base_url if provider.name in ("openai", "anthropic") or not provider.key_needed else None
    kind = OpenAIJudge if provider.dialect == "openai" else AnthropicJudge
    return kind(
        spec.model,
        base_url=spec.url or shared,
        timeout=options.timeout or 120.0,
        key_needed=not options.keyless,
        served_by=provider,
        effort=spec.effort or options.reasoning_effort,
        name=name,
        logprobs=options.logprobs,
    )
