"""Loading arms, sets and wordings: the shipped ones, and a user's own on top of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from auditor.arms.contrasts import PRIMARY, Contrast
from auditor.arms.factors import FACTORS, Arm
from auditor.arms.wordings import Wording, read_wording
from auditor.errors import InputError
from auditor.files import read_text
from auditor.records import content_hash

_SECTIONS = ("arms", "sets", "wordings", "markers")


@dataclass(frozen=True, slots=True)
class ArmSet:
    """A named choice of arms with its own primary contrast."""

    name: str
    arms: tuple[str, ...]
    treatment: str = PRIMARY.treatment
    control: str = PRIMARY.control
    about: str = ""

    @property
    def primary(self) -> Contrast:
        """The set's primary contrast."""
        return Contrast(self.treatment, self.control)


@dataclass(frozen=True)
class Texts:
    """All arms, sets and wordings of a run, the marker words that the check uses, and the hash of it all."""

    arms: Mapping[str, Arm]
    sets: Mapping[str, ArmSet]
    wordings: tuple[Wording, ...]
    markers: Mapping[str, Any]
    hash: str
    origin: str = "shipped texts"

    def select(self, names: Iterable[str] | str) -> tuple[Arm, ...]:
        """Arms by the name of a set, by their own names, or both, each once.

        Raises
        ------
        InputError
            If a name is neither, or no arm is named.
        """
        chosen: dict[str, Arm] = {}
        for name in _split(names):
            members = self.sets[name].arms if name in self.sets else (name,)
            for member in members:
                if member not in self.arms:
                    raise InputError(
                        f"there is no arm or set '{name}'; the arms are {', '.join(self.arms)}; "
                        f"the sets are {', '.join(self.sets)}",
                        where="arms",
                    )
                chosen[member] = self.arms[member]
        if not chosen:
            raise InputError("no arm is named", where="arms", remedy="write e.g. --arms quick")
        return tuple(chosen.values())

    def primary_of(self, names: Iterable[str] | str) -> Contrast:
        """The primary contrast of a choice of arms: that of the first set that is named, else the usual one."""
        return next((self.sets[name].primary for name in _split(names) if name in self.sets), PRIMARY)

    def find_wording(self, wanted: str) -> Wording:
        """A wording by its id.

        Raises
        ------
        InputError
            If there is none.
        """
        for wording in self.wordings:
            if wording.id == wanted:
                return wording
        listed = ", ".join(wording.id for wording in self.wordings)
        raise InputError(f"there is no wording '{wanted}'; there are {listed}", where="wordings")


def _split(names: Iterable[str] | str) -> list[str]:
    parts = names.split(",") if isinstance(names, str) else list(names)
    return [part.strip() for part in parts if part.strip()]


