"""Socket activation: the ports are somebody else's, and stay open when the gateway goes."""

import os
import socket
import subprocess
import sys

import requests
from support.held_upstream import to
from support.process import write_config

LAUNCH = ("import os, sys\nos.environ['LISTEN_PID'] = str(os.getpid())\n"
          "os.execv(sys.executable, [sys.executable, '-m', 'fastgate', *sys.argv[1:]])")


def test_handed_over_sockets(gateway, upstream, tmp_path):
    """Two gateways one after the other behind the same sockets: what connects in between waits."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.create_server(("127.0.0.1", 0)) as status, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(20)
        url, status_url = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in (proxy, status))
        config = tmp_path / "fastgate.json"
        write_config(config, to(upstream.url))
        environ = os.environ | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:status", "RUNTIME_DIRECTORY": str(tmp_path),
                                "NOTIFY_SOCKET": str(tmp_path / "notify")}
        from support.process import SOURCE

        environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])

        def hand_over():
            kept = [os.dup(proxy.fileno()), os.dup(status.fileno())]
            for fd, wanted in zip(kept, (3, 4)):
                os.dup2(fd, wanted)

        def start():
            started = subprocess.Popen([sys.executable, "-c", LAUNCH, "run", "-c", str(config), "--workers", "2"],
                                       preexec_fn=hand_over, close_fds=False, env=environ, stderr=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL)
            while b"READY=1" not in notify.recv(4096):
                pass
            return started

        first = start()
        assert requests.get(url).text == "answer"
        assert requests.get(status_url + "/status").status_code == 200
        first.terminate()
        assert b"handed over by systemd" in first.communicate(timeout=20)[1] and first.returncode == 0

        waiting = socket.create_connection(proxy.getsockname())
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        second = start()
        waiting.settimeout(10)
        assert waiting.makefile("rb").read().endswith(b"answer")
        waiting.close()
        second.terminate()
        second.communicate(timeout=20)
        assert second.returncode == 0
