"""The control socket between a real server and the client the CLI uses."""

import asyncio
import json
import os
import socket
import stat
import threading

import pytest

from fastgate.control.control_client import (
    ControlError, find_socket, runtime_directory, send_command, socket_name, socket_path)
from fastgate.control.control_socket import ControlSocket, ControlSocketError


asked = threading.Event()


async def hello(who: str = "") -> dict:
    asked.set()
    return {"ok": True, "errors": [], "warnings": [], "said": f"hello {who}".rstrip()}


async def broken() -> dict:
    raise KeyError("oops")


@pytest.fixture
def serving(tmp_path):
    """A ControlSocket on a loop of its own thread; its path."""
    loop = asyncio.new_event_loop()
    control = ControlSocket(str(tmp_path / "run" / "c.sock"), {"hello": hello, "broken": broken})
    control.take()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(control.open(), loop).result(5)

    async def close():
        control.close()

    def end():
        asyncio.run_coroutine_threadsafe(close(), loop).result(5)

    control.end = end
    yield control
    end()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_command_and_its_answer(serving):
    assert send_command(serving.path, "hello", 5)["said"] == "hello"


def test_only_the_owner_may_connect(serving):
    assert stat.S_IMODE(os.stat(serving.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(serving.path)).st_mode) == 0o700


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"command": "fly"}', b'{"command": []}', b"\xff"])
def test_not_understood(serving, line):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(serving.path)
        client.sendall(line + b"\n" + b'{"command": "hello"}\n')
        with client.makefile("rb") as stream:
            answer = json.loads(stream.readline())
            assert not answer["ok"] and "broken, hello" in answer["errors"][0]
            assert json.loads(stream.readline())["said"] == "hello"


def test_a_line_without_end_is_cut(serving):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(serving.path)
        with pytest.raises(OSError):
            client.sendall(b"x" * 1_000_000)
            client.recv(1)
    assert send_command(serving.path, "hello", 5)["ok"]


def test_a_failing_command_answers(serving, caplog):
    answer = send_command(serving.path, "broken", 5)
    assert not answer["ok"] and "KeyError" in answer["errors"][0]
    assert "the command broken failed" in caplog.text


def test_waiting_for_the_end(serving):
    answers = []
    asked.clear()
    thread = threading.Thread(target=lambda: answers.append(send_command(serving.path, "hello", 5, wait_for_end=True)))
    thread.start()
    assert asked.wait(5)
    assert send_command(serving.path, "hello", 5)["ok"] and not answers
    serving.end()
    thread.join(5)
    assert answers[0]["ok"]
    assert not os.path.exists(serving.path) and not os.path.exists(serving.path + ".lock")


def test_a_second_gateway_is_refused_while_the_first_lives(serving):
    with pytest.raises(ControlSocketError, match="another gateway is running"):
        ControlSocket(serving.path, {}).take()
    assert send_command(serving.path, "hello", 5)["ok"]
    serving.end()
    second = ControlSocket(serving.path, {})
    second.take()
    second.close()


def test_what_a_killed_gateway_left_is_replaced(tmp_path):
    path = str(tmp_path / "c.sock")
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(path)
    open(path + ".lock", "w").close()

    async def again():
        control = ControlSocket(path, {"hello": hello})
        control.take()
        await control.open()
        answer = await asyncio.to_thread(send_command, path, "hello", 5)
        control.close()
        return answer

    assert asyncio.run(again())["ok"]


def test_path_follows_from_the_real_path(tmp_path, monkeypatch):
    (tmp_path / "real.yaml").write_text("")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    monkeypatch.chdir(tmp_path)
    names = {socket_name("real.yaml"), socket_name("link.yaml"), socket_name(str(tmp_path / "real.yaml"))}
    assert len(names) == 1 and len(names.pop()) == len("fastgate-") + 12 + len(".sock")
    assert socket_name("other.yaml") != socket_name("real.yaml")


def test_where_it_is_put(monkeypatch):
    assert runtime_directory({"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/x"}) == "/run/a"
    assert runtime_directory({"XDG_RUNTIME_DIR": "/x"}) == "/x"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert runtime_directory({}) == "/run"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert runtime_directory({}) == "/tmp/fastgate-1000"
    assert socket_path("x.yaml", "/elsewhere.sock", {}) == "/elsewhere.sock"


def test_finding_it(tmp_path, monkeypatch):
    config = tmp_path / "fastgate.yaml"
    config.write_text("gateway: {control_socket: %s}\nroutes: [{paths: 7}]\n" % (tmp_path / "mine.sock"))
    environ = {"RUNTIME_DIRECTORY": str(tmp_path / "runtime")}
    with pytest.raises(ControlError, match=f"no running gateway found for {config} .*runtime/{socket_name(str(config))}"):
        find_socket(str(config), environ)
    config.write_text("gateway: {control_socket: %s}\nroutes: [\n" % (tmp_path / "mine.sock"))
    with pytest.raises(ControlError, match=f"no running gateway found for {config} .* {config}:2: not valid YAML"):
        find_socket(str(config), environ)
    config.write_text("gateway: {control_socket: %s}\nroutes: [{paths: 7}]\n" % (tmp_path / "mine.sock"))
    (tmp_path / "mine.sock").touch()
    assert find_socket(str(config), environ) == str(tmp_path / "mine.sock")
    (tmp_path / "runtime").mkdir()
    automatic = tmp_path / "runtime" / socket_name(str(config))
    automatic.touch()
    assert find_socket(str(config), environ) == str(automatic)


def test_nobody_there(tmp_path):
    with pytest.raises(ControlError, match="no gateway answers"):
        send_command(str(tmp_path / "none.sock"), "hello", 1)


def test_somebody_elses_directory_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to make a directory that is somebody else's")
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(ControlSocketError, match="belongs to another user"):
        ControlSocket(str(tmp_path / "c.sock"), {}).take()


def test_arguments_are_given_and_wrong_ones_are_said(serving):
    assert send_command(serving.path, "hello", 5, arguments={"who": "you"})["said"] == "hello you"
    answer = send_command(serving.path, "hello", 5, arguments={"whom": "you"})
    assert not answer["ok"] and '"arguments" it takes' in answer["errors"][0]
