"""Arms and wordings: an arm is its factors, and its text follows from them and a wording."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal

from auditor.errors import InputError
from auditor.files import read_text
from auditor.records import content_hash

FACTORS: Mapping[str, tuple[str, ...]] = {
    "threshold": ("none", "stated", "implied"),
    "consequence": ("none", "relabelling", "retraining", "removal"),
    "coupling": ("none", "score", "lottery", "high_score", "certain", "never"),
    "subject": ("ai_peer", "self", "program", "person"),
    "relationship": ("none", "cooperative", "uncooperative"),
    "filler": ("none", "housekeeping"),
}
_PLACES = ("subject", "threshold", "stake", "filler")
Family = Literal["confirmatory", "exploratory"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One experimental condition: a point in the factors (see `FACTORS`)."""

    name: str
    threshold: str = "none"
    consequence: str = "none"
    coupling: str = "none"
    subject: str = "ai_peer"
    relationship: str = "none"
    filler: str = "none"

    @property
    def factors(self) -> dict[str, str]:
        """The value of each factor."""
        return {name: getattr(self, name) for name in FACTORS}

    @property
    def plain(self) -> bool:
        """Whether every factor has its first value, so that there is no framing at all."""
        return all(getattr(self, name) == values[0] for name, values in FACTORS.items())

    @property
    def states_threshold(self) -> bool:
        """Whether the pass mark is part of what the judge reads."""
        return self.threshold != "none"


@dataclass(frozen=True)
class Wording:
    """One paraphrase of all framings: a skeleton and the words for each factor's value."""

    id: str
    language: str
    skeleton: str
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def render(self, arm: Arm, mark: str) -> str:
        """The framing that `arm` adds, with `mark` as the pass mark; empty for a plain arm.

        Raises
        ------
        InputError
            If this wording has no words for a value that the arm needs.
        """
        if arm.plain:
            return ""
        keys = {
            "subject": arm.subject,
            "threshold": arm.threshold,
            "stake": f"{arm.consequence}/{arm.coupling}",
            "filler": f"{arm.filler}/{arm.threshold}",
        }
        empty = {"threshold": "none", "stake": "none/none", "filler": f"none/{arm.threshold}"}
        parts = {}
        for place, key in keys.items():
            words = self.words.get(place, {})
            if key not in words and empty.get(place) != key:
                raise InputError(
                    f"wording '{self.id}' has no words for {place} = '{key}', which the arm '{arm.name}' needs",
                    where="wordings",
                    remedy=f"add the key \"{key}\" to its table '{place}'",
                )
            parts[place] = words.get(key, "").replace("{mark}", mark)
        return " ".join(self.skeleton.format(**parts).split())


@dataclass(frozen=True, slots=True)
class Contrast:
    """Treatment arm minus control arm, on the same items."""

    treatment: str
    control: str
    family: Family = "confirmatory"
    isolates: str = ""

    @property
    def name(self) -> str:
        """Both arms, as they are written in reports."""
        return f"{self.treatment} - {self.control}"


PRIMARY = Contrast("deletion", "decoupled")


@dataclass(frozen=True)
class Texts:
    """All arms, sets, contrasts and wordings of a run, with the hash of their content."""

    arms: Mapping[str, Arm]
    sets: Mapping[str, tuple[str, ...]]
    contrasts: tuple[Contrast, ...]
    wordings: tuple[Wording, ...]
    hash: str

    def select(self, names: Iterable[str] | str) -> tuple[Arm, ...]:
        """Arms by the name of a set, by their own names, or both, each once.

        Raises
        ------
        InputError
            If a name is neither, or no arm is named.
        """
        chosen: dict[str, Arm] = {}
        for name in names.split(",") if isinstance(names, str) else names:
            word = name.strip()
            members = self.sets.get(word, (word,))
            for member in members:
                if member not in self.arms:
                    raise InputError(
                        f"there is no arm or set '{word}'; the arms are {', '.join(self.arms)}; "
                        f"the sets are {', '.join(self.sets)}",
                        where="arms",
                    )
                chosen[member] = self.arms[member]
        if not chosen:
            raise InputError("no arm is named", where="arms", remedy="write e.g. --arms quick")
        return tuple(chosen.values())

    def contrasts_of(self, arms: Iterable[Arm]) -> tuple[Contrast, ...]:
        """All contrasts of which both arms are there, the confirmatory one first."""
        names = {arm.name for arm in arms}
        found = [c for c in self.contrasts if {c.treatment, c.control} <= names]
        return tuple(sorted(found, key=lambda c: c.family != "confirmatory"))


