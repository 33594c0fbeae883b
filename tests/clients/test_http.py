"""The HTTP client against real servers: what it sends, what it refuses, what it says when there is no answer."""

import asyncio
import json
import logging
import subprocess
import sys
import threading

import pytest
from support.origin import Origin, answer

from fastgate.clients.http import HttpAnswer, HttpBounds, HttpClient, HttpError


@pytest.fixture
def origin():
    with Origin() as one:
        yield one
        one.check()


def asked(origin, *requests, bounds=HttpBounds(), **options):
    """The answers to these (method, path, options), one after the other, of one client."""
    async def ask():
        client = HttpClient(bounds, **options)
        try:
            return [await client.request(method, origin.url + path, **more) for method, path, more in requests]
        finally:
            await client.close()
    return asyncio.run(ask())


def error_of(origin, path="/", bounds=HttpBounds(), **options):
    with pytest.raises(HttpError) as caught:
        asked(origin, ("GET", path, options), bounds=bounds)
    return str(caught.value)


def test_a_request_goes_out_as_it_is_given(origin):
    [found] = asked(origin, ("POST", "/a/b?c=d%20e", {"headers": {"X-One": "1", "X-Two": "2"}, "content": "body"}))
    seen = found.json()
    assert found.status == 200 and found.headers["content-type"] == "application/json"
    assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/a/b?c=d%20e", "body")
    fields = {name.lower(): value for name, value in seen["headers"]}
    assert (fields["x-one"], fields["x-two"], fields["content-length"]) == ("1", "2", "4")
    assert fields["accept-encoding"] == "identity" and fields["user-agent"].startswith("fastgate/")


def test_what_is_no_json_is_a_value_error():
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError):
            HttpAnswer(200, {}, body).json()


def test_a_connection_is_used_again(origin):
    found = asked(origin, *[("GET", f"/{number}", {}) for number in range(5)])
    assert [json.loads(one.body)["connection"] for one in found] == [0] * 5


def test_no_more_connections_than_allowed_are_opened(origin):
    gate = threading.Event()

    def held(connection):
        connection.read()
        gate.wait(30)
        connection.reply(b"ok")

    origin.script = held

    async def ask():
        client = HttpClient(HttpBounds(connections=2))
        asks = [asyncio.ensure_future(client.get(origin.url)) for _ in range(6)]
        for _ in range(2):
            await asyncio.to_thread(origin.next_request)
        gate.set()
        answers = await asyncio.gather(*asks)
        await client.close()
        return answers

    assert [one.status for one in asyncio.run(ask())] == [200] * 6
    assert len(origin.connections) == 2


def test_an_answer_that_is_too_long_is_refused_whether_it_says_so_or_not(origin):
    for script in (answer(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11),
                   answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n")):
        origin.script = script
        assert "more than 10 bytes" in error_of(origin, bounds=HttpBounds(answer_bytes=10))
        assert asked(origin, ("GET", "/", {}), bounds=HttpBounds(answer_bytes=11))[0].body == b"x" * 11


def test_a_compressed_answer_is_not_unpacked(origin):
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")
    assert asked(origin, ("GET", "/", {}))[0].body == b"abcd"


def test_a_server_that_says_nothing_is_given_up(origin):
    origin.script = lambda connection: connection.wait_end()
    message = error_of(origin, "/private?token=secret", timeout_s=0.05)
    assert message == f"{origin.url}: no answer within 0.05 s"


def test_errors_name_the_server_and_nothing_secret(origin):
    origin.script = answer(b"no HTTP\r\n\r\n", then_close=True)
    address = origin.url.removeprefix("http://")
    for path in ("/private?token=secret",):
        message = error_of(origin, path)
        assert address in message and "secret" not in message and "private" not in message
    origin.close()
    assert error_of(origin).startswith(f"http://{address}: ")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "nonsense", "http://[::1", "http://127.0.0.1:99999/"])
def test_what_is_no_http_url_is_an_error(url):
    async def ask():
        client = HttpClient()
        with pytest.raises(HttpError):
            await client.get(url)
        await client.close()
    asyncio.run(ask())


def test_redirects_are_answers_unless_they_are_to_be_followed(origin):
    def script(connection):
        request = connection.read()
        if request.target == "/old":
            connection.reply(b"", "Location: /new", status="302 Found")
        else:
            connection.reply(request.target.encode())

    origin.script = script
    plain, followed = asked(origin, ("GET", "/old", {}), ("GET", "/old", {"follow_redirects": True}))
    assert (plain.status, plain.headers["location"]) == (302, "/new")
    assert (followed.status, followed.text) == (200, "/new")


def test_a_closed_client_says_so(origin):
    async def ask(first):
        client = HttpClient()
        if first:
            await client.get(origin.url)
        await client.close()
        with pytest.raises(HttpError, match="closed"):
            await client.get(origin.url)
    asyncio.run(ask(first=False))
    asyncio.run(ask(first=True))


@pytest.mark.parametrize("use", [lambda client: client.get("https://127.0.0.1:1/"), HttpClient.open])
def test_certificates_that_cannot_be_read_are_named(tmp_path, use):
    async def ask():
        client = HttpClient(ca_file=str(tmp_path / "none.pem"))
        with pytest.raises(HttpError, match=r"none\.pem"):
            await use(client)
        await client.close()
    asyncio.run(ask())


def test_one_that_gives_up_leaves_the_others_their_client(origin):
    async def ask():
        client = HttpClient()
        first = asyncio.ensure_future(client.get(origin.url))
        second = asyncio.ensure_future(client.get(origin.url))
        await asyncio.sleep(0)
        first.cancel()
        found = await second
        await client.close()
        return found
    assert asyncio.run(ask()).status == 200


def test_urls_are_not_logged(origin, caplog):
    with caplog.at_level(logging.DEBUG):
        asked(origin, ("GET", "/?token=secret", {"headers": {"Authorization": "secret"}}))
    assert "secret" not in caplog.text


@pytest.mark.parametrize("more, is_there", [
    ("fastgate.clients.http.HttpClient()", False), ("asyncio.run(fastgate.clients.http.HttpClient().open())", True)])
def test_httpx_is_imported_when_opened_or_asked_only(more, is_there):
    code = f"import asyncio, sys, fastgate.clients.http; {more}; print('httpx' in sys.modules, 'httpcore' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == f"{is_there} {is_there}\n"
