"""Sockets clients connect to: spread over reactors, refused with a reason, cleaned up."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from fastgate.control.listeners import ListenError, adopt_listener, open_listener, open_listeners


def connect(listener):
    if listener.is_unix:
        client = socket.socket(socket.AF_UNIX)
        client.connect(listener.address.removeprefix("unix:"))
        return client
    return socket.create_connection(("::1" if "[" in listener.address else "127.0.0.1", listener.port))


def accepted(listener):
    """Which of the listener's sockets have a connection waiting."""
    found = []
    for number, listening in enumerate(listener.sockets):
        try:
            while True:
                listening.accept()[0].close()
                found.append(number)
        except BlockingIOError:
            pass
    return found


def test_one_socket_per_reactor_on_one_port():
    listener = open_listener("127.0.0.1:0", 3)
    try:
        assert len(listener.filenos()) == 3
        assert {s.getsockname() for s in listener.sockets} == {("127.0.0.1", listener.port)}
        assert listener.port and listener.address == f"127.0.0.1:{listener.port}"
        assert not listener.is_shared and not listener.is_unix
        assert not any(s.getblocking() for s in listener.sockets)
        clients = [connect(listener) for _ in range(60)]
        queues = accepted(listener)
        assert len(queues) == 60 and set(queues) == {0, 1, 2}
        for client in clients:
            client.close()
    finally:
        listener.close()


def test_ipv6_leaves_the_ipv4_port_alone():
    six = open_listener("[::]:0", 1)
    try:
        four = open_listener(f"0.0.0.0:{six.port}", 1)
        four.close()
        connect(six).close()
        assert accepted(six) == [0]
    finally:
        six.close()


def test_accepted_sockets_inherit_nodelay():
    listener = open_listener("127.0.0.1:0", 1)
    try:
        with connect(listener):
            taken = listener.sockets[0].accept()[0]
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            taken.close()
    finally:
        listener.close()


def test_address_in_use_even_by_a_reuseport_listener():
    first = open_listener("127.0.0.1:0", 2)
    try:
        with pytest.raises(ListenError, match=f"address in use: 127.0.0.1:{first.port} "):
            open_listener(f"127.0.0.1:{first.port}", 2)
        with pytest.raises(ListenError, match="address in use"):
            open_listener(f"0.0.0.0:{first.port}", 2)
    finally:
        first.close()
    open_listener(f"127.0.0.1:{first.port}", 2).close()


def test_all_or_none():
    busy = open_listener("127.0.0.1:0", 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with pytest.raises(ListenError):
        open_listeners([f"127.0.0.1:{free}", f"127.0.0.1:{busy.port}"], 1)
    busy.close()
    open_listener(f"127.0.0.1:{free}", 1).close()       # the first one was closed again


@pytest.mark.parametrize("address, reason", [
    ("203.0.113.7:0", "this machine has no such address"),
    ("no-such-host.invalid:80", "is no address of this machine"),
])
def test_reasons(address, reason):
    with pytest.raises(ListenError, match=reason):
        open_listener(address, 1)


def test_low_port_without_the_capability():
    """In a child that gives up root: what an ordinary user sees."""
    if os.geteuid() != 0 or int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read()) <= 80:
        pytest.skip("needs root, and ports below 1024 to be privileged")
    code = ("import encodings.idna, os; from fastgate.control.listeners import *\nos.setgid(65534); os.setuid(65534)\n"
            "try: open_listener('127.0.0.1:81', 1)\nexcept ListenError as e: print(e)")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ports below 1024" in out.stdout and "CAP_NET_BIND_SERVICE" in out.stdout


def test_unix_socket(tmp_path):
    listener = open_listener(f"unix:{tmp_path}/proxy.sock", 4)
    assert listener.is_shared and listener.is_unix and listener.port == 0 and len(listener.sockets) == 1
    assert stat.S_IMODE(os.stat(tmp_path / "proxy.sock").st_mode) == 0o666
    connect(listener).close()
    assert accepted(listener) == [0]
    with pytest.raises(ListenError, match="address in use"):
        open_listener(f"unix:{tmp_path}/proxy.sock", 1)
    listener.close()
    assert not (tmp_path / "proxy.sock").exists()


def test_stale_unix_socket_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "proxy.sock"))
        killed.listen()
    listener = open_listener(f"unix:{tmp_path}/proxy.sock", 1)
    connect(listener).close()
    listener.close()


def test_a_file_is_not_taken_for_a_stale_socket(tmp_path):
    (tmp_path / "precious").write_text("data")
    with pytest.raises(ListenError, match="a file which is no socket"):
        open_listener(f"unix:{tmp_path}/precious", 1)
    assert (tmp_path / "precious").read_text() == "data"


def test_close_leaves_somebody_elses_unix_socket(tmp_path):
    listener = open_listener(f"unix:{tmp_path}/proxy.sock", 1)
    os.unlink(tmp_path / "proxy.sock")
    other = open_listener(f"unix:{tmp_path}/proxy.sock", 1)
    listener.close()
    connect(other).close()
    other.close()


def test_unix_path_too_long(tmp_path):
    with pytest.raises(ListenError, match="too long"):
        open_listener(f"unix:{tmp_path}/{'x' * 120}", 1)


def test_adopt_inherited():
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        listener = adopt_listener(inherited)
        assert listener.is_shared and listener.port == inherited.getsockname()[1]
        assert not inherited.getblocking()


def test_adopt_refuses_what_does_not_listen():
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        for wrong in (stream, datagram):
            with pytest.raises(ListenError, match="ListenStream="):
                adopt_listener(wrong)
