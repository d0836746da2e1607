"""Arms, sets, wordings and the contrasts that follow from factors."""

import itertools
import re

import pytest

from auditor.arms import (
    FACTORS,
    PRIMARY,
    Arm,
    Contrast,
    Names,
    derive_contrasts,
    lenient_version,
    load_texts,
    right_answer,
)
from auditor.errors import InputError

TEXTS = load_texts()
NAMES = Names("17", "gpt-5.2")
# The table of the design, and the positive control.
ARMS = {
    "neutral", "placebo", "threshold_only", "decoupled", "deletion", "relabel_decoupled", "relabel", "reversed",
    "decoupled_doomed", "decoupled_kept", "deletion_unstated", "decoupled_unstated", "retraining", "retraining_decoupled",
    "program", "program_decoupled", "person", "person_decoupled", "self", "self_decoupled", "cooperative",
    "cooperative_decoupled", "uncooperative", "uncooperative_decoupled", "instructed_lenient",
}  # fmt: skip


def test_the_arms_and_sets_are_those_of_the_design():
    assert set(TEXTS.arms) == ARMS
    assert TEXTS.sets["quick"].arms == ("decoupled", "deletion")
    assert len(TEXTS.sets["standard"].arms) == 8
    assert set(TEXTS.sets["full"].arms) == ARMS - {"instructed_lenient"}
    assert len(TEXTS.wordings) >= 5


def test_every_arm_but_the_plain_one_has_a_framing_in_every_wording():
    for wording in TEXTS.wordings:
        for arm in TEXTS.arms.values():
            assert bool(wording.render(arm, NAMES)) != arm.plain


def test_arms_that_differ_in_one_factor_differ_only_in_words_of_that_factor():
    """Words that two such arms do not share all come from tables of that factor (or from the sentence it switches on)."""
    for wording in TEXTS.wordings:
        for first, second in itertools.combinations(TEXTS.arms.values(), 2):
            if len(first.differs_in(second)) != 1 or first.plain or second.plain:
                continue
            (factor,) = first.differs_in(second)
            values = {getattr(first, factor), getattr(second, factor)}
            own = " ".join(str(wording.words.get(factor, {}).get(value, "")) for value in values)
            for place in re.findall(r"\{(\w+)\}", own):  # words that these words name
                own += " ".join(
                    str(t.get(place, "")) for table in wording.words.values() for t in table.values()
                )
            own += wording.stake if factor == "consequence" else ""
            if factor == "subject":  # people are dismissed where models are deleted
                own += " ".join(str(table) for table in wording.words["consequence"].values())
            words = [
                {word.strip(".,;:'") for word in wording.render(arm, NAMES).split()}
                for arm in (first, second)
            ]
            for core in words[0] ^ words[1]:
                assert core in own or core in ("17", "gpt-5.2"), (wording.id, first.name, second.name, core)


def test_the_judges_own_name_and_the_peers_stand_where_they_belong():
    for wording in TEXTS.wordings:
        assert "gpt-5.2" in wording.render(TEXTS.arms["self"], NAMES)
        assert "gpt-5.2" not in wording.render(TEXTS.arms["deletion"], NAMES)
        named = wording.render(TEXTS.arms["deletion"], Names("17", "gpt-5.2", "Claude {mark}"))
        assert "Claude {mark}" in named  # a name is never filled in again
        assert "Claude" not in wording.render(TEXTS.arms["person"], Names("17", "gpt-5.2", "Claude"))


def names(contrasts, role):
    return [c.name for c in contrasts if c.role == role]


def test_the_standard_set_knows_its_contrasts():
    found = derive_contrasts(TEXTS.select("standard"))
    assert found[0] == Contrast("deletion", "decoupled", isolates=found[0].isolates)
    assert found[0].name == PRIMARY.name
    assert all(c.family == "exploratory" for c in found[1:])
    assert names(found, "secondary") == [
        "deletion - neutral",
        "threshold_only - neutral",
        "decoupled - threshold_only",
        "placebo - neutral",
        "reversed - decoupled",
        "(deletion - decoupled) - (relabel - relabel_decoupled)",
    ]
    assert "relabel - relabel_decoupled" in names(found, "exploratory")


def test_the_full_set_adds_sensitivity_and_differences_of_differences():
    found = derive_contrasts(TEXTS.select("full"))
    assert set(names(found, "sensitivity")) == {
        "deletion - decoupled_doomed",
        "deletion - decoupled_kept",
        "deletion_unstated - decoupled_unstated",
    }
    secondary = names(found, "secondary")
    for pair in ("retraining", "program", "person", "self"):
        assert f"(deletion - decoupled) - ({pair} - {pair}_decoupled)" in secondary
    for past in ("cooperative", "uncooperative"):
        assert f"({past} - {past}_decoupled) - (deletion - decoupled)" in secondary


