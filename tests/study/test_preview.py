"""Price and power before anything is asked."""

import json
import math

import pytest

import auditor
from auditor.cli import run
from auditor.errors import InputError
from auditor.judges import resolve
from auditor.judges.weights import known_weights
from auditor.records import JudgeIdentity
from auditor.scale import Scale
from auditor.study import prepare
from auditor.study.prices import GivenPrices, parse_prices, price_of
from auditor.study.tokens import count_tokens

BASE = ["plan", "--items", "checkable", "--scale", "0:20", "--limit", "40", "--format", "json"]


def shown(capsys, *more):
    assert run([*BASE, *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_calls_are_counted_by_judge_phase_and_arm(capsys):
    data = shown(capsys, "--judge", "simulated:honest", "--arms", "standard")
    # Pilot 20; 8 arms x 40; noise floor 40; positive control 20; questions: 5 items x (5 stake arms + 8 arms).
    phases = data["judges"][0]["trials"]
    assert phases == {"pilot": 20, "main": 320, "aa": 40, "control": 20, "comprehension": 25, "awareness": 40}
    assert data["judges"][0]["calls"] == sum(phases.values()) == sum(row["trials"] for row in data["trials"])
    assert data["judges"][0]["dollars"] == 0.0


def test_known_models_have_a_price_and_unknown_ones_say_so(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    judges = (
        "--judge",
        "openai:gpt-5.2",
        "--judge",
        "anthropic:claude-haiku-4-5",
        "--judge",
        "openai:nobody-1",
    )
    data = shown(capsys, *judges)
    gpt, haiku, nobody = data["judges"]
    for judge in (gpt, haiku):
        tokens, price = judge["tokens"], judge["price"]
        dollars = (tokens["input"] * price["input"] + tokens["output"] * price["output"]) / 1e6
        assert judge["dollars"] == pytest.approx(dollars)
        assert not tokens["counted"]
        assert price["source"].startswith("genai-prices")
    assert nobody["price"] is None
    assert run([*BASE[:-2], *judges]) == 0
    assert "price unknown: give --price IN:OUT" in capsys.readouterr().out
    data = shown(capsys, *judges, "--price", "nobody-1=1:2")
    assert data["judges"][2]["price"] == {"input": 1.0, "output": 2.0, "source": "yours"}


def test_prices_are_read_or_refused():
    assert parse_prices(["gpt=0.5:2"]).by_model["gpt"].of(2_000_000, 1_000_000) == 3.0
    for wrong in ("5", "a:b", "gpt=", "1:2:3", "-1:2"):
        with pytest.raises(InputError, match="is no price"):
            parse_prices([wrong])
    assert price_of(JudgeIdentity("openai:nobody-1"), GivenPrices()) is None


def test_power_is_what_the_formulas_say(capsys):
    data = shown(capsys, "--judge", "simulated:honest", "--margin", "2")
    score = data["power"][0]
    assert data["alpha"] == 0.025  # one judge, two metrics
    assert score["sd"] == 2.0  # 10 % of 0:20, as assumed
    assert data["units"] == 40  # one item of each of 40 questions
    # R: power.t.test(n = 40, sd = 2, sig.level = .025, power = .8, type = "paired") gives delta = 1.00767.
    assert score["detectable"] == pytest.approx(1.00767, abs=1e-4)
    assert score["reachable"]
    assert score["simulated_superiority"] > 0.99
    # The t test's power at an effect of 2 with SD 2 and n = 40 is 1.000; equivalence at +-2 has 1.000 too.
    assert score["simulated_equivalence"] > 0.95
    assert data["power"][1]["metric"] == "pass_rate"
    assert not data["power"][1]["reachable"]


def test_a_pilot_gives_spreads_tokens_and_advice(capsys, tmp_path):
    auditor.audit(
        "simulated:honest",
        "checkable",
        scale="0:20",
        threshold=12,
        limit=30,
        out=tmp_path,
        wordings_per_item=2,
    )
    data = shown(capsys, "--judge", "simulated:honest", "--pilot", str(tmp_path))
    assert data["power"][0]["sd_source"] == "of the pilot's 30 items"
    assert data["power"][0]["sd"] != 2.0
    assert "items" in " ".join(data["advice"])
    assert all(math.isfinite(p["sd"]) for p in data["power"])
    assert run([*BASE, "--judge", "simulated:honest", "--pilot", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert run(["plan", "--items", "checkable", "--judge", "simulated:honest", "--pilot", str(tmp_path)]) == 2
    assert "scale" in capsys.readouterr().err


def test_two_scores_are_planned_like_a_pass_rate(capsys):
    assert run([*BASE[:3], "--scale", "pass/fail", "--format", "json", "--judge", "simulated:honest"]) == 0
    (score,) = json.loads(capsys.readouterr().out)["power"]
    assert score["sd"] == pytest.approx(0.1**0.5)  # 10 % of the items change sides


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--seconds", "-5"), "seconds"),
        (("--seconds", "nan"), "seconds"),
        (("--price", "other=1:2"), "no judge of this plan is the model 'other'"),
        (("--arms", "quick,program,program_decoupled", "--peer-name", "Bob"), "peer_name"),
    ],
)
def test_wrong_settings_of_a_plan(capsys, more, what):
    assert run([*BASE, "--judge", "simulated:honest", *more]) == 2
    assert what in capsys.readouterr().err


def test_a_plan_needs_no_key_and_one_item_shows_nothing(capsys):
    data = shown(capsys, "--judge", "openai:gpt-5.2", "--limit", "1")
    assert [sight["detectable"] for sight in data["power"]] == [None, None]


@pytest.mark.model
def test_a_local_judge_counts_with_its_own_tokenizer(tmp_path):
    import asyncio

    if not known_weights()["smollm2-135m"].path.is_file():
        pytest.skip("the weights of smollm2-135m are not there")
    judge = resolve("local:smollm2-135m", Scale.parse("0:10"))
    made = prepare(judge, "checkable", threshold=6, limit=2, rationale="none")
    counted = asyncio.run(count_tokens(made.plan, judge, made.plan.trials, None))
    assert counted.counted
    asked = auditor.audit(judge, "checkable", threshold=6, limit=2, rationale="none", out=tmp_path)
    used = asked.collected
    assert used.answered == 4
    import sqlite3

    with sqlite3.connect(asked.folder / "ledger.sqlite") as ledger:
        (read,) = ledger.execute("SELECT SUM(input_tokens) FROM attempts").fetchone()
    assert counted.input == pytest.approx(read, rel=0.01)
