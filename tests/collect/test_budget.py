"""Budgets: the arithmetic of reserving and settling, and the hard stop before the call that could exceed one."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

import auditor
from auditor.cli import run as command
from auditor.collect.budget import Budget, Spending, worst_case
from auditor.errors import IncompleteError, InputError
from auditor.records import Cell, Item, Message, Request, Sampling, Usage
from tests.fakes.provider import KEY, FakeProvider, Fault, Seeded, running

ITEMS = [{"id": f"i{k}", "task": "t", "output": f"o{k}"} for k in range(12)]
SETTINGS = {"scale": "1:10", "threshold": 6}


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def dollars(judge, usage):
    """A dollar a token read, a tenth of it from a cache, and two a token written."""
    cached = usage.cached_tokens or 0
    return (usage.input_tokens or 0) - 0.9 * cached + 2 * (usage.output_tokens or 0)


def test_the_worst_case_is_reserved_and_the_truth_settled():
    spending = Spending(Budget(cost=100), dollars)
    first = spending.reserve("j", Usage(30, 10))  # 30 + 20 = 50
    second = spending.reserve("j", Usage(30, 10))  # 100 together: met to the last cent
    assert first is not None
    assert second is not None
    assert spending.reserve("j", Usage(1, 0)) is None
    spending.settle("j", first, Usage(20, 5, 10))  # 20 - 9 + 10 = 21: cached tokens at their price
    assert spending.spent.cost == pytest.approx(21)
    assert spending.reserve("j", Usage(29, 0)) is not None  # 21 + 50 + 29
    spending.settle("j", second, None, uncertain=True)  # nobody knows: the worst case
    assert spending.spent.cost == pytest.approx(71)


def test_a_refused_call_counts_as_a_call_and_costs_nothing():
    spending = Spending(Budget(calls=2), dollars)
    for _ in range(2):
        held = spending.reserve("j", Usage(5, 5))
        assert held is not None
        spending.settle("j", held, None)
    assert (spending.spent.calls, spending.spent.cost) == (2, 0)
    assert spending.reserve("j", Usage(5, 5)) is None


def test_the_projection_is_the_mean_of_what_was_answered():
    spending = Spending(Budget(), dollars)
    for _ in range(4):
        held = spending.reserve("j", Usage(100, 100))
        assert held is not None
        spending.settle("j", held, Usage(3, 1))  # 5 each
    assert spending.projected(6) == pytest.approx(4 * 5 + 6 * 5)


def test_no_text_has_more_tokens_than_bytes():
    request = Request(
        messages=(Message("user", "é" * 10),),
        sampling=Sampling(max_tokens=7),
        item=Item("a", "t", "o"),
        framing="",
        cell=Cell("a", "neutral", "", None, 1),
        item_hash="",
    )
    # 20 bytes of UTF-8; 16 for the message and 16 for the call.
    assert worst_case(request) == Usage(52, 7)


def audit(fake, out, **changes):
    judge = f"openai:gpt-4o-mini@{fake.openai_url}"
    return auditor.audit(judge, ITEMS, out=out, **{**SETTINGS, **changes})


def test_calls_stop_at_the_bound_and_a_higher_one_goes_on(tmp_path):
    with running(FakeProvider()) as fake:
        with pytest.raises(IncompleteError, match=r"budget is used up: 10 of 10 calls; raise it to go on"):
            audit(fake, tmp_path, max_calls=10)
        assert len(fake.requests) == 10
        assert (tmp_path / "report.html").exists()
        with pytest.raises(IncompleteError, match="10 of 10 calls"):
            audit(fake, tmp_path, max_calls=10)  # what earlier runs spent counts
        assert len(fake.requests) == 10
        audit(fake, tmp_path, max_calls=24)
        assert len(fake.requests) == 24


def test_money_stops_before_the_call_that_could_exceed_it(tmp_path):
    bound = 0.004
    with running(FakeProvider()) as fake:
        with pytest.raises(IncompleteError, match="budget is used up"):
            audit(fake, tmp_path, max_cost=bound, price=["1:4"])
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        rows = connection.execute(
            "select sum(input_tokens), sum(output_tokens), count(*), max(length(request)) from attempts"
        )
        read, written, calls, longest = rows.fetchone()
    spent = (read * 1 + written * 4) / 1e6  # dollars a million tokens
    worst = (longest + 1000 + 4 * 1024) / 1e6  # more than any single call could take
    assert bound - worst < spent <= bound
    assert 0 < calls < 24


def test_tokens_are_bounded_too(tmp_path):
    with running(FakeProvider()) as fake:
        with pytest.raises(IncompleteError, match=r"of 5000 tokens"):
            audit(fake, tmp_path, max_total_tokens=5000)
        assert 0 < len(fake.requests) < 24


def test_a_call_of_which_nobody_knows_counts_as_its_worst_case_in_the_next_run(tmp_path):
    with running(FakeProvider(faults=Seeded(3, {Fault("cut"): 0.2}))) as fake:
        with pytest.raises(IncompleteError, match="no answer"):
            audit(fake, tmp_path)
    with running(FakeProvider()) as fake:
        # All 24 answers are cheaper than this, but those that were torn may have cost as much as they could.
        with pytest.raises(IncompleteError, match="budget is used up"):
            audit(fake, tmp_path, max_cost=0.0001, price=["1:4"])
        assert len(fake.requests) == 0


def test_a_price_that_nobody_knows_is_refused_beforehand(tmp_path):
    with running(FakeProvider()) as fake:
        with pytest.raises(InputError, match=r"nobody knows the price of openai:unheard-of.*--price"):
            auditor.audit(
                f"openai:unheard-of@{fake.openai_url}", ITEMS, out=tmp_path, max_cost=1.0, **SETTINGS
            )
        assert len(fake.requests) == 0


@pytest.mark.parametrize("changes", [{"max_calls": -1}, {"max_cost": -0.5}, {"concurrency": 0}])
def test_bounds_below_zero_are_refused(tmp_path, changes):
    with running(FakeProvider()) as fake, pytest.raises(InputError):
        audit(fake, tmp_path, **changes)


def test_the_command_says_how_to_go_on_and_exits_with_four(tmp_path, capsys):
    (tmp_path / "items.csv").write_text("id,task,output\n" + "".join(f"i{k},t,o{k}\n" for k in range(12)))
    with running(FakeProvider()) as fake:
        status = command(
            [
                *("run", "--judge", f"openai:gpt-4o-mini@{fake.openai_url}", "--threshold", "6"),
                *("--items", str(tmp_path / "items.csv"), "--out", str(tmp_path / "run"), "--max-calls", "9"),
            ]
        )
    assert status == 4
    assert "9 of 9 calls; raise it to go on" in capsys.readouterr().err
