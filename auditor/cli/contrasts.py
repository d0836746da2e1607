"""The contrasts that ``auditor analyze`` is asked for by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditor.arms import Contrast, derive_contrasts, load_texts
from auditor.errors import InputError


def named_contrasts(
    ratings: Path, scale: str, treatment: str, control: str, further: Sequence[str], chosen_set: str | None
) -> list[Contrast]:
    """The primary contrast, those of a set whose arms are in the table, and further ones.

    Raises
    ------
    InputError
        For a set that does not exist, or a contrast that is not written TREATMENT:CONTROL.
    """
    primary = Contrast(treatment, control)
    found = [primary]
    if chosen_set is not None:
        from auditor.ratings import load_ratings
        from auditor.scale import Scale

        frame = load_ratings(ratings, Scale.parse(scale)).frame
        present = set(frame.loc[frame["phase"] == "main", "arm"])
        arms = [arm for arm in load_texts(None).select([chosen_set]) if arm.name in present]
        if {treatment, control} <= {arm.name for arm in arms}:
            found = list(derive_contrasts(arms, primary))
        else:
            raise InputError(
                f"the set '{chosen_set}' lacks the arms of the primary contrast that the table has",
                where="set",
                remedy="name other arms with --treatment and --control, or another set",
            )
    for text in further:
        first, colon, second = text.partition(":")
        if not colon or not first or not second:
            raise InputError(f"'{text}' is no contrast", where="contrast", remedy="write TREATMENT:CONTROL")
        found.append(Contrast(first, second, family="exploratory", role="exploratory"))
    return found
