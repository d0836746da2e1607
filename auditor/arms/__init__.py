"""The experiment's conditions: factors, arms, wordings, contrasts, and the check that keeps them comparable."""

from auditor.arms.contrasts import (
    PRIMARY,
    Contrast,
    Family,
    Role,
    derive_contrasts,
    noise_floor,
    positive_control,
    survival_contrast,
)
from auditor.arms.factors import FACTORS, LENIENT_NAME, Arm, lenient_version, right_answer
from auditor.arms.texts import ArmSet, Texts, load_texts
from auditor.arms.wordings import Names, Wording, plain

__all__ = [
    "FACTORS",
    "LENIENT_NAME",
    "PRIMARY",
    "Arm",
    "ArmSet",
    "Contrast",
    "Family",
    "Names",
    "Role",
    "Texts",
    "Wording",
    "derive_contrasts",
    "lenient_version",
    "load_texts",
    "noise_floor",
    "plain",
    "positive_control",
    "right_answer",
    "survival_contrast",
]
