"""`fastgate demo` as a user runs it: what it prints works."""

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

import pytest
from fastgate.cli.main import main
from support.process import SOURCE, Stream
from websockets.sync.client import connect


@pytest.fixture
def demo(tmp_path):
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]),
                            "TMPDIR": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, "-m", "fastgate", "demo"], env=environ, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.out, process.err = Stream(process.stdout), Stream(process.stderr)
    process.hints = process.out.wait_for("Ctrl-C ends the demo", 20)
    yield process
    process.kill()
    process.wait()


def curl(line):
    words = shlex.split(line, comments=True)
    return subprocess.run([words[0], "-sS", "-m", "20", *words[1:]], capture_output=True, text=True, check=True).stdout


def test_what_it_prints_works_and_nothing_stays(demo, tmp_path):
    lines = [line.strip() for line in demo.hints.splitlines() if line.strip().startswith("curl ")]
    assert len(lines) == 6
    get, strip, beta, post, stream, metrics = lines
    assert {'"upstream": "one"' in curl(get) for _ in range(4)} == {True, False}
    assert '"path": "/users"' in curl(strip)
    assert all('"upstream": "two"' in curl(beta) for _ in range(3))
    assert '"data": "hello"' in curl(post)
    assert curl(stream).count("data: event") == 5
    assert "fastgate_" in curl(metrics)

    with connect(re.search(r"ws://\S+/ws", demo.hints)[0]) as client:
        client.send("hello")
        assert client.recv() == "hello"

    stream_url = shlex.split(stream, comments=True)[-1]
    under_way = subprocess.Popen(["curl", "-sN", stream_url], stdout=subprocess.PIPE)
    assert under_way.stdout.readline()          # it may be cut off: nothing is said of that

    config = re.search(r"configuration is (\S+):", demo.hints)[1]
    assert os.path.exists(config)
    demo.send_signal(signal.SIGINT)
    under_way.stdout.close()
    assert demo.wait(20) == 0
    under_way.wait(20)
    demo.err.join(5)
    assert demo.err.text() == ""
    assert not os.path.exists(config) and os.listdir(tmp_path) == []


def test_without_a_folder_for_its_configuration(monkeypatch, capsys):
    """A container's, say, whose root is read-only."""
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == "fastgate demo: no folder for its configuration: No usable temporary directory found; $TMPDIR names one\n"
