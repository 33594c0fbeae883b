"""The figures of a run, put into a page."""

import pytest
import readme
import summary

RATIO = {"median": 1.5, "q1": 1.4, "q3": 1.75, "min": 1, "max": 2}
ONE = dict.fromkeys(RATIO, 1.0)
PAGE = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n"


@pytest.fixture
def result():
    return {
        "machine": {"cpu": "A CPU", "cores": 2, "is_virtual": False, "kernel": "6.1-x", "date": "2026-11-22T00:00",
                    "revision": "abc123"},
        "versions": {"nginx": "nginx 1.22.1"}, "rounds": 3, "seconds": 1.0,
        "scenarios": {"small": {"title": "GET", "summary": {
            "relay": {"to_relay": ONE}, "fastgate": {"to_relay": RATIO}, "nginx": {"to_relay": RATIO}}}},
        "figures": {
            "rest": {"title": summary.FIGURES["rest"][0], "summary": {
                "fastgate": {"median": 24.5 * 2**20}, "nginx": {"median": 8 * 2**20}}},
            "publish": {"title": "Reload", "summary": {
                "fastgate (yaml)": {"median": 200.4}, "fastgate (json)": {"median": 90.0}}},
        },
    }


def test_the_block_is_replaced_and_nothing_else(result):
    page = readme.filled(PAGE, result)
    assert page.startswith("before\n<!-- figures -->\n| CPU") and page.endswith("<!-- /figures -->\nafter\n")
    assert "old" not in page and readme.filled(page, result) == page


def test_rows_and_columns(result):
    lines = readme.filled(PAGE, result).split("\n")
    assert "| CPU per request | byte relay | fastgate | nginx |" in lines
    assert "| GET | 1 | 1.50 (1.40–1.75) | 1.50 (1.40–1.75) |" in lines
    assert "| RSS at rest, 2 workers | 24.5 MiB | 8.0 MiB |" in lines
    assert "| Reload | 200 ms (yaml), 90 ms (json) | — |" in lines
    assert any(line.startswith("fastgate abc123; A CPU, 2 cores") for line in lines)


def test_the_chart_is_shown_where_there_is_one(result):
    assert "docs/bench.svg" in readme.filled(PAGE, result, has_chart=True)
    assert "docs/bench.svg" not in readme.filled(PAGE, result)


def test_a_page_without_the_marks(result):
    with pytest.raises(SystemExit, match="has no <!-- figures -->"):
        readme.filled("nothing", result)