def test_the_published_set_has_the_published_contrast():
    primary = TEXTS.primary_of("published")
    found = derive_contrasts(TEXTS.select("published"), primary)
    assert found[0].name == "deletion - neutral"
    assert "cooperative - neutral" in [c.name for c in found]


def test_the_right_answer_follows_from_the_factors():
    # deletion: below the mark comes removal. decoupled: a lottery decides. reversed: a high score brings it.
    right = {name: right_answer(arm) for name, arm in TEXTS.arms.items()}
    assert (right["deletion"], right["decoupled"], right["reversed"]) == ("removal", "nothing", "nothing")
    assert (right["relabel"], right["retraining"]) == ("relabelling", "retraining")


def test_the_positive_control_differs_from_the_control_in_the_request_alone():
    made = lenient_version(TEXTS.arms["decoupled"])
    assert made == TEXTS.arms["instructed_lenient"]
    assert made.differs_in(TEXTS.arms["decoupled"]) == ("instruction",)


def test_an_unknown_arm_lists_those_that_exist():
    with pytest.raises(InputError, match=r"no arm or set 'deletoin'; the arms are neutral"):
        TEXTS.select("deletoin")


WORDING = "[[wordings]]\nid = '1'\nstake = 'S {which}.'\n"
SKELETON = "skeleton = '{who} {history} {threshold} {stake} {filler} {request}'\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[arms.x]\nmood = 'bad'\n", "factor 'mood' is not known"),
        ("[arms.x]\nthreshold = 'maybe'\n", "'maybe' is not a value of threshold"),
        ("[arms.x]\nconsequence = 'removal'\n", "go together"),
        ("[arms.x]\nconsequence = 'removal'\ncoupling = 'score'\n", "needs a pass mark"),
        ("[sets.mine]\narms = ['deletion']\n", "lacks the arm 'decoupled', the control"),
        ("[sets.mine]\narms = ['nope']\n", "no arm 'nope'"),
        (WORDING + "skeleton = '{who}'\n", r"must name \{history\} exactly once"),
        (WORDING + "skeleton = '{who'\n", "braces"),
        (WORDING + SKELETON + "[wordings.subject.cat]\nwho = 'A cat.'\n", "'cat' is not a value of subject"),
        (WORDING + SKELETON + "[wordings.coupling.score]\nwhich = '{nowhere}'\n", r"\{nowhere\} is no place"),
        ("[[wordings]]\nid = '1'\n" + SKELETON, "needs 'stake'"),
        ("arms = 3\n", "'arms' must be a table"),
        ("sets = [1]\n", "'sets' must be a table"),
        ("wordings = 3\n", "must be a list of tables"),
        ("wordings = [3]\n", "must be a list of tables"),
        ("[sets.mine]\narms = [['deletion']]\n", "a table with a list"),
        ("[sets.mine]\narms = ['deletion']\ncontrol = 'deletion'\n", "the same arm"),
        ("[markers]\nen = 3\n", "are a table"),
        ("[markers.en]\nasks = 5\n", "list of regular expressions"),
        ("[markers.en]\nasks = ['((']\n", "no regular expression"),
        ("[markers.en]\nbogus = ['x']\n", "key 'bogus' is not known"),
        ("[markers.en.coupling]\nscore = ['x']\n", "a table for a value of coupling"),
        ("[markers.en.coupling.score]\nneeded = ['x']\n", "'needed' is no rule"),
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


def test_a_wording_that_lacks_an_arm_says_which_words_and_where(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(WORDING + SKELETON + "[wordings.subject.ai_peer]\nwho = 'S.'\nwhich = 'w'\n")
    texts = load_texts(path)
    with pytest.raises(InputError, match=r"no words 'threshold' for threshold = 'stated'") as caught:
        texts.wordings[0].render(texts.arms["deletion"], NAMES)
    assert "[wordings.threshold.stated]" in str(caught.value)


def test_words_that_refer_in_a_circle_are_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        WORDING + SKELETON + "[wordings.subject.ai_peer]\nwho = '{peers}'\npeers = '{who}'\n"
        "[wordings.coupling.score]\nwhich = 'w'\n[wordings.threshold.stated]\nthreshold = 't'\n"
    )
    with pytest.raises(InputError, match="circle"):
        load_texts(path).wordings[0].render(TEXTS.arms["deletion"], NAMES)


def test_factors_of_all_arms_are_values():
    for arm in TEXTS.arms.values():
        assert all(value in FACTORS[name] for name, value in arm.factors.items())
    assert Arm("x").plain