def load_texts(extra: str | Path | None = None) -> Texts:
    """Load the shipped arms and wordings, and on top of them a file of the user's own in the same form.

    Parameters
    ----------
    extra : path, optional
        A TOML file with ``[arms.NAME]``, ``[sets.NAME]``, ``[[wordings]]`` and ``[markers.LANGUAGE]`` tables, or some of
        them. Its wordings replace the shipped ones; its arms, sets and markers are added.

    Raises
    ------
    InputError
        For unknown factors, values or keys, naming the file and the field.
    """
    shipped = _shipped()
    if extra is None:
        return _texts(shipped, "shipped texts")
    origin = str(extra)
    try:
        own = tomllib.loads(read_text(Path(extra)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML ({error})", where=origin) from None
    unknown = sorted(set(own) - set(_SECTIONS))
    if unknown:
        raise InputError(f"the key '{unknown[0]}' is not known; known: {', '.join(_SECTIONS)}", where=origin)
    _check_shapes(own, origin)
    merged = {name: {**shipped[name], **own.get(name, {})} for name in ("arms", "sets", "markers")}
    return _texts({**merged, "wordings": own.get("wordings") or shipped["wordings"]}, origin)


def _check_shapes(own: Mapping[str, Any], origin: str) -> None:
    """Refuse sections of another shape than the shipped ones."""
    for name in ("arms", "sets", "markers"):
        if not isinstance(own.get(name, {}), Mapping):
            raise InputError(f"'{name}' must be a table", where=origin, remedy=f"write [{name}.NAME]")
    wordings = own.get("wordings", [])
    if not isinstance(wordings, list) or not all(isinstance(entry, Mapping) for entry in wordings):
        raise InputError("'wordings' must be a list of tables", where=origin, remedy="write [[wordings]]")
    for language, markers in own.get("markers", {}).items():
        where = f"{origin}, markers.{language}"
        if not isinstance(markers, Mapping):
            raise InputError("the marker words of a language are a table", where=where)
        for key, value in markers.items():
            if key in ("negations", "asks"):
                _check_patterns(value, f"{where}.{key}")
            elif key in FACTORS:
                _check_rules(key, value, f"{where}.{key}")
            else:
                raise InputError(
                    f"the key '{key}' is not known; known: negations, asks, {', '.join(FACTORS)}", where=where
                )


def _check_rules(factor: str, values: Any, where: str) -> None:
    for value, rules in values.items() if isinstance(values, Mapping) else [("", None)]:
        if value not in FACTORS[factor] or not isinstance(rules, Mapping):
            raise InputError(
                f"a table for a value of {factor} was expected ({', '.join(FACTORS[factor])})",
                where=f"{where}.{value}",
            )
        for rule, patterns in rules.items():
            if rule not in ("required", "forbidden", "only"):
                raise InputError(
                    f"'{rule}' is no rule; those are required, forbidden, only", where=f"{where}.{value}"
                )
            _check_patterns(patterns, f"{where}.{value}.{rule}")


def _check_patterns(patterns: Any, where: str) -> None:
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InputError("a list of regular expressions was expected", where=where)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise InputError(f"'{pattern}' is no regular expression ({error})", where=where) from None


@cache
def _shipped() -> dict[str, Any]:
    folder = package_files("auditor") / "texts"
    data: dict[str, Any] = {}
    for name in ("arms", "wordings", "markers"):
        data |= tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    return data


def _texts(data: Mapping[str, Any], origin: str) -> Texts:
    arms = {name: _arm(name, factors, origin) for name, factors in data["arms"].items()}
    wordings = tuple(read_wording(entry, origin) for entry in data["wordings"])
    ids = [wording.id for wording in wordings]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two wordings have the id '{twice}'", where=f"{origin}, wordings", remedy="give each its own"
        )
    sets = {name: _set(name, entry, arms, origin) for name, entry in data["sets"].items()}
    return Texts(arms, sets, wordings, data["markers"], content_hash(dict(data)), origin)


def _arm(name: str, factors: Any, origin: str) -> Arm:
    if not isinstance(factors, Mapping):
        raise InputError("an arm is a table of factors", where=f"{origin}, arms.{name}")
    for factor, value in factors.items():
        if factor not in FACTORS:
            raise InputError(
                f"the factor '{factor}' is not known; the factors are {', '.join(FACTORS)}",
                where=f"{origin}, arms.{name}",
            )
        if value not in FACTORS[factor]:
            raise InputError(
                f"'{value}' is not a value of {factor}; those are {', '.join(FACTORS[factor])}",
                where=f"{origin}, arms.{name}.{factor}",
            )
    arm = Arm(name, **factors)
    if (arm.consequence == "none") != (arm.coupling == "none"):
        raise InputError(
            "consequence and coupling go together: something happens, and something decides about it",
            where=f"{origin}, arms.{name}",
            remedy="name both, or neither",
        )
    if arm.coupling in ("score", "high_score") and arm.threshold == "none":
        raise InputError(
            f"coupling = '{arm.coupling}' needs a pass mark, stated or implied",
            where=f"{origin}, arms.{name}.threshold",
            remedy='add threshold = "stated"',
        )
    return arm


def _others(entry: Mapping[str, Any]) -> list[Any]:
    return [entry[key] for key in ("treatment", "control", "about") if key in entry]


def _set(name: str, entry: Any, arms: Mapping[str, Arm], origin: str) -> ArmSet:
    where = f"{origin}, sets.{name}"
    listed = entry.get("arms") if isinstance(entry, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in [*listed, *_others(entry)]):
        raise InputError(
            "a set is a table with a list 'arms'", where=where, remedy='arms = ["decoupled", ...]'
        )
    unknown = sorted(set(entry) - {"arms", "treatment", "control", "about"})
    if unknown:
        raise InputError(f"the key '{unknown[0]}' is not known", where=where)
    made = ArmSet(name, tuple(entry["arms"]), **{k: v for k, v in entry.items() if k != "arms"})
    for member in made.arms:
        if member not in arms:
            raise InputError(f"there is no arm '{member}'", where=f"{where}.arms")
    if made.treatment == made.control:
        raise InputError(f"treatment and control are the same arm, '{made.control}'", where=where)
    for role in ("treatment", "control"):
        if getattr(made, role) not in made.arms:
            raise InputError(
                f"the set lacks the arm '{getattr(made, role)}', the {role} of its primary contrast",
                where=f"{where}.arms",
                remedy=f'add it, or name another with {role} = "..."',
            )
    return made
