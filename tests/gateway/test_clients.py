"""Real clients and a real upstream: curl, requests, httpx, nginx."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time

import httpx
import pytest
import requests

from support.client import get
from support.origin import answer, pattern, sizes
from support.process import reserve_port
from support.site import config_of

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def curl(site, *args: str, path: str = "/") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["curl", "-sS", "--max-time", "20", *args, site.process.url + path], capture_output=True, check=False)


@needs_curl
def test_curl_gets(site):
    run = curl(site, "-i", path="/hello?x=1")
    assert run.returncode == 0, run.stderr
    head, _, body = run.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["target"] == "/hello?x=1"


@needs_curl
@pytest.mark.parametrize("args", [["-d", "a=b"], ["-T", "-", "-X", "POST"], ["-H", "Expect: 100-continue", "-d", "x"],
                                  ["-X", "PUT", "-d", ""], ["--http1.0", "-d", "z"], ["-H", "Transfer-Encoding: chunked", "-d", "y"]])
def test_curl_sends_bodies(site, args):
    run = subprocess.run(["curl", "-sS", "--max-time", "20", *args, site.process.url + "/"], input=b"from stdin",
                         capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    expected = "from stdin" if "-T" in args else args[-1]
    assert json.loads(run.stdout)["body"] == expected


@needs_curl
def test_curl_head(site):
    run = curl(site, "-I")
    assert run.returncode == 0 and run.stdout.startswith(b"HTTP/1.1 200")


@needs_curl
def test_curl_uploads_a_large_file(site, tmp_path):
    site.origin.script = lambda c: c.reply(str(len(c.read().body)).encode())
    path = tmp_path / "large"
    path.write_bytes(pattern(20_000_000))
    run = curl(site, "-T", str(path))
    assert (run.returncode, run.stdout) == (0, b"20000000"), run.stderr


@needs_curl
def test_curl_reuses_its_connection(site):
    urls = [f"{site.process.url}/{n}" for n in range(5)]
    run = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{num_connects} ", *urls], capture_output=True, check=False)
    assert run.stdout.split()[:1] == [b"1"] and run.stdout.split().count(b"1") == 1


def test_requests_session(site):
    with requests.Session() as session:
        for number in range(20):
            answered = session.post(f"{site.process.url}/{number}", json={"n": number}, timeout=20).json()
            assert json.loads(answered["body"]) == {"n": number}
            assert answered["target"] == f"/{number}"


def test_requests_streams_a_generator(site):
    answered = requests.post(site.process.url, data=(b"x" * 1000 for _ in range(100)), timeout=20).json()
    assert answered["body"] == "x" * 100_000


def test_requests_reads_chunks(site):
    site.origin.script = sizes
    answered = requests.get(f"{site.process.url}/chunked/1000000", timeout=20)
    assert answered.content == pattern(1_000_000)


def test_requests_and_a_redirect(site):
    def script(connection):
        request = connection.read()
        if request.target == "/from":
            connection.reply(b"", f"Location: {site.process.url}/to", status="302 Found")
        else:
            connection.reply(request.target.encode())

    site.origin.script = script
    assert requests.get(f"{site.process.url}/from", timeout=20).text == "/to"


def test_httpx_many_at_once(site):
    limits = httpx.Limits(max_connections=20)
    with httpx.Client(limits=limits, timeout=20) as client:
        for number in range(50):
            assert client.get(f"{site.process.url}/{number}").json()["target"] == f"/{number}"


def test_httpx_streams(site):
    site.origin.script = sizes
    with httpx.stream("GET", f"{site.process.url}/length/5000000", timeout=20) as streamed:
        assert sum(len(piece) for piece in streamed.iter_bytes()) == 5_000_000


def test_gzip_passes_untouched(site):
    import gzip
    packed = gzip.compress(pattern(100_000))
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    answered = requests.get(site.process.url, timeout=20)
    assert answered.content == pattern(100_000)


@pytest.fixture
def nginx(tmp_path):
    """An nginx that serves files and proxies nothing; its port."""
    reserved = reserve_port()
    port = reserved.getsockname()[1]
    (tmp_path / "file.txt").write_bytes(pattern(1_000_000))
    config = tmp_path / "nginx.conf"
    config.write_text(f"""
        daemon off; master_process off; error_log stderr; pid {tmp_path}/pid;
        events {{ worker_connections 256; }}
        http {{
            access_log off; client_body_temp_path {tmp_path}; proxy_temp_path {tmp_path}; fastcgi_temp_path {tmp_path};
            uwsgi_temp_path {tmp_path}; scgi_temp_path {tmp_path};
            server {{
                listen 127.0.0.1:{port}; root {tmp_path};
                location = /hello {{ return 200 "hello $request_method\\n"; }}
                location = /none {{ return 204; }}
                location = /loop {{ return 302 /hello; }}
            }}
        }}""")
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.PIPE)
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
    yield port
    process.terminate()
    process.wait(10)
    process.stderr.close()
    reserved.close()


@needs_nginx
def test_nginx_as_upstream(open_site, nginx):
    site = open_site(config_of({"name": "n", "url": f"http://127.0.0.1:{nginx}",
                                "routes": [{"name": "n", "paths": ["/"], "strip_path": False}]}))
    client = site.connect()
    assert client.ask(get("/hello")).body == b"hello GET\n"
    assert client.ask(get("/hello", method="HEAD"), to_head=True).get("content-length") == "11"
    assert client.ask(get("/none")).status == 204
    assert client.ask(get("/loop")).status == 302
    whole = client.ask(get("/file.txt"))
    assert whole.body == pattern(1_000_000)
    assert client.ask(get("/file.txt", f"If-None-Match: {whole.get('etag')}")).status == 304
    part = client.ask(get("/file.txt", "Range: bytes=100-199"))
    assert (part.status, part.body) == (206, pattern(1_000_000)[100:200])
    assert client.ask(get("/missing")).status == 404
    assert client.ask(get("/hello", method="POST", body=b"x" * 100)).body == b"hello POST\n"
    assert whole.get("server", "").startswith("nginx")
