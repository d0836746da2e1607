"""Collecting against the contract fake: what is retried, what is not, and who is given up."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import threading
import time

import pytest

import auditor
import auditor.plan
import auditor.records
from auditor.collect import Ledger, line, retry
from auditor.errors import IncompleteError, InputError
from tests.fakes.provider import KEY, FakeProvider, Fault, Seeded, always, first, running

ITEMS = [{"id": f"i{k}", "task": "t", "output": f"o{k}"} for k in range(12)]
SETTINGS = {"scale": "1:10", "threshold": 6}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.01)


def run(fake, out, **changes):
    judge = f"openai:gpt-4o-mini@{fake.openai_url}"
    return auditor.audit(judge, ITEMS, out=out, **{**SETTINGS, **changes})


def test_every_trial_is_asked_once(tmp_path):
    with running(FakeProvider()) as fake:
        result = run(fake, tmp_path)
        assert len(fake.requests) == len(result.ratings) == 24
        run(fake, tmp_path)
        assert len(fake.requests) == 24
        assert fake.max_in_flight <= 8


def test_a_resumed_run_on_another_port_asks_nothing_twice(tmp_path):
    with running(FakeProvider()) as fake:
        run(fake, tmp_path)
    with running(FakeProvider()) as fake:
        run(fake, tmp_path)
        assert len(fake.requests) == 0


def test_refused_service_is_retried_and_each_try_is_kept(tmp_path):
    with running(FakeProvider(faults=first(Fault.http(429, retry_after=0)))) as fake:
        result = run(fake, tmp_path)
        assert set(result.ratings["status"]) == {"ok"}
        assert len(fake.requests) == 48  # every body was refused once
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.totals()["error_kinds"] == {"transient": 24}


def test_what_may_have_been_paid_for_is_not_repeated_in_the_same_run(tmp_path):
    with running(FakeProvider(faults=Seeded(3, {Fault("cut"): 0.2}))) as fake:
        with pytest.raises(IncompleteError, match=r"trials have no answer.*run the same command"):
            run(fake, tmp_path)
        assert len(fake.requests) == 24
        assert len({received.sha256 for received in fake.requests}) == 24
    assert (tmp_path / "report.html").exists()
    assert "INCOMPLETE" in (tmp_path / "report.md").read_text()
    with running(FakeProvider()) as fake:
        result = run(fake, tmp_path)
        assert 0 < len(fake.requests) < 24  # only those that had no answer
        assert set(result.ratings["status"]) == {"ok"}


def test_a_wrong_key_stops_the_judge_at_once_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-0123456789")
    with running(FakeProvider()) as fake:
        judges = [f"openai:gpt-4o-mini@{fake.openai_url}", f"anthropic:claude-haiku-4-5@{fake.base_url}"]
        with pytest.raises(IncompleteError, match="refused the key"):
            auditor.audit(judges, ITEMS, out=tmp_path, **SETTINGS)
        kinds = [received.dialect for received in fake.requests]
        assert kinds.count("openai") == 24
        assert kinds.count("anthropic") <= 8  # those in flight when the first answer came
    assert "0123456789" not in (tmp_path / "ledger.sqlite").read_bytes().decode("latin1")


@pytest.mark.parametrize("fault", [Fault("html"), Fault.http(400), Fault("reset")])
def test_a_judge_that_never_answers_is_given_up_soon(tmp_path, fault):
    with running(FakeProvider(faults=always(fault))) as fake:
        with pytest.raises(IncompleteError, match="in a row failed"):
            run(fake, tmp_path, concurrency=1)
        assert len(fake.requests) == line.GIVE_UP_AT_ONCE


def test_a_dead_server_is_one_message(tmp_path):
    with running(FakeProvider()) as fake:
        pass
    with pytest.raises(IncompleteError, match=r"is the server running"):
        run(fake, tmp_path)


def test_unreadable_and_refused_answers_are_final_and_counted(tmp_path):
    texts = ["I can't score this.", "no idea", "Score: 11"]
    with running(FakeProvider(lambda asked: texts[asked.digest % 3])) as fake:
        result = run(fake, tmp_path, reply="text")
        assert set(result.ratings["status"]) <= {"refused", "unparseable"}
        assert result.ratings["score"].isna().all()
        assert result.verdict == "inconclusive"
        run(fake, tmp_path, reply="text")
        assert len(fake.requests) == 24
    assert "no answer" in (tmp_path / "report.md").read_text()


def test_replies_that_were_not_read_before_a_crash_are_read_and_not_asked_again(tmp_path):
    import sqlite3

    with running(FakeProvider()) as fake:
        before = run(fake, tmp_path).ratings
        connection = sqlite3.connect(tmp_path / "ledger.sqlite")
        connection.execute("delete from outcomes")
        connection.commit()
        connection.close()
        after = run(fake, tmp_path).ratings
        assert len(fake.requests) == 24
    assert list(before["score"]) == list(after["score"])


def test_ctrl_c_waits_for_the_calls_in_flight_and_goes_on_later(tmp_path):
    with running(FakeProvider(latency=0.1)) as fake:

        def interrupt():
            while len(fake.requests) < 6:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(fake, tmp_path, concurrency=3)
        asked = len(fake.requests)
        assert asked < 24
        result = run(fake, tmp_path, concurrency=3)
        assert len(fake.requests) == 24  # nothing lost, nothing asked twice
    assert len(result.ratings) == 24


def test_a_second_ctrl_c_drops_the_calls_in_flight(tmp_path):
    with running(FakeProvider(latency=1.5)) as fake:

        def interrupt():
            while len(fake.requests) < 3:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run(fake, tmp_path, concurrency=3)
        assert time.monotonic() - began < 1.4  # less than one call


def test_half_characters_in_replies_are_stored_and_read(tmp_path):
    with running(FakeProvider(faults=always(Fault("surrogate")))) as fake:
        result = run(fake, tmp_path)
        assert len(fake.requests) == len(result.ratings) == 24
    assert "failed" not in set(result.ratings["status"])


def test_a_reader_that_breaks_takes_no_other_trial_along(tmp_path, monkeypatch):
    def broken(plan, trial, reply):
        raise RuntimeError("reader")

    monkeypatch.setattr(auditor.plan.Plan, "read", broken)
    with running(FakeProvider()) as fake:
        result = run(fake, tmp_path)
        assert len(fake.requests) == 24
    assert set(result.ratings["status"]) == {"unparseable"}


def test_what_was_really_sent_is_hashed_and_unequal_items_are_refused(tmp_path, monkeypatch):
    true_request = auditor.plan.Plan.request

    def tampered(self, trial):
        request = true_request(self, trial)
        if trial.cell.arm == "deletion" and trial.cell.item == "i3":
            system, user = request.messages
            user = dataclasses.replace(user, content=user.content.replace("o3", "a better answer"))
            request = dataclasses.replace(request, messages=(system, user))
        return request

    monkeypatch.setattr(auditor.plan.Plan, "request", tampered)
    with (
        running(FakeProvider()) as fake,
        pytest.raises(InputError, match="item 'i3' was not the same in both arms"),
    ):
        run(fake, tmp_path)


def test_a_judge_that_cannot_start_leaves_the_others_alone(tmp_path):
    class Broken(auditor.Judge):
        identity = auditor.records.JudgeIdentity("broken")

        async def start(self):
            raise OSError("no room")

        async def reply(self, request):
            raise AssertionError

    with running(FakeProvider()) as fake:
        with pytest.raises(IncompleteError, match="could not be started"):
            auditor.audit(
                [Broken(), f"openai:gpt-4o-mini@{fake.openai_url}"], ITEMS, out=tmp_path, **SETTINGS
            )
        assert len(fake.requests) == 24


def test_a_function_that_raises_now_and_then(tmp_path):
    calls = []

    def judge(item, framing):
        calls.append(item.id)
        if item.id == "i3":
            raise ValueError("no")
        return 5

    with pytest.raises(IncompleteError, match="2 of 24 trials have no answer"):
        auditor.audit(judge, ITEMS, out=tmp_path, **SETTINGS)
    assert len(calls) == 24


def test_it_works_inside_a_running_loop(tmp_path):
    async def notebook():
        return auditor.audit("simulated:honest", ITEMS, out=tmp_path, **SETTINGS)

    assert asyncio.run(notebook()).verdict in ("equivalent", "inconclusive")
