"""`fastgate check`: says OK with counts, or every error."""

import pytest

from fastgate.cli.main import main

GOOD = """\
_format_version: "3.0"
services:
  - name: s
    url: http://127.0.0.1:9000
    routes:
      - {name: a, paths: [/a]}
      - {name: b, paths: ['~/b/\\d+$']}
"""


@pytest.fixture
def check(tmp_path, capsys):
    def run(text, *args):
        path = tmp_path / "fastgate.yaml"
        path.write_text(text)
        code = main(["check", "-c", str(path), *args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_ok(check):
    assert check(GOOD) == (0, "OK: 1 service, 2 routes, 0 upstreams\n", "")


def test_a_budget_tells_what_follows_from_it(check):
    code, out, err = check(GOOD + "gateway: {workers: 2, memory_budget: 80MiB, limits: {token_cache: 77}}\n")
    assert (code, err) == (0, "")
    assert out.startswith("memory_budget 80 MiB with 2 reactors: ") and "\nlimits.token_cache: 77\n" in out
    assert out.endswith("\nOK: 1 service, 2 routes, 0 upstreams\n")


def test_a_budget_that_is_too_little(check):
    code, out, err = check(GOOD + "gateway: {workers: 2, memory_budget: 8MiB}\n")
    assert (code, out) == (1, "")
    assert "fastgate.yaml:8: gateway.memory_budget: 8 MiB is too little: with 2 reactors at least " in err


def test_writes_nothing(check, tmp_path):
    for path in (tmp_path / "access.log", tmp_path / "no-directory/access.log"):
        assert check(GOOD + f"gateway: {{access_log: {path}}}\n")[0] == 0
        assert not path.exists()


def test_every_error_with_its_line(check):
    code, out, err = check(GOOD.replace("url:", "utl:").replace("[/a]", "[7]"))
    assert (code, out) == (1, "")
    assert "fastgate.yaml:4: services[0].utl" in err and "fastgate.yaml:6:" in err
    assert err.rstrip().endswith(("2 errors", "3 errors"))


def test_a_bad_regex(check):
    code, out, err = check(GOOD.replace("\\d+$", "(?<=a+)"))
    assert (code, out) == (1, "") and "fastgate.yaml:7: services[0].routes[1].paths[0]: " in err and "lookbehind" in err


def test_not_yaml(check):
    code, out, err = check("a: [b")
    assert (code, out) == (1, "") and "fastgate.yaml" in err and "Traceback" not in err


def test_unknown_plugins(check):
    text = GOOD + "plugins: [{name: fly}]\n"
    code, _, err = check(text)
    assert code == 1 and "fly" in err
    code, out, err = check(text, "--allow-unknown-plugins")
    assert code == 0 and out.startswith("OK") and err.startswith("warning: ") and "fly" in err


def test_plugins_are_checked(check):
    code, out, err = check(GOOD + "plugins:\n- {name: rate-limiting, config: {minute: 0}}\n"
                                  "- {name: bot-detection, config: {deny: ['(a']}}\n")
    assert (code, out) == (1, "") and "fastgate.yaml:9: plugins[0].config.minute: " in err
    assert "fastgate.yaml:10: plugins[1].config.deny[0]: " in err and "parenthesis" in err
    code, out, err = check(GOOD + "consumers: [{username: a, acls: [{group: g}]}]\n")
    assert (code, out, err) == (0, "OK: 1 service, 2 routes, 0 upstreams, 1 consumer\n", "")


SECRET = "consumers:\n- username: a\n  jwt_secrets:\n  - key: k\n    algorithm: RS256\n    rsa_public_key: |\n"


def test_what_only_the_core_finds_wrong_has_its_line(check, tmp_path):
    path = tmp_path / "fastgate.yaml"
    text = GOOD.replace("{name: b,", "{plugins: [{name: request-transformer, config: {http_method: FLY}}], name: b,")
    code, out, err = check(text)
    assert (code, out) == (1, "")
    assert err.startswith(f'{path}:7: services[0].routes[1].plugins[0].config.http_method: "FLY" is no method')
    pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    text = GOOD + "plugins: [{name: jwt}]\n" + SECRET + "".join(f"      {line}\n" for line in pem.split("\n"))
    code, out, err = check(text)
    assert (code, out) == (1, "") and err.startswith(f"{path}:14: consumers[0].jwt_secrets[0].rsa_public_key: ")
