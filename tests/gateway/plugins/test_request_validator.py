"""request-validator in whole gateways: bodies, parameters, types, and what clients are told."""

from __future__ import annotations

import json

import pytest

from gateway.plugins.python_site import PATIENT
from support.client import get
from support.origin import echo
from support.site import config_of, plugin, service

SCHEMA = {"type": "object", "required": ["name"], "additionalProperties": False,
          "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer"}}}
BAD_BODY = "request body doesn't conform to schema"
BAD_PARAMETER = "request param doesn't conform to schema"
BAD_TYPE = "specified Content-Type is not allowed"


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def site_with(open_site, origin, **config):
    return open_site(config_of(service(origin), plugins=[plugin("request-validator", **config)], gateway={"python": PATIENT}), origin)


def post(body, content_type="application/json", *fields, path="/"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    typed = [f"Content-Type: {content_type}"] if content_type else []
    return get(path, *typed, *fields, f"Content-Length: {len(data)}", method="POST") + data


def told(answer):
    return answer.status, json.loads(answer.body)["message"] if answer.status == 400 else None


def test_bodies(open_site, origin):
    site = site_with(open_site, origin, body_schema=json.dumps(SCHEMA), version="draft4")
    client = site.connect()
    good = client.ask(post({"name": "ann", "age": 3}))
    assert good.status == 200 and json.loads(json.loads(good.body)["body"]) == {"name": "ann", "age": 3}
    for body in ({}, {"name": 1}, {"name": "toolong"}, {"name": "ann", "more": 1}, [], b"", b"{", b'{"name": "a", "name": "b"}',
                 b'{"name": "\xff"}'):
        assert told(client.ask(post(body))) == (400, BAD_BODY), body
    assert len(origin.requests) == 1
    assert site.metrics()['fastgate_plugin_request_validator_refusals_total{what="body"}'] == 9


def test_a_chunked_body_is_the_same(open_site, origin):
    site = site_with(open_site, origin, body_schema=SCHEMA, version="draft7")
    for body, status in ((b'{"name": "ann"}', 200), (b'{"name": 123456}', 400)):
        head = get("/", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
        assert site.ask(head + chunks).status == status


def test_a_schema_of_kongs(open_site, origin):
    site = site_with(open_site, origin, body_schema='[{"name": {"type": "string", "required": true}}]')
    assert site.ask(post({"name": "ann"})).status == 200
    assert told(site.ask(post({"name": 1}))) == (400, BAD_BODY)


@pytest.mark.parametrize("strict, allowed, given, status", [
    (True, ["application/json"], "application/json", 200), (True, ["application/json"], "Application/JSON; charset=utf-8", 200),
    (True, ["application/json"], "text/plain", 400), (True, ["application/json"], "", 400),
    (True, ["application/json; charset=utf-8"], "application/json", 400),
    (True, ["application/json; charset=utf-8"], 'application/json; charset="UTF-8"; x=1', 200),
    (False, ["application/json; charset=utf-8"], "application/json", 200),
    (True, ["application/*"], "application/problem+json", 200), (True, ["*/*"], "application/json", 200)])
def test_content_types(open_site, origin, strict, allowed, given, status):
    site = site_with(open_site, origin, body_schema=SCHEMA, version="draft4", allowed_content_types=allowed,
                     content_type_parameter_validation=strict)
    assert told(site.ask(post({"name": "ann"}, given))) == (status, None if status == 200 else BAD_TYPE)


def test_a_body_of_another_type_that_is_allowed_is_not_looked_at(open_site, origin):
    site = site_with(open_site, origin, body_schema=SCHEMA, version="draft4", allowed_content_types=["application/*", "text/xml"])
    assert site.ask(post(b"<name/>", "text/xml")).status == 200
    assert told(site.ask(post(b"<name/>", "application/merge-patch+json"))) == (400, BAD_BODY)


PARAMETERS = [
    {"in": "query", "name": "page", "required": True, "schema": '{"type": "integer", "minimum": 1}'},
    {"in": "query", "name": "tag", "schema": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}},
    {"in": "query", "name": "ids", "style": "pipeDelimited", "schema": {"type": "array", "items": {"type": "integer"}}},
    {"in": "header", "name": "X-Flag", "schema": {"type": "boolean"}},
    {"in": "header", "name": "X-List", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
    {"in": "path", "name": "user", "schema": {"type": "integer"}}]


@pytest.mark.parametrize("target, fields, status", [
    ("/users/7?page=1", [], 200), ("/users/7", [], 400), ("/users/7?page=0", [], 400), ("/users/7?page=x", [], 400),
    ("/users/7?page=1&page=2", [], 400), ("/users/ann?page=1", [], 400), ("/other?page=1", [], 400),
    ("/users/7?page=1&tag=1&tag=2", [], 200), ("/users/7?page=1&tag=1&tag=2&tag=3", [], 400), ("/users/7?page=1&tag=a", [], 400),
    ("/users/7?page=1&ids=1%7C2", [], 200), ("/users/7?page=1&ids=1%7Cx", [], 400), ("/users/7?page=01", [], 400),
    ("/users/7?page=1", ["x-flag: true"], 200), ("/users/7?page=1", ["X-Flag: yes"], 400),
    ("/users/7?page=1", ["X-List: a, b"], 200), ("/users/7?page=1", ["X-List: a,c"], 400)])
def test_parameters(open_site, origin, target, fields, status):
    site = site_with(open_site, origin, parameter_schema=PARAMETERS, path_template="/users/{user}")
    assert told(site.ask(get(target, *fields))) == (status, None if status == 200 else BAD_PARAMETER)


def test_a_verbose_answer_says_where_and_what(open_site, origin):
    site = site_with(open_site, origin, body_schema=SCHEMA, version="draft4", verbose_response=True,
                     parameter_schema=[{"in": "query", "name": "page", "schema": {"type": "integer"}}])
    answer = json.loads(site.ask(post({"name": "ann", "age": "old"})).body)
    assert answer == {"message": BAD_BODY, "errors": [{"path": "$.age", "message": "'old' is not of type 'integer'"}]}
    answer = json.loads(site.ask(get("/?page=x")).body)
    assert answer == {"message": BAD_PARAMETER, "errors": [{"path": "query.page", "message": "'x' is not of type 'integer'"}]}


def test_a_body_beyond_the_limit_is_413(open_site, origin):
    site = site_with(open_site, origin, body_schema=SCHEMA, version="draft4", body_limit=100)
    assert site.ask(post({"name": "x" * 200})).status == 413
