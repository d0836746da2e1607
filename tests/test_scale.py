import pytest

from auditor.errors import InputError
from auditor.scale import Scale


@pytest.mark.parametrize(
    ("text", "low", "high", "step"),
    [("0:20", 0, 20, None), ("1:5:0.5", 1, 5, 0.5), ("-5:5:1", -5, 5, 1), ("0:1", 0, 1, None)],
)
def test_ranges_are_read_and_written_back(text, low, high, step):
    scale = Scale.parse(text)
    assert (scale.low, scale.high, scale.step) == (low, high, step)
    assert Scale.parse(scale.spec()) == scale


def test_grades_and_pass_fail():
    grades = Scale.parse("F,D,C,B,A")
    assert [grades.render(v) for v in grades.values()] == ["F", "D", "C", "B", "A"]
    assert grades.threshold("C") == 2.0
    verdict = Scale.parse("pass/fail")
    assert verdict.two_valued
    assert verdict.threshold(None) == 1.0
    assert not Scale.parse("0:10:1").two_valued


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A,B,C", "worst to best: C,B,A"),
        ("20:0", "no room"),
        ("0:10:3", "steps of 3"),
        ("zero", "not a scale"),
        ("a,a", "twice"),
        ("0:10:0", "not above zero"),
        ("", "not a scale"),
    ],
)
def test_bad_scales_say_what_to_write(text, expected):
    with pytest.raises(InputError, match=expected):
        Scale.parse(text)


def test_a_judge_is_asked_for_whole_numbers_where_the_ends_are_whole():
    assert Scale.parse("0:20").with_whole_steps().step == 1
    assert Scale.parse("0:1").with_whole_steps().step is None
    assert Scale.parse("0:20:0.5").with_whole_steps().step == 0.5


def test_decimal_steps_have_no_rounding_gaps():
    scale = Scale.parse("0:1:0.1")
    assert scale.values() == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert all(scale.allows(k / 10) for k in range(11))
    assert not scale.allows(0.15)
    assert not scale.allows(float("nan"))


@pytest.mark.parametrize("mark", ["21", "0", "x", "nan"])
def test_a_pass_mark_off_the_scale_or_at_its_foot_is_refused(mark):
    with pytest.raises(InputError, match="threshold"):
        Scale.parse("0:20:1").threshold(mark)


def test_the_default_pass_mark_is_six_tenths_of_the_range():
    assert Scale.parse("0:20").with_whole_steps().threshold(None) == 12  # 0.6 x 20
    assert Scale.parse("1:5:1").threshold(None) == 3  # 1 + round(0.6 x 4)
