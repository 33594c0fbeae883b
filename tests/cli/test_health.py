"""`fastgate health`: exit code 0 for a gateway that takes requests, 1 for anything else."""

from fastgate.cli.main import main

EMPTY = {"services": []}


def test_a_gateway_that_runs(gateway, capsys):
    running = gateway(EMPTY)
    assert main(["health", "-c", str(running.config_path), "--control-socket", running.control_path]) == 0
    assert capsys.readouterr().out.startswith("ready: fastgate ")


def test_one_that_ends_is_not_well(gateway, capsys, monkeypatch):
    running = gateway(EMPTY)
    monkeypatch.setattr("fastgate.control.control_client.send_command",
                        lambda *_: running.command("info") | {"state": "draining"})
    assert main(["health", "--control-socket", running.control_path]) == 1
    assert capsys.readouterr().out.startswith("draining: ")


def test_none_at_all(tmp_path, capsys):
    assert main(["health", "--control-socket", str(tmp_path / "none.sock")]) == 1
    assert "fastgate health: no gateway answers" in capsys.readouterr().err