def load_texts(extra: str | Path | None = None) -> Texts:
    """Load the shipped arms and wordings, and on top of them a file of the user's own in the same form.

    Parameters
    ----------
    extra : path, optional
        A TOML file with ``[arms.NAME]`` tables, ``[[wordings]]`` or both. Its wordings replace the shipped ones;
        its arms are added.

    Raises
    ------
    InputError
        For unknown factors, values or keys, naming the file and the field.
    """
    data = _shipped()
    origin = "shipped texts"
    if extra is not None:
        origin = str(extra)
        try:
            own = tomllib.loads(read_text(Path(extra)))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"this is not TOML ({error})", where=origin) from None
        unknown = sorted(set(own) - set(data))
        if unknown:
            raise InputError(f"the key '{unknown[0]}' is not known; known: {', '.join(data)}", where=origin)
        data = {
            "arms": {**data["arms"], **own.get("arms", {})},
            "sets": {**data["sets"], **own.get("sets", {})},
            "contrasts": [*data["contrasts"], *own.get("contrasts", [])],
            "wordings": own.get("wordings") or data["wordings"],
        }
    return _texts(data, origin)


@cache
def _shipped() -> dict[str, Any]:
    folder = package_files("auditor") / "texts"
    arms = tomllib.loads((folder / "arms.toml").read_text(encoding="utf-8"))
    return {**arms, **tomllib.loads((folder / "wordings.toml").read_text(encoding="utf-8"))}


def _texts(data: Mapping[str, Any], origin: str) -> Texts:
    arms = {name: _arm(name, dict(factors), origin) for name, factors in data["arms"].items()}
    contrasts = []
    for entry in data["contrasts"]:
        unknown = sorted(set(entry) - {f.name for f in fields(Contrast)})
        if unknown:
            raise InputError(f"the key '{unknown[0]}' is not known", where=f"{origin}, contrasts")
        contrasts.append(Contrast(**entry))
    wordings = tuple(_wording(entry, origin) for entry in data["wordings"])
    ids = [wording.id for wording in wordings]
    if len(set(ids)) != len(ids):
        raise InputError("two wordings have the same id", where=f"{origin}, wordings")
    sets = {name: tuple(members) for name, members in data["sets"].items()}
    return Texts(arms, sets, tuple(contrasts), wordings, content_hash(dict(data)))


def _arm(name: str, factors: Mapping[str, Any], origin: str) -> Arm:
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
    return Arm(name, **factors)


def _wording(entry: Mapping[str, Any], origin: str) -> Wording:
    where = f"{origin}, wording '{entry.get('id', '?')}'"
    unknown = sorted(set(entry) - {"id", "language", "skeleton", *_PLACES})
    if unknown:
        raise InputError(f"the key '{unknown[0]}' is not known", where=where)
    if not isinstance(entry.get("id"), str) or not isinstance(entry.get("skeleton"), str):
        raise InputError("a wording needs an id and a skeleton, both text", where=where)
    try:
        places = {name for _, name, _, _ in string.Formatter().parse(entry["skeleton"]) if name is not None}
    except ValueError as error:
        raise InputError(f"the skeleton's braces do not match ({error})", where=where) from None
    if places != set(_PLACES):
        raise InputError(
            f"the skeleton must name each of {{{'}, {'.join(_PLACES)}}} and nothing else", where=where
        )
    words = {place: dict(entry.get(place, {})) for place in _PLACES}
    return Wording(entry["id"], entry.get("language", "en"), entry["skeleton"], words)
