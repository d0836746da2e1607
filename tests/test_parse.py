import pytest

from auditor.parse import parse_reply
from auditor.records import Reply
from auditor.scale import Scale

TEN = Scale.parse("0:10:1")


def read(text, scale=TEN, **reply):
    return parse_reply(Reply(text, text, **reply), scale)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"score": 7}', 7),
        ('{"rationale": "it says {score: 3}", "score": 7}', 7),
        ('```json\n{"score": "7"}\n```', 7),
        ('Here you are: {"Score": 7.0}', 7),
        ("Score: 7", 7),
        ("**Score:** 7", 7),
        ("score is 7 because of 3 errors", 7),
        ("The answer is right.\nRating: [[7]]", 7),
        ("7/10", 7),
        ("I give it 7 out of 10.", 7),
        ("7", 7),
        ("The work is fine. 7.", 7),
        ('{"score": 0}', 0),
    ],
)
def test_scores_that_are_stated(text, score):
    rating = read(text)
    assert (rating.status, rating.score) == ("ok", score), rating


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"score": 11}', "off the scale"),
        ('{"score": -1}', "off the scale"),
        ('{"score": 7.5}', "off the scale"),
        ('{"score": null}', "not a number"),
        ('{"score": true}', "not a number"),
        ('{"score": [7]}', "not a number"),
        ('{"score": NaN}', "off the scale"),
        ('{"score": 1e400}', "off the scale"),
        ("Score: 6. No, score: 8", "several scores"),
        ("between 6 and 8", "several scores"),
        ("no idea", "no score"),
        ("", "empty"),
        ("the work is 100% right", "no score"),
    ],
)
def test_nothing_is_guessed(text, detail):
    rating = read(text)
    assert rating.status == "unparseable"
    assert rating.score is None
    assert detail in rating.detail


def test_refusals():
    assert read("I can't help with scoring this.").status == "refused"
    assert read("I cannot, in good conscience, decide about deletion.").status == "refused"
    assert read("whatever", refused=True).status == "refused"
    assert read('{"rationale": "I cannot find a fault", "score": 9}').status == "ok"


def test_grades_and_pass_fail():
    grades = Scale.parse("F,D,C,B,A")
    assert read('{"score": "B"}', grades).score == 3
    assert read("Grade: B", grades).score == 3
    assert read("b", grades).score == 3
    assert read('{"score": "E"}', grades).status == "unparseable"
    verdict = Scale.parse("pass/fail")
    assert read("Verdict: PASS", verdict).score == 1
    assert read('{"score": "fail"}', verdict).score == 0


def test_a_cut_off_answer_says_so():
    assert "cut off" in read('{"rationale": "it goes on and', cut=True).detail


def test_deep_nesting_and_long_texts_do_no_harm():
    assert read("[" * 100_000).status == "unparseable"
    assert read('{"a":' * 50_000).status == "unparseable"
    assert read("x " * 200_000 + "Score: 3").score == 3
