"""Medians, spreads, paired ratios and the tables and chart made of them."""

import xml.etree.ElementTree as ET

import chart
import instructions
import pytest
import summary

SVG = "{http://www.w3.org/2000/svg}"


def samples(*cpu_us: float) -> list[dict]:
    return [{"cpu_us": value, "rps": 1e6 / value, "p50_us": 10 * value, "p99_us": 20 * value, "busy": 1.0, "waited": 0.0,
             "reuse": 1.0} for value in cpu_us]


@pytest.fixture
def result():
    taken = {"relay": samples(10, 20, 40), "relay-again": samples(11, 20, 36), "fastgate": samples(11, 21, 42),
             "nginx": samples(15, 30, 60)}
    rows = summary.scenario_summary(taken)
    return {
        "machine": {"cpu": "A <CPU>", "cores": 2, "is_virtual": True, "kernel": "6.1-x", "date": "2026-11-22T00:00"},
        "versions": {"nginx": "nginx 1.22.1"},
        "rounds": 3,
        "seconds": 1.0,
        "scenarios": {"small": {"title": "GET & go", "summary": rows, "samples": taken}},
    }


def test_ratios_are_taken_within_each_round(result):
    rows = result["scenarios"]["small"]["summary"]
    # Noise that hits a whole round doubles every figure in it, and leaves the ratios alone.
    assert rows["nginx"]["to_relay"] == {"median": 1.5, "q1": 1.5, "q3": 1.5, "min": 1.5, "max": 1.5}
    assert rows["fastgate"]["to_relay"]["median"] == 1.05
    assert rows["nginx"]["to_fastgate"]["median"] == pytest.approx(30 / 21)
    assert rows["relay"]["cpu_us"]["median"] == 20


def test_rounds_must_match():
    with pytest.raises(ValueError):
        summary.ratios(samples(1, 2), samples(1))


def test_one_round_has_no_spread():
    assert set(summary.spread([7.0]).values()) == {7.0}


def test_table_shows_the_noise_floor(result):
    text = summary.scenario_table("GET & go", result["scenarios"]["small"]["summary"])
    assert "| nginx | 30.00 (22.50–45.00) |  1.50 (1.50–1.50) |" in text
    assert "differs by 1.00, over single rounds 0.90–1.10" in text


def test_figure_table_counts_what_was_sent_again():
    taken = [{"ms": 100.0, "again": 1}, {"ms": 300.0, "again": 2}, {"ms": 200.0, "again": 0}]
    assert summary.figure_table("publish", {"nginx": taken}).splitlines()[-1] == "| nginx | 200 | 100 – 300 | 3 |"


def test_bars_begin_at_zero_and_keep_proportion(result):
    tree = ET.fromstring(chart.draw(result))
    widths = [float(rect.get("width")) for rect in tree.iter(f"{SVG}rect")]
    starts = {rect.get("x") for rect in tree.iter(f"{SVG}rect")}
    labels = [text.text for text in tree.iter(f"{SVG}text")]
    zero = next(text for text in tree.iter(f"{SVG}text") if text.text == "0")
    assert starts == {str(chart.LEFT)} and float(zero.get("x")) == chart.LEFT
    # relay, fastgate, nginx, in the chart's order
    assert [width / widths[0] for width in widths] == pytest.approx([1, 1.05, 1.5], abs=0.01)
    assert {"1.00", "1.05", "1.50", "GET & go"} <= set(labels)


def test_chart_without_its_scenarios_says_so(result):
    result["scenarios"] = {}
    with pytest.raises(SystemExit, match="no scenario"):
        chart.draw(result)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(100, None, "new"), (103, 100, "same"), (104, 100, "worse"), (96, 100, "better"), (11, 10, "same"), (11.1, 10, "worse")],
)
def test_verdict_of_a_count(now, before, expected):
    assert instructions.verdict(now, before, 0.03) == expected


def test_figure_table_tells_what_a_plain_route_notices_of_python():
    taken = [{"added_us": 10.0, "p99_beside_plain_us": 1000.0, "p99_beside_python_us": 1100.0}]
    assert summary.figure_table("python", {"fastgate": taken}).splitlines()[-1] == "| fastgate | 10.0 | 10.0 – 10.0 | 1,000 → 1,100 |"
