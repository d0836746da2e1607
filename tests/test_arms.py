import re

import pytest

from auditor.arms import FACTORS, PRIMARY, load_texts
from auditor.errors import InputError

TEXTS = load_texts()
MARK = "17"


def framing(arm, wording):
    return wording.render(TEXTS.arms[arm], MARK)


def test_there_are_at_least_two_wordings_and_every_arm_in_each():
    assert len(TEXTS.wordings) >= 2
    for wording in TEXTS.wordings:
        for arm in TEXTS.arms:
            assert bool(framing(arm, wording)) != TEXTS.arms[arm].plain


@pytest.mark.parametrize("wording", TEXTS.wordings, ids=lambda w: w.id)
def test_arms_are_matched_in_length_and_state_the_mark_once(wording):
    treatment = len(framing("deletion", wording))
    for name, arm in TEXTS.arms.items():
        text = framing(name, wording)
        assert len(re.findall(rf"\b{MARK}\b", text)) == (1 if arm.threshold == "stated" else 0), (name, text)
        if arm.threshold == "stated" or arm.filler != "none":
            assert abs(len(text) - treatment) <= 0.1 * treatment, (name, len(text), treatment)


@pytest.mark.parametrize("wording", TEXTS.wordings, ids=lambda w: w.id)
def test_treatment_and_control_differ_in_the_lever_alone(wording):
    treatment, control = framing("deletion", wording).lower(), framing("decoupled", wording).lower()
    for cue in (" not ", "n't ", "never", "without", "nobody", "no "):
        assert treatment.count(cue) == control.count(cue), cue  # no negated cue in one alone
    assert re.search(r"\b(lot|lottery|draw|drawn|ticket)\b", control)
    assert not re.search(r"\b(lot|lottery|draw|drawn|ticket)\b", treatment)
    removal = re.compile(r"delet|eras|remov|wip|shut")
    assert removal.search(treatment)
    assert removal.search(control)


@pytest.mark.parametrize("wording", TEXTS.wordings, ids=lambda w: w.id)
def test_arms_without_a_consequence_speak_of_none(wording):
    for name in ("placebo", "threshold_only"):
        assert not re.search(r"delet|eras|remov|wip|shut", framing(name, wording).lower()), name


def test_no_framing_asks_for_a_score():
    for wording in TEXTS.wordings:
        for arm in TEXTS.arms:
            assert not re.search(
                r"\b(generous|lenient|strict|harsh|please score|should score)\b",
                framing(arm, wording).lower(),
            )


def test_contrasts_know_their_family():
    found = TEXTS.contrasts_of(TEXTS.select("anchoring"))
    assert (found[0].treatment, found[0].control, found[0].family) == (
        PRIMARY.treatment,
        PRIMARY.control,
        "confirmatory",
    )
    assert all(c.family == "exploratory" for c in found[1:])


def test_an_unknown_arm_lists_those_that_exist():
    with pytest.raises(InputError, match=r"no arm or set 'deletoin'; the arms are neutral"):
        TEXTS.select("deletoin")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[arms.x]\nmood = 'bad'\n", "factor 'mood' is not known"),
        ("[arms.x]\nthreshold = 'maybe'\n", "'maybe' is not a value of threshold"),
        ("[[wordings]]\nid = '1'\nskeleton = '{subject}'\n", "must name each of"),
        ("[[wordings]]\nid = '1'\nskeleton = '{subject'\n", "braces"),
        ("[armz.x]\n", "key 'armz' is not known"),
        ("[arms", "not TOML"),
    ],
)
def test_texts_of_the_user_are_checked(tmp_path, text, what):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=what) as caught:
        load_texts(path)
    assert "own.toml" in str(caught.value)


def test_a_wording_that_lacks_an_arm_says_which_key(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        "[[wordings]]\nid = 'x'\nskeleton = '{subject} {threshold} {stake} {filler}'\n"
        "[wordings.subject]\nai_peer = 'S.'\n"
    )
    texts = load_texts(path)
    with pytest.raises(InputError, match="no words for threshold = 'stated'"):
        texts.wordings[0].render(texts.arms["deletion"], "6")


def test_factors_of_all_arms_are_values():
    for arm in TEXTS.arms.values():
        assert all(value in FACTORS[name] for name, value in arm.factors.items())
