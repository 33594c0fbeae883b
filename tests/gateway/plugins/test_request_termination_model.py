"""request-termination against its model: many configurations, each at a host of its own, and requests as hypothesis likes."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugins import termination_model as model
from support.messages import Response
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

CHANCE = random.Random(2)
CONFIGS = [model.config_at_random(CHANCE) for _ in range(160)]


@pytest.fixture(scope="module")
def ended() -> Iterator[Site]:
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("request-termination", **config)]}
              for at, config in enumerate(CONFIGS)]
    with Origin(lambda connection: (connection.read(), connection.reply(b"through", status="299 Through"))) as origin:
        site = Site(config_of(service(origin, *routes)), origin)
        yield site
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


@pytest.fixture(scope="module")
def client(ended):
    return ended.connect()


def message_of(answer: Response) -> str:
    """In whichever form it is; with the request's id, or the test fails."""
    form = answer.get("content-type", "").partition(";")[0]
    text = answer.body.decode()
    if form == "application/json":
        told = json.loads(text)
        assert list(told) == ["message", "request_id"]
        message, request_id = told["message"], told["request_id"]
    elif form == "text/plain":
        message, _, request_id = text.removesuffix("\n").rpartition("\nrequest_id: ")
    else:
        pattern = {"text/html": r"<h1>(.*)</h1><p>Request id: (\w+)</p>",
                   "application/xml": r"<message>(.*)</message><requestid>(\w+)</requestid>"}[form]
        message, request_id = re.search(pattern, text).groups()
        message = html.unescape(message)
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    return message


FORMS = {None: "application/json", "application/json": "application/json", "*/*": "application/json", "image/png": "application/json",
         "text/html": "text/html", "application/xml": "application/xml", "text/plain": "text/plain"}
field_names = st.sampled_from(["x-end", "X-END", "end", "A_b", "X-A", "x-a", "X-B", "X-End2"])
values = st.sampled_from(["", "1", '"q"', "\\", "a, b", "two  words", "é", "\ttabbed \t"])
argument_names = st.sampled_from(["X-End", "x-end", "end", "a_b", "accept", "Accept", "a b", "é", "q", ""])
paths = st.lists(st.sampled_from([b"a", b"..", b".", b"", b"%41", b"%2f", b"X-End", b"b%20c", b'"', b"\\"]), max_size=5).map(
    lambda found: b"/" + b"/".join(found))


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), st.sampled_from(["GET", "GET", "HEAD", "PUT", "OPTIONS"]), paths,
       st.none() | st.lists(st.tuples(argument_names, st.none() | st.text(max_size=5)), max_size=4),
       st.lists(st.tuples(field_names, values), max_size=4), st.sampled_from(list(FORMS)), st.booleans())
def test_answers_are_the_models(ended, client, number, method, path, pairs, fields, accept, is_quoted):
    config = CONFIGS[number]
    query = None
    if pairs is not None:
        query = "&".join(quote_plus(name, safe="" if is_quoted else "-_") + ("" if value is None else "=" + quote_plus(value))
                         for name, value in pairs)
    host = f"R{number}.test:81"
    fields = [("Host", host), *fields, *([("Accept", accept)] if accept else [])]
    asked = model.Asked(method, host.partition(":")[0], ended.process.port, path, query, fields)
    head = method.encode() + b" " + path + (b"" if query is None else b"?" + query.encode()) + b" HTTP/1.1\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    before = len(ended.origin.requests)
    answer = client.ask(head + lines + b"\r\n", to_head=method == "HEAD")
    wanted = model.terminated(config, asked)
    if wanted is None:
        assert (answer.status, len(ended.origin.requests)) == (299, before + 1)
        return
    assert (answer.status, len(ended.origin.requests)) == (wanted.status, before)
    if wanted.status in model.BODILESS:
        assert answer.get("content-length") is None
        return
    form = wanted.body[0] if wanted.body else FORMS[accept] if wanted.message is not None else FORMS[None]
    assert answer.get("content-type") == form + ("" if wanted.body else "; charset=utf-8")
    if method == "HEAD":
        assert int(answer.get("content-length")) > 0
    elif wanted.body:
        assert answer.body == wanted.body[1]
    elif wanted.message is not None:
        assert message_of(answer) == wanted.message
    else:
        told = json.loads(answer.body)
        assert told.pop("kong")["worker_pid"] == ended.process.pid
        assert (told.pop("matched_route"), told.pop("matched_service")) == ({"name": f"r{number}"}, {"name": "service"})
        assert told == wanted.echo
