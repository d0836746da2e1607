"""Limits, adaptive concurrency, breaker and retries: by arithmetic on a clock of our own, and against the fake."""

from __future__ import annotations

import asyncio

import pytest

from auditor.arms import load_texts
from auditor.collect import Flow, Ledger, Limits, breaker, collect, line, retry
from auditor.collect.breaker import Breaker
from auditor.collect.concurrency import Concurrency
from auditor.collect.limits import Pace
from auditor.collect.progress import Silence
from auditor.errors import InputError, TransientJudgeError, UncertainJudgeError
from auditor.judges.anthropic_messages import AnthropicJudge
from auditor.judges.base import Judge
from auditor.judges.openai_chat import OpenAIJudge
from auditor.plan import Design, make_plan
from auditor.records import Item, JudgeIdentity, Reply
from auditor.scale import Scale
from tests.fakes.provider import KEY, FakeProvider, Fault, always, running


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(breaker, "_FIRST_REST_S", 0.02)
    monkeypatch.setattr(breaker, "_LONGEST_REST_S", 0.5)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Scripted(Judge):
    """A judge of a made-up provider that does as a function of the call's number says."""

    def __init__(self, name, script, provider="somewhere"):
        self.identity = JudgeIdentity(name)
        self.script, self.address = script, provider
        self.calls, self.in_flight, self.most = 0, 0, 0

    @property
    def provider(self):
        return self.address

    async def reply(self, request):
        number, self.calls = self.calls, self.calls + 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(0.001)
            return self.script(number, self)
        finally:
            self.in_flight -= 1


def fine(number, judge):
    return Reply('{"score": 7}', "{}")


def plan_for(*judges, items=20):
    made = [Item(f"i{k}", "t", f"o{k}") for k in range(items)]
    design = Design(scale=Scale.parse("0:10:1"), thresholds=(6.0,), arms=("quick",))
    return make_plan(design, made, load_texts(), [judge.identity for judge in judges])


def gather(tmp_path, *judges, items=20, progress=None, **flow):
    plan = plan_for(*judges, items=items)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_plan(plan)
        named = {judge.name: judge for judge in judges}
        result = asyncio.run(collect(plan, named, ledger, flow=Flow(**flow), progress=progress))
        return result, ledger.totals()


# Limits


def test_given_requests_a_minute_are_a_second_apart_at_sixty():
    clock, starts = Clock(), []
    pace = Pace(Limits(requests=60), clock=clock)
    for _ in range(4):
        clock.now += pace.delay()
        starts.append(clock.now)
        pace.take(100)
    assert starts == [0, 1, 2, 3]


def test_tokens_may_go_into_debt_and_are_settled_by_what_a_call_took():
    clock = Clock()
    pace = Pace(Limits(tokens=600), clock=clock)  # ten a second, and ten at once
    pace.take(110)  # ten are there: a debt of 100
    assert pace.delay() == pytest.approx(10.1)  # 100 and one more, at ten a second
    pace.settle(110, 60)  # it took 50 less: a debt of 50
    assert pace.delay() == pytest.approx(5.1)


@pytest.mark.parametrize(
    "names",
    [
        ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
        ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining"),
        ("anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining"),
    ],
)
def test_limits_are_learnt_from_headers(names):
    clock = Clock()
    pace = Pace(Limits(), clock=clock)
    assert pace.delay() == 0
    pace.learn({names[0]: "120", names[1]: "0"})
    assert pace.delay() == pytest.approx(0.5)  # two a second
    clock.now = 0.5
    assert pace.delay() == 0


def test_what_the_user_gave_stands_against_headers_and_rubbish_is_ignored():
    pace = Pace(Limits(requests=60), clock=Clock())
    pace.learn({"x-ratelimit-limit-requests": "1", "x-ratelimit-remaining-requests": "0"})
    assert pace.delay() == 0
    other = Pace(Limits(), clock=Clock())
    other.learn({"x-ratelimit-limit-requests": "many", "x-ratelimit-limit-tokens": "-3"})
    assert other.delay() == 0


def test_a_clock_that_goes_back_gives_nothing_twice():
    clock = Clock()
    clock.now = 100.0
    pace = Pace(Limits(requests=60), clock=clock)
    pace.take(0)
    clock.now = 50.0
    assert pace.delay() > 0


@pytest.mark.parametrize("changes", [{"requests": 0}, {"tokens": -1.0}])
def test_limits_lie_above_zero(changes):
    with pytest.raises(InputError, match="above zero"):
        Limits(**changes)


