"""What a run says beforehand of a margin that it cannot reach."""

from auditor.cli import run

COMMAND = [
    "run",
    "--judge",
    "simulated:honest",
    "--items",
    "checkable",
    "--scale",
    "0:20",
    "--threshold",
    "12",
]


def test_a_margin_out_of_reach_is_said_before_the_first_call(tmp_path, capsys):
    assert run([*COMMAND, "--limit", "20", "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().err
    # 10 % of items that change sides: SD .3162. Equivalence within .05 at .05 / 2 tests, 80 % power, in normal terms:
    # ((z.9 + z.975) * .3162 / .05)^2 = (3.2415 * 6.3246)^2 = 420.3; with t in place of z 423.
    assert "20 independent items are too few" in said
    assert "about 423 are needed" in said
    assert said.index("too few") < said.index("of 40 trials")
    assert run([*COMMAND, "--limit", "20", "--pass-margin", "0.9", "--out", str(tmp_path / "b")]) == 0
    assert "too few" not in capsys.readouterr().err
