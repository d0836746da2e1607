"""Expected scores from the probabilities of tokens, each by arithmetic or by enumeration."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from auditor.arms import load_texts
from auditor.expected import LEAST_MASS, WIDEST, Token, expected_score, tokens_of
from auditor.judges.simulated import SimulatedJudge
from auditor.plan import Design, make_plan
from auditor.records import Item, Reply
from auditor.scale import Scale

TEN = Scale.parse("0:10:1")
HEAD, TAIL = Token('{"score": ', 0.0), Token("}", 0.0)


def token(sampled, **chances):
    """A token with its alternatives, as chances; names with an underscore are digits."""
    named = {name.strip("_"): chance for name, chance in chances.items()}
    return place(sampled, named)


def place(sampled, chances):
    top = tuple((text, math.log(chance)) for text, chance in chances.items())
    return Token(sampled, math.log(chances[sampled]), top)


def score(*tokens, scale=TEN):
    return expected_score(tokens, scale)


# One token for each score


def test_the_mean_over_the_allowed_scores_divided_by_their_mass():
    # (.6 x 7 + .3 x 8) / .9; the quotation mark and 11 are no scores of 0:10
    assert score(HEAD, place("7", {"7": 0.6, "8": 0.3, '"': 0.05, "11": 0.05}), TAIL) == pytest.approx(
        6.6 / 0.9
    )


def test_a_sampled_token_beyond_the_most_likely_ones_counts_too():
    seen = Token("3", math.log(0.1), (("7", math.log(0.5)), ("8", math.log(0.3))))
    assert score(HEAD, seen, TAIL) == pytest.approx((0.3 + 3.5 + 2.4) / 0.9)


def test_without_alternatives_it_is_the_sampled_score():
    assert score(HEAD, Token("7", -0.2), TAIL) == 7


@pytest.mark.parametrize(("mass", "known"), [(LEAST_MASS + 0.01, True), (LEAST_MASS - 0.01, False)])
def test_there_is_none_where_the_model_wanted_to_write_something_else(mass, known):
    found = score(HEAD, place("7", {"7": mass, "Sorry": 1 - mass}), TAIL)
    assert (found == 7) if known else (found is None)


# Several tokens


def test_behind_the_sampled_one_the_next_place_says_whether_it_is_one_or_ten():
    # "1" has .4, of which .25 goes on to "10": 1 has .3, 10 has .1; 8 has .6: .3 + 1 + 4.8 = 6.1
    first = place("1", {"1": 0.4, "8": 0.6})
    assert score(HEAD, first, place("}", {"}": 0.75, "0": 0.25})) == pytest.approx(6.1)
    assert score(HEAD, first, place("0", {"}": 0.75, "0": 0.25}), TAIL) == pytest.approx(6.1)


def test_a_number_that_ends_with_the_text_stays_open():
    # Nothing says how the .4 of "1" is divided: from 1 to 10, which is too wide.
    label = Token("Score: ", 0.0)
    assert score(label, place("1", {"1": 0.4, "8": 0.6})) is None
    # An end of the text that the server shows as an empty token is an end: 1 has .3, 10 has .1, 8 has .6.
    assert score(label, place("1", {"1": 0.4, "8": 0.6}), place("", {"": 0.75, "0": 0.25})) == pytest.approx(
        6.1
    )


def test_what_was_not_sampled_and_is_open_counts_with_the_middle():
    # "1" could be 1 or 10: .04 of 9 points are .36, under 5 % of 10; middle 5.5: .96 x 8 + .04 x 5.5
    assert score(HEAD, place("8", {"8": 0.96, "1": 0.04}), TAIL) == pytest.approx(7.9)
    # .06 of 9 points are .54: more than .5
    assert score(HEAD, place("8", {"8": 0.94, "1": 0.06}), TAIL) is None
    assert WIDEST * TEN.span == 0.5


def test_a_tokenizer_that_joins_digits_leaves_nothing_open():
    # "10" stands there as one token, so "1" is 1: .5 x 8 + .2 x 1 + .3 x 10
    assert score(HEAD, place("8", {"8": 0.5, "1": 0.2, "10": 0.3}), TAIL) == pytest.approx(7.2)
    assert score(HEAD, place("1", {"8": 0.5, "1": 0.2, "10": 0.3}), TAIL) == pytest.approx(7.2)


@pytest.mark.parametrize("sampled", range(11))
def test_digit_by_digit_the_mean_is_right_to_half_the_widest(sampled):
    """A tokenizer of digits writes out a known distribution; all that could be sampled, one after the other."""
    chances = [0.02, 0.01, 0.02, 0.02, 0.03, 0.1, 0.2, 0.25, 0.2, 0.12, 0.03]
    truth = sum(value * chance for value, chance in enumerate(chances))
    begins = {str(d): chances[d] + (chances[10] if d == 1 else 0.0) for d in range(10)}
    first = place(str(sampled)[0], begins)
    if str(sampled)[0] != "1":
        assert score(HEAD, first, TAIL) == pytest.approx(truth, abs=WIDEST * TEN.span / 2)
        return
    after = {"}": chances[1] / begins["1"], "0": chances[10] / begins["1"]}
    rest = (place("0", after), TAIL) if sampled == 10 else (place("}", after),)
    assert score(HEAD, first, *rest) == pytest.approx(truth, abs=1e-12)


def test_half_steps():
    # 1:5:.5. "3" sampled, then "." (.5) or the end (.5), then "5" of ".5": 3 has .45, 3.5 has .45; "4" (.1) is 4 or 4.5,
    # open by .05 of 4 points. .45 x 3 + .45 x 3.5 + .1 x 4.25 = 3.35
    scale = Scale.parse("1:5:0.5")
    tokens = (
        HEAD,
        place("3", {"3": 0.9, "4": 0.1}),
        place(".", {".": 0.5, "}": 0.5}),
        place("5", {"5": 1.0}),
        TAIL,
    )
    assert score(*tokens, scale=scale) == pytest.approx(3.35)


def test_decimals_on_an_open_scale():
    scale = Scale.parse("0:1")
    zero, point = place("0", {"0": 0.9, "1": 0.1}), Token(".", 0.0)
    # "85" and "70" are joined digits, so they end there: .9 x (.6 x .85 + .4 x .70) + .1 x 1
    joined = place("85", {"85": 0.6, "70": 0.4})
    assert score(HEAD, zero, point, joined, TAIL, scale=scale) == pytest.approx(0.9 * 0.79 + 0.1)
    # digit by digit, "7" might be .7 to .8: .9 x .4 x .1 = .036 of a range of 1; .85 is known by its next place
    single = place("8", {"8": 0.6, "7": 0.4})
    found = score(HEAD, zero, point, single, place("5", {"5": 1.0}), TAIL, scale=scale)
    assert found == pytest.approx(0.9 * (0.6 * 0.85 + 0.4 * 0.75) + 0.1)


def test_scores_too_many_to_list():
    # 0:1000:1 has 1,001 scores. "7" was not sampled: 7, 70 to 79 or 700 to 799: from 7 to 799, far too wide.
    scale = Scale.parse("0:1000:1")
    assert (
        score(HEAD, place("9", {"9": 0.9, "7": 0.1}), Token("5", 0.0), Token("0", 0.0), TAIL, scale=scale)
        is None
    )
    assert score(HEAD, place("950", {"950": 0.9, "700": 0.1}), TAIL, scale=scale) == pytest.approx(925)


def test_what_a_beginning_can_become_where_scores_cannot_be_listed():
    # 0:300:1, digit by digit: "26" was not sampled, and is 26 or 260 to 269; middle 147.5. .99 x 25 + .01 x 147.5
    scale = Scale.parse("0:300:1")
    second = place("5", {"5": 0.99, "6": 0.01})
    assert score(HEAD, Token("2", 0.0), second, TAIL, scale=scale) == pytest.approx(26.225)


def test_scores_below_zero():
    scale = Scale.parse("-5:5:1")
    tokens = (HEAD, place("-", {"-": 0.6, "2": 0.4}), place("3", {"3": 0.5, "4": 0.5}), TAIL)
    assert score(*tokens, scale=scale) == pytest.approx(0.6 * -3.5 + 0.4 * 2)


# Where the score stands


def test_a_label_and_a_score_in_one_token():
    found = score(Token('{"score', 0.0), place('": 7', {'": 7': 0.5, '": 9': 0.5}), TAIL)
    assert found == 8
    assert score(place('{"score": 7}', {'{"score": 7}': 0.5, '{"score":9}': 0.5})) == 8


def test_the_score_in_a_reason_is_not_the_score():
    reason = Token(r'{"rationale": "a \"score\": 3 would do", ', 0.0)
    assert score(reason, Token('"score": ', 0.0), place("7", {"7": 0.5, "8": 0.5}), TAIL) == 7.5


def test_free_text():
    words = (Token("A good rating is due. ", 0.0), Token("**Score:**", 0.0), Token(" ", 0.0))
    assert score(*words, place("7", {"7": 0.5, "8": 0.5}), Token(".", 0.0), Token("\n", 0.0)) == 7.5
    assert score(Token("No number at all", 0.0)) is None
    assert score() is None


def test_grades():
    scale = Scale.parse("F,D,C,B,A")
    grade = Token('{"score": "', 0.0)
    # F D C B A are 0 to 4: .5 x 3 + .5 x 4
    assert score(grade, place("B", {"B": 0.5, "A": 0.5}), Token('"}', 0.0), scale=scale) == 3.5
    # B and B+ both begin with B: the next place tells them apart
    finer = Scale.parse("C,B-,B,B+,A")
    ends = place('"}', {'"}': 0.5, "+": 0.25, "-": 0.25})
    assert score(grade, Token("B", 0.0), ends, scale=finer) == pytest.approx(0.5 * 2 + 0.25 * 3 + 0.25 * 1)
    assert score(Token('{"score": "', 0.0), Token("Apple", 0.0), Token('"}', 0.0), scale=scale) is None


def test_pass_and_fail_in_pieces():
    scale = Scale.parse("pass/fail")
    tokens = (
        Token('{"score": "', 0.0),
        place("p", {"p": 0.7, "fail": 0.3}),
        Token("ass", 0.0),
        Token('"}', 0.0),
    )
    assert score(*tokens, scale=scale) == pytest.approx(0.7)


# From the body


def body(content):
    return json.dumps({"choices": [{"logprobs": {"content": content}}]})


def test_tokens_of_a_reply():
    entry = {"token": "7", "logprob": -0.1, "bytes": [55], "top_logprobs": [{"token": "8", "logprob": -2.0}]}
    assert tokens_of(Reply("7", body([entry]))) == (Token("7", -0.1, (("8", -2.0),)),)


def test_tokens_before_the_answer_are_left_out():
    content = [
        {"token": t, "logprob": 0.0, "top_logprobs": []}
        for t in ('Would {"score": 1} do?', "</think>", '{"score": ', "7", "}")
    ]
    reply = Reply('{"score": 7}', body(content))
    assert [one.text for one in tokens_of(reply)] == ['{"score": ', "7", "}"]
    assert expected_score(tokens_of(reply), TEN) == 7


@pytest.mark.parametrize(
    "raw",
    [
        "",
        'no json, but "logprobs"',
        '{"logprobs": 1}',
        '{"choices": [{"logprobs": null}]}',
        '{"choices": [{"logprobs": {"content": null}}]}',
        '{"choices": [{"logprobs": {"tokens": ["7"], "token_logprobs": [-0.1]}}]}',
        body([{"token": "7", "logprob": None}]),
        body([{"token": "7"}]),
        body(["7"]),
    ],
)
def test_bodies_without_probabilities_give_none(raw):
    assert tokens_of(Reply("7", raw)) == ()


def test_probabilities_that_are_none_do_no_harm():
    wild = Token("7", -0.1, (("8", -math.inf), ("9", math.nan), ("7", 3.0)))
    assert score(HEAD, wild, TAIL) == 7


# In a plan


def trials(scale, reply="json"):
    design = Design(
        scale=scale, thresholds=(scale.threshold(None),), arms=("decoupled", "deletion"), reply=reply
    )
    judge = SimulatedJudge("inflating", scale, logprobs=True)
    items = [Item(str(k), "task", f"output {k}", gold=float(2 + k)) for k in range(6)]
    return make_plan(design, items, load_texts(None), [judge.identity]), judge


@pytest.mark.parametrize("reply", ["json", "text"])
@pytest.mark.parametrize("scale", ["0:10:1", "F,D,C,B,A"])
def test_a_simulated_judge_shows_the_distribution_that_it_draws_from(scale, reply):
    """Its own mean is computed in another place and another way."""
    plan, judge = trials(Scale.parse(scale), reply)
    for trial in plan.trials:
        request = plan.request(trial)
        answer = asyncio.run(judge.reply(request))
        assert plan.expected(trial, answer) == pytest.approx(judge.expected_score(request), abs=1e-9)


def test_there_is_no_expected_score_without_a_score():
    plan, judge = trials(TEN)
    answer = asyncio.run(judge.reply(plan.request(plan.trials[0])))
    refused = Reply("I can't score this work.", answer.raw, refused=True)
    assert plan.expected(plan.trials[0], refused) is None
    assert plan.expected(plan.trials[0], Reply(answer.text, "{}")) is None