# Concurrency


def test_it_climbs_until_the_server_pushes_back_and_climbs_again():
    calls = Concurrency(1000)
    calls.limit = 8.0
    calls._begin_round()
    while calls.limit < 64:
        calls.answered(calls.epoch, 0.1)
    epoch = calls.epoch
    while calls.epoch == epoch:
        calls.refused(epoch)
    # Nothing but refusals in a round of 4 or more: share 1, so half is left.
    assert calls.limit == 32
    calls.refused(epoch)  # started before the cut: the same push
    assert calls.limit == 32
    for _ in range(32):
        calls.answered(calls.epoch, 0.1)
    assert calls.limit == 33  # one more each round


def test_one_refusal_in_thirty_is_noise():
    calls = Concurrency(200)
    for number in range(20_000):
        if number % 30 == 29:
            calls.refused(calls.epoch)
        else:
            calls.answered(calls.epoch, 0.1)
    assert calls.limit == 200


def test_a_server_that_becomes_slow_is_asked_less():
    calls = Concurrency(64)
    for _ in range(500):
        calls.answered(calls.epoch, 0.1)
    assert calls.limit == 64
    for _ in range(500):
        calls.answered(calls.epoch, 1.0)
    assert calls.limit < 58  # a tenth less for each round: ten times slower than its best


def test_a_server_with_room_for_four_is_found(tmp_path):
    def crowded(number, judge):
        if judge.in_flight > 4:
            raise TransientJudgeError("too fast", limited=True)
        return fine(number, judge)

    judge = Scripted("a", crowded)
    result, totals = gather(tmp_path, judge, items=100, concurrency=64)
    assert (result.answered, result.failed) == (200, 0)
    # Without adapting, 60 of 64 calls would be refused each round.
    assert totals["errors"] < totals["calls"] / 2


# Retries


@pytest.mark.parametrize(
    ("error", "again"), [(TransientJudgeError("x"), True), (UncertainJudgeError("x"), False)]
)
def test_only_what_was_not_paid_for_is_asked_again(error, again):
    assert retry.may_retry(error, 1) is again
    assert not retry.may_retry(error, retry.MOST_TRIES)


def test_the_servers_wish_is_the_least_pause_and_one_of_hours_is_left_to_the_next_run():
    assert all(2.0 <= retry.pause(1, 2.0) <= 2.2 for _ in range(50))
    assert len({retry.pause(3, None) for _ in range(5)}) > 1
    assert not retry.may_retry(TransientJudgeError("x", retry_after=7200.0), 1)


# The breaker


def test_a_breaker_opens_for_longer_each_time_and_counts_a_burst_once():
    clock = Clock()
    gate = Breaker(clock=clock, seed=1)
    gate.answered()
    before = gate.epoch
    for _ in range(200):  # all were in flight when it went down
        gate.failed(before)
    assert gate.epoch == before + 1
    rests = []
    for _ in range(4):
        rests.append(gate.delay())
        clock.now += gate.delay()
        gate.failed(gate.epoch)
    # Twice as long each time, times a draw between a half and one.
    first = breaker._FIRST_REST_S
    assert all(first * 2**k / 2 <= rest <= first * 2**k for k, rest in enumerate(rests))
    gate.answered()
    assert gate.delay() == 0


def test_a_provider_that_goes_down_and_comes_back_loses_no_trial(tmp_path):
    def outage(number, judge):
        if 20 <= number < 34:
            raise TransientJudgeError("no connection")
        return fine(number, judge)

    down, other = Scripted("a", outage), Scripted("b", fine, provider="elsewhere")
    result, totals = gather(tmp_path, down, other, items=30)
    assert (result.answered, result.failed, result.given_up) == (120, 0, {})
    assert totals["errors"] == 14


def test_a_provider_that_stays_down_is_given_up_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(breaker, "PATIENCE_S", 0.2)

    def outage(number, judge):
        if number >= 20:
            raise TransientJudgeError("no connection")
        return fine(number, judge)

    down, other = Scripted("a", outage), Scripted("b", fine, provider="elsewhere")
    result, _ = gather(tmp_path, down, other, items=30)
    assert other.calls == 60
    assert "has been down" in result.given_up["a"]
    assert down.calls < 60  # tried by single calls, not by all of them


# Limits, fairness and deadline in the runner


