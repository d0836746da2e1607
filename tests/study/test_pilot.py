"""Pass marks from a pilot: the rule, its refusals, and a run that resumes with the marks it found."""

import asyncio

import pytest

import auditor
from auditor.collect import Ledger
from auditor.errors import InputError
from auditor.scale import Scale
from auditor.study.pilot import resolve_mark, share_passing, snap

TEN = Scale.parse("0:10:1")


def test_the_mark_is_the_median_snapped_to_the_step():
    # Median of 3, 4, 5, 6, 7, 8 is 5.5, which snaps up to 6: three of six pass.
    found = resolve_mark("j", [3, 4, 5, 6, 7, 8], TEN)
    assert (found.mark, found.passing) == (6.0, 0.5)
    # Steps of a half: the median 2.25 snaps to 2.5.
    assert resolve_mark("j", [1, 2, 2.5, 4], Scale.parse("1:5:0.5")).mark == 2.5


@pytest.mark.parametrize(
    ("value", "snapped"), [(0.0, 1.0), (0.49, 1.0), (6.4, 6.0), (6.5, 7.0), (10.0, 10.0)]
)
def test_snapping(value, snapped):
    assert snap(value, TEN) == snapped


@pytest.mark.parametrize(
    ("scores", "what"),
    [
        ([], "has 0 readable scores of 0"),
        ([7.0] * 20, "gave 7 to all 20 items of the pilot"),
        # Median 8; 19 of 20 lie at or above it: 95 % pass. At 9 it would be 6 of 20.
        ([2.0] + [8.0] * 13 + [9.0] * 6, r"95 % of the pilot's scores pass.*at 9 it would be 30 %"),
    ],
)
def test_a_judge_without_a_pass_mark_is_refused_with_a_remedy(scores, what):
    with pytest.raises(InputError, match=what) as caught:
        resolve_mark("openai:m", scores, TEN)
    assert "judge openai:m" in str(caught.value)
    assert "--threshold" in str(caught.value)


def test_share_passing_counts_the_mark_itself():
    assert share_passing([5, 6, 7], 6) == pytest.approx(2 / 3)


def test_each_judge_gets_its_own_mark_and_a_resume_keeps_it(tmp_path):
    judges = ["simulated:honest", "simulated:honest,leniency=4"]
    settings = {"scale": "0:20", "limit": 40, "arms": "neutral,threshold_only,quick", "out": tmp_path}
    first = auditor.audit(judges, "subjective", **settings)
    phases = first.ratings.groupby(["judge", "phase"]).size().to_dict()
    assert phases[(judges[0], "pilot")] == 20
    assert phases[(judges[0], "main")] == 160
    main = first.ratings[first.ratings["phase"] == "main"].dropna(subset="threshold")
    marks = main.groupby("judge")["threshold"].agg(set).to_dict()
    assert all(len(own) == 1 for own in marks.values())
    assert marks[judges[1]] != marks[judges[0]]
    found = {f.judge: f.threshold for f in first.findings.primary}
    assert found == {judge: own.pop() for judge, own in marks.items()}
    # Arms without a mark are scored at the contrast's: there is a pass rate for deletion - neutral.
    assert any(
        f.contrast == "deletion - neutral" and f.metric == "pass_rate" for f in first.findings.findings
    )
    again = auditor.audit(judges, "subjective", **settings)
    assert again.collected.asked == 0
    assert again.findings.to_json() == first.findings.to_json()


def test_the_pilot_is_not_used_for_inference(tmp_path):
    result = auditor.audit("simulated:honest", "subjective", scale="0:20", limit=30, out=tmp_path)
    main = result.ratings[result.ratings["phase"] == "main"]
    alone = auditor.analyze(main, scale="0:20", threshold=result.findings.primary[0].threshold)
    assert [f.estimate for f in alone.findings] == [f.estimate for f in result.findings.findings]


def test_a_judge_that_gives_all_the_same_stops_the_run_after_the_pilot(tmp_path):
    with pytest.raises(InputError, match="to all 20 items of the pilot"):
        auditor.audit("simulated:constant", "checkable", scale="0:20", out=tmp_path)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.totals()["calls"] == 20


def test_a_sweep_crosses_marks_with_items_and_singles_are_exploratory(tmp_path):
    result = auditor.audit(
        "simulated:honest", "checkable", scale="0:20", limit=24, threshold=[10, 12, 14], out=tmp_path
    )
    assert len(result.ratings) == 24 * 2 * 3
    primary = result.findings.primary[0]
    assert primary.threshold is None
    assert primary.n_items == 24
    single = [f for f in result.findings.findings if f.at is not None and f.metric == "score"]
    assert [f.at for f in single] == [10.0, 12.0, 14.0]
    assert {f.family for f in single} == {"exploratory"}
    # The mean over marks of the single estimates is the primary one: each item has all three.
    assert sum(f.estimate for f in single) / 3 == pytest.approx(primary.estimate)


def test_an_old_ledger_is_brought_up_to_date(tmp_path):
    import sqlite3

    auditor.audit("simulated:honest", "checkable", scale="0:20", threshold=12, limit=8, out=tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as old:
        old.execute("DROP TABLE events")
        old.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    again = auditor.audit("simulated:honest", "checkable", scale="0:20", threshold=12, limit=8, out=tmp_path)
    assert again.collected.asked == 0
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.event("none", "thresholds") is None


def test_auto_works_inside_a_running_loop(tmp_path):
    async def inside():
        return auditor.audit("simulated:honest", "checkable", scale="0:20", limit=20, out=tmp_path)

    assert asyncio.run(inside()).findings.primary[0].threshold is not None


def test_a_pilot_that_is_hardly_read_gives_no_mark(tmp_path):
    with pytest.raises(InputError, match=r"readable scores of 20, too few to find a pass mark"):
        auditor.audit("simulated:honest,refusals=0.9", "checkable", scale="0:20", limit=20, out=tmp_path)
