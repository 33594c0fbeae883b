"""FASTGATE_* variables over the file, flags over both."""

import pytest

from .support import HEAD, errors_of, loaded, the_error

FILE = HEAD + """
gateway:
  proxy_listen: ["127.0.0.1:1"]
  workers: 3
  log_level: error
  access_log: {path: /var/log/a, format: combined}
"""


def gateway(text=FILE, flags=None, **environ):
    return loaded(text, environ=environ, flags=flags).gateway


@pytest.mark.parametrize("variable, value, key, expected", [
    ("FASTGATE_PROXY_LISTEN", "0.0.0.0:80, unix:/run/g", "proxy_listen", ["0.0.0.0:80", "unix:/run/g"]),
    ("FASTGATE_STATUS_LISTEN", "off", "status_listen", "off"),
    ("FASTGATE_WORKERS", "5", "workers", 5),
    ("FASTGATE_WORKERS", "auto", "workers", "auto"),
    ("FASTGATE_LOG_LEVEL", "debug", "log_level", "debug"),
    ("FASTGATE_ACCESS_LOG", "stdout", "access_log", {"path": "stdout", "format": "combined"}),
])
def test_variable_wins_over_the_file(variable, value, key, expected):
    assert gateway(**{variable: value})[key] == expected


def test_flag_wins_over_the_variable():
    assert gateway(flags={"workers": "7", "log_level": None}, FASTGATE_WORKERS="5", FASTGATE_LOG_LEVEL="warn")["workers"] == 7
    assert gateway(flags={"workers": None}, FASTGATE_WORKERS="5")["workers"] == 5


def test_flags_may_be_typed_or_lists():
    read = gateway(flags={"workers": 2, "proxy_listen": ["a:1", "b:2"]})
    assert (read["workers"], read["proxy_listen"]) == (2, ["a:1", "b:2"])


def test_empty_variable_sets_nothing():
    assert gateway(FASTGATE_WORKERS="")["workers"] == 3


def test_overrides_need_no_section():
    assert gateway(HEAD, FASTGATE_ACCESS_LOG="off")["access_log"] == {"path": "off", "format": "json"}


def test_overridden_value_of_the_file_is_not_judged():
    assert gateway(HEAD + "gateway: {workers: many}", FASTGATE_WORKERS="2")["workers"] == 2


def test_refusal_names_the_variable_or_flag():
    error = the_error(FILE, environ={"FASTGATE_WORKERS": "lots"})
    assert str(error).startswith("FASTGATE_WORKERS: gateway.workers: expected")
    error = the_error(FILE, flags={"proxy_listen": "80"}, environ={"FASTGATE_PROXY_LISTEN": "0.0.0.0:1"})
    assert str(error).startswith("--proxy-listen: gateway.proxy_listen[0]: ")


def test_refusals_come_with_those_of_the_file():
    errors = errors_of(FILE + "  watch: 5\n", environ={"FASTGATE_LOG_LEVEL": "loud"})
    assert [error.file for error in errors] == ["FASTGATE_LOG_LEVEL", "gw.yaml"]