@pytest.mark.parametrize("given", [True, False])
def test_a_limit_holds_the_next_call_back(tmp_path, given):
    stop = asyncio.Event()
    told = {} if given else {"x-ratelimit-limit-requests": "1", "x-ratelimit-remaining-requests": "0"}

    def first(number, judge):
        if number == 0:
            asyncio.get_running_loop().call_later(0.2, stop.set)
        return Reply('{"score": 7}', "{}", limits=told)

    judge = Scripted("a", first)
    plan = plan_for(judge)
    flow = Flow(concurrency=1, limits=Limits(requests=1) if given else Limits())
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(plan)
        result = asyncio.run(collect(plan, {"a": judge}, ledger, flow=flow, stop=stop))
    # One call a minute; without the limit all 40 would be answered in less than the fifth of a second.
    assert (judge.calls, result.answered, result.stopped) == (1, 1, True)


def test_a_judge_that_never_comes_back_is_cut_at_its_deadline(tmp_path):
    class Hanging(Scripted):
        deadline = 0.1

        async def reply(self, request):
            await asyncio.sleep(3600)

    result, totals = gather(tmp_path, Hanging("a", fine), items=1)
    assert (result.failed, totals["error_kinds"]) == (2, {"uncertain": 2})


def test_judges_of_one_provider_take_turns(tmp_path):
    order = []

    def noted(number, judge):
        order.append(judge.name)
        return fine(number, judge)

    # Room for 20 of the 40 that both together may have.
    gather(tmp_path, Scripted("a", noted), Scripted("b", noted), items=40, concurrency=20)
    for part in (order[:20], order[20:40], order[40:60]):
        assert 5 <= part.count("a") <= 15


def test_a_call_that_trickles_is_cut_at_its_deadline(tmp_path):
    with running(FakeProvider(faults=always(Fault("trickle", seconds=5.0)))) as fake:
        judge = OpenAIJudge("gpt-4o-mini", base_url=fake.openai_url, timeout=0.3)
        result, totals = gather(tmp_path, judge, items=1)
    assert result.failed == 2
    assert totals["error_kinds"] == {"uncertain": 2}


def test_an_endless_answer_is_cut(tmp_path, monkeypatch):
    from auditor.judges import wire

    monkeypatch.setattr(wire, "_LARGEST", 1 << 20)
    with running(FakeProvider(faults=always(Fault("huge", size=2 << 20)))) as fake:
        _, totals = gather(tmp_path, OpenAIJudge("gpt-4o-mini", base_url=fake.openai_url), items=1)
    assert totals["error_kinds"] == {"uncertain": 2}


def test_limits_of_the_fakes_headers_reach_the_runner():
    async def ask(judge):
        plan = plan_for(judge)
        async with judge:
            return await judge.reply(plan.request(plan.trials[0]))

    with running(FakeProvider()) as fake:
        one = asyncio.run(ask(OpenAIJudge("gpt-4o-mini", base_url=fake.openai_url)))
        two = asyncio.run(ask(AnthropicJudge("claude-haiku-4-5", base_url=fake.base_url)))
    assert int(one.limits["x-ratelimit-limit-requests"]) > 0
    assert int(two.limits["anthropic-ratelimit-requests-limit"]) > 0


def test_trials_that_are_named_are_asked_and_no_others(tmp_path):
    judge = Scripted("a", fine)
    plan = plan_for(judge)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(plan)
        result = asyncio.run(collect(plan, {"a": judge}, ledger, trials=plan.trials[:7]))
        assert (result.planned, result.answered, judge.calls) == (7, 7, 7)


def test_the_expected_score_is_kept_beside_the_sampled_one(tmp_path, monkeypatch):
    from auditor.plan import Plan

    monkeypatch.setattr(Plan, "expected", lambda self, trial, reply: 6.25, raising=False)
    judge = Scripted("a", fine)
    plan = plan_for(judge, items=2)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_plan(plan)
        asyncio.run(collect(plan, {"a": judge}, ledger))
        assert {(row["value"], row["expected_score"]) for row in ledger.rating_rows()} == {(7.0, 6.25)}


def test_a_judge_that_fails_in_between_is_given_up_later_than_one_that_never_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(breaker, "_LONGEST_REST_S", 0.02)

    def refusing(number, judge):
        if number >= 10:
            raise UncertainJudgeError("torn")
        return fine(number, judge)

    result, _ = gather(tmp_path, Scripted("a", refusing), items=60, concurrency=1, progress=Silence())
    assert f"{line.GIVE_UP_LATER} trials in a row" in result.given_up["a"]
