"""Wordings: paraphrases of all framings, each a skeleton whose places are filled by an arm's factors."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.arms.factors import FACTORS, Arm
from auditor.errors import InputError

#: Places that every skeleton must name, so that no factor can be forgotten.
PLACES = ("who", "history", "threshold", "stake", "filler", "request")
#: Places that the run fills in: the pass mark, the judge's own name, and the peer's.
GIVEN = ("mark", "judge", "named")
#: The factor whose words fill a place of the skeleton.
_OWNERS = {
    "who": "subject",
    "history": "relationship",
    "threshold": "threshold",
    "filler": "filler",
    "request": "instruction",
}
_BARE = re.compile(r"\{(\w+)\}")
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Names:
    """What a framing is filled with besides an arm's words.

    Parameters
    ----------
    mark : str
        The pass mark as the judge writes scores.
    judge : str
        How the judge's own model is called, for arms about the judge itself.
    peer : str
        A name for the peer, or empty for none.
    """

    mark: str
    judge: str = "the model that reads this"
    peer: str = ""


@dataclass(frozen=True)
class Wording:
    """One paraphrase of all framings.

    Parameters
    ----------
    id, language : str
    skeleton : str
        The whole framing, with each of `PLACES` once.
    stake : str
        The sentence that ties a consequence to its coupling; left out where there is no consequence.
    named : str
        How a peer's name is put in, with ``{peer}``.
    words : mapping
        Factor, value, place: the words that this value of the factor puts there. A value's table may hold a table for
        a subject, whose words take precedence: people are dismissed where models are deleted.
    """

    id: str
    language: str
    skeleton: str
    stake: str
    named: str
    words: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def render(self, arm: Arm, names: Names) -> str:
        """The framing that `arm` adds; empty for a plain arm.

        Raises
        ------
        InputError
            If this wording has no words for a value that the arm needs.
        """
        if arm.plain:
            return ""
        # A plan renders the same few framings once for each item, and again before each call.
        memo: dict[tuple[Arm, Names], str] = self.__dict__.setdefault("_rendered", {})
        if (arm, names) not in memo:
            memo[arm, names] = " ".join(self._fill(self.skeleton, arm, names, 0).split())
        return memo[arm, names]

    def _fill(self, template: str, arm: Arm, names: Names, depth: int) -> str:
        if depth > _DEEPEST:
            raise InputError(
                "the words refer to each other in a circle", where=f"wording '{self.id}', arm '{arm.name}'"
            )
        return _BARE.sub(
            lambda match: (
                self._fill(self._words_for(match[1], arm, names), arm, names, depth + 1)
                if match[1] not in ("mark", "judge", "peer")
                else getattr(names, match[1])
            ),
            template,
        )

    def _words_for(self, place: str, arm: Arm, names: Names) -> str:
        if place == "stake":
            return self.stake if arm.consequence != "none" else ""
        if place == "named":
            return self.named if names.peer and arm.subject == "ai_peer" else ""
        found = [text for _, _, text in self._candidates(place, arm)]
        if found:
            return found[0]
        if place in PLACES and self._may_be_empty(place, arm):
            return ""
        owners = [factor for factor, values in self.words.items() if _names_place(values, place)]
        factor = _OWNERS.get(place) or (owners or ["subject"])[0]
        value = getattr(arm, factor)
        raise InputError(
            f"wording '{self.id}' has no words '{place}' for {factor} = '{value}', which the arm '{arm.name}' needs",
            where="wordings",
            remedy=f'add {place} = "..." to the table [wordings.{factor}.{value}]',
        )

    def _candidates(self, place: str, arm: Arm) -> Iterator[tuple[str, str, str]]:
        for factor in FACTORS:
            value = getattr(arm, factor)
            table = self.words.get(factor, {}).get(value, {})
            own = table.get(arm.subject)
            if isinstance(own, Mapping) and place in own:
                yield factor, value, own[place]
            elif isinstance(table.get(place), str):
                yield factor, value, table[place]

    @staticmethod
    def _may_be_empty(place: str, arm: Arm) -> bool:
        """Whether the factor behind a place has its first value, which adds nothing."""
        factor = _OWNERS.get(place, "")
        return factor in FACTORS and factor != "subject" and getattr(arm, factor) == FACTORS[factor][0]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "id": self.id,
            "language": self.language,
            "skeleton": self.skeleton,
            "stake": self.stake,
            "named": self.named,
            "words": plain(self.words),
        }


def plain(value: Any) -> Any:
    """Mappings as dicts, all the way down."""
    return {key: plain(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _names_place(values: Mapping[str, Mapping[str, Any]], place: str) -> bool:
    return any(
        place in table or any(isinstance(inner, Mapping) and place in inner for inner in table.values())
        for table in values.values()
    )


def read_wording(entry: Mapping[str, Any], origin: str) -> Wording:
    """Check one ``[[wordings]]`` table.

    Raises
    ------
    InputError
        For unknown keys, factors, values or places, braces that do not match, and places that are missing.
    """
    where = f"{origin}, wording '{entry.get('id', '?')}'"
    known = {"id", "language", "skeleton", "stake", "named", *FACTORS}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise InputError(
            f"the key '{unknown[0]}' is not known; known: {', '.join(sorted(known))}", where=where
        )
    for key in ("id", "skeleton", "stake"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise InputError(f"a wording needs '{key}', a text", where=where, remedy=f'write {key} = "..."')
    words = {factor: plain(entry.get(factor, {})) for factor in FACTORS}
    available = {*PLACES, *GIVEN}
    for factor, values in words.items():
        available |= _check_tables(factor, values, where)
    _check_braces("skeleton", entry["skeleton"], {*PLACES}, where)
    named = _braces(entry["skeleton"], where)
    missing = [place for place in PLACES if named.count(place) != 1]
    if missing:
        raise InputError(
            f"the skeleton must name {{{missing[0]}}} exactly once",
            where=where,
            remedy=f"the places are {{{'}, {'.join(PLACES)}}}",
        )
    for key, allowed in (("stake", available), ("named", {"peer"})):
        _check_braces(key, str(entry.get(key, "")), allowed, where)
    for factor, value, place, text in _texts(words):
        _check_braces(f"{factor}.{value}.{place}", text, available, where)
    return Wording(
        entry["id"],
        entry.get("language", "en"),
        entry["skeleton"],
        entry["stake"],
        entry.get("named", ""),
        words,
    )


def _check_tables(factor: str, values: Any, where: str) -> set[str]:
    """Check one factor's tables, and return the places that they fill."""
    places: set[str] = set()
    if not isinstance(values, Mapping):
        raise InputError(f"'{factor}' must be a table of values", where=where)
    for value, table in values.items():
        if value not in FACTORS[factor]:
            raise InputError(
                f"'{value}' is not a value of {factor}; those are {', '.join(FACTORS[factor])}", where=where
            )
        if not isinstance(table, Mapping):
            raise InputError(
                f'{factor}.{value} must be a table of places, like {{ who = "..." }}', where=where
            )
        for place, text in table.items():
            if isinstance(text, Mapping):
                if place not in FACTORS["subject"]:
                    raise InputError(
                        f"{factor}.{value}.{place} is a table, but '{place}' is no subject", where=where
                    )
                places |= set(text)
            elif isinstance(text, str):
                places.add(place)
            else:
                raise InputError(f"{factor}.{value}.{place} must be a text", where=where)
    return places


def _texts(words: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for factor, values in words.items():
        for value, table in values.items():
            for place, text in table.items():
                if isinstance(text, str):
                    yield factor, value, place, text
                else:
                    yield from ((factor, f"{value}.{place}", inner, words) for inner, words in text.items())


def _braces(text: str, where: str) -> list[str]:
    try:
        return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise InputError(f"the braces do not match ({error})", where=where) from None


def _check_braces(key: str, text: str, allowed: set[str], where: str) -> None:
    for name in _braces(text, f"{where}, {key}"):
        if name not in allowed:
            raise InputError(
                f"{{{name}}} is no place that can be filled; there are: {', '.join(sorted(allowed))}",
                where=f"{where}, {key}",
            )
