"""Regression or noise: what bench/compare.py makes of two trees' samples."""

import json
import sys

import compare
import pytest

OTHER = "fastgate=build/against"


def samples(*cpu_us: float) -> list[dict]:
    return [{"cpu_us": value} for value in cpu_us]


def taken(ours: list[dict], again: list[dict] | None = None) -> dict[str, list[dict]]:
    relay = samples(5, 5, 10, 5, 5)
    return {"relay": relay, "relay-again": again or relay, "fastgate": ours, OTHER: samples(10, 10, 20, 10, 10)}


def test_as_fast_as_the_other_is_fine():
    assert not compare.scenario_line(taken(samples(10, 10, 20, 10, 10)))[0]
    assert not compare.scenario_line(taken(samples(5, 5, 10, 5, 5)))[0]


def test_slower_in_each_round_is_worse():
    """Also where the machine was twice as slow for a while: the ratio is the same."""
    is_worse, shown = compare.scenario_line(taken(samples(11, 11, 22, 11, 11)))
    assert is_worse
    assert shown.startswith("1.100 (1.100–1.100), allowed 1.050")


def test_slower_in_half_of_the_rounds_is_not_worse():
    assert not compare.scenario_line(taken(samples(10, 10, 20, 13, 13)))[0]


def test_within_the_tolerance_is_fine():
    assert not compare.scenario_line(taken(samples(10.4, 10.4, 20.8, 10.4, 10.4)))[0]


def test_what_two_copies_of_the_relay_differ_by_is_no_regression():
    slower = samples(11, 11, 22, 11, 11)
    assert not compare.scenario_line(taken(slower, again=samples(5.6, 5.6, 11.2, 5.6, 5.6)))[0]
    assert not compare.scenario_line(taken(slower, again=samples(4.4, 4.4, 8.8, 4.4, 4.4)))[0]
    assert compare.scenario_line(taken(slower, again=samples(5.2, 5.2, 10.4, 5.2, 5.2)))[0]


def test_a_figure_is_worse_only_beyond_the_others_spread():
    def memory(*ours: int) -> bool:
        rss = {"fastgate": [{"rss": value} for value in ours], OTHER: [{"rss": value} for value in (90, 100, 115)]}
        return compare.figure_line(rss, "rss")[0]

    assert memory(120, 121, 122)
    assert not memory(112, 121, 122)
    assert not memory(109, 109, 109)
    assert not memory(50, 50, 50)


@pytest.mark.parametrize("missing, message", [(OTHER, "no other tree"), ("relay-again", "no noise floor")])
def test_a_result_without_pairs_is_refused(missing, message):
    without = taken(samples(10, 10, 20, 10, 10))
    del without[missing]
    with pytest.raises(ValueError, match=message):
        compare.scenario_line(without)


def run(monkeypatch, tmp_path, ours) -> int:
    file = tmp_path / "both.json"
    rss = {"fastgate": [{"rss": 100}], OTHER: [{"rss": 100}]}
    file.write_text(json.dumps({"scenarios": {"small": {"samples": taken(ours)}}, "figures": {"rest": {"samples": rss}}}))
    monkeypatch.setattr(sys, "argv", ["compare.py", str(file)])
    return compare.main()


def test_the_exit_code_tells(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, samples(10, 10, 20, 10, 10)) == 0
    assert run(monkeypatch, tmp_path, samples(12, 12, 24, 12, 12)) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["fine", "small"], ["fine", "rest"], ["worse", "small"], ["fine", "rest"]]


def test_nothing_measured_is_no_pass(monkeypatch, tmp_path):
    file = tmp_path / "both.json"
    file.write_text('{"scenarios": {}, "figures": {}}')
    monkeypatch.setattr(sys, "argv", ["compare.py", str(file)])
    with pytest.raises(SystemExit, match="nothing was measured"):
        compare.main()
