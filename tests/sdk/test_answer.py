"""What plugins see and change of answers, on calls made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from calls import Call
from fastgate._core.bridge import python_phase as core
from fastgate.sdk import Answer, PhaseError
from fastgate.sdk import answer as module


@pytest.fixture
def told(monkeypatch):
    """Stands for bridge.python_answer: what it is asked for, and what it is told at the end."""
    told = SimpleNamespace(status=404, is_own=False, fields=[("X-A", "1"), ("x-a", "2"), ("ETag", '"e"')], body=b"body", verdict=None)

    def let_answer_go(call, *verdict):
        told.verdict = verdict

    monkeypatch.setattr(module, "answers", SimpleNamespace(
        answer_head=lambda call: (told.status, told.is_own), answer_fields=lambda call: list(told.fields),
        answer_body=lambda call: told.body, let_answer_go=let_answer_go))
    return told


def test_reading(told):
    answer = Answer(Call(), "header_filter")
    assert (answer.status, answer.source, answer.header("x-A"), answer.header("x-b", "none")) == (404, "upstream", "1", "none")
    assert answer.headers == told.fields and repr(answer) == "<Answer 404>"
    told.is_own = True
    assert Answer(Call(), "log").source == "gateway"
    assert Answer(Call(), "body_filter").body == b"body"


def test_changes_are_seen_and_carried_out(told):
    answer = Answer(Call(), "body_filter")
    assert answer.header("x-a") == "1"
    answer.set_header("X-A", " 3 ")
    answer.add_header("X-A", "4")
    answer.clear_header("etag")
    answer.set_status(500)
    assert answer.headers == [("X-A", "3"), ("X-A", "4")] and answer.status == 500
    module.let_go(answer)
    assert told.verdict == (500, None, [(core.ANSWER_DROP, b"X-A", b""), (core.ANSWER_ADD, b"X-A", b"3"),
                                        (core.ANSWER_ADD, b"X-A", b"4"), (core.ANSWER_DROP, b"etag", b"")])


def test_no_changes(told):
    answer = Answer(Call(), "header_filter")
    module.let_go(answer)
    assert told.verdict == (0, None, None)


def test_another_body(told):
    answer = Answer(Call(), "body_filter")
    answer.set_header("ETag", '"before"')
    answer.set_body("\xe9")
    answer.set_header("Digest", "behind")
    assert answer.body == b"\xc3\xa9" and answer.header("etag") is None and answer.header("digest") == "behind"
    module.let_go(answer)
    status, body, changes = told.verdict
    assert (status, body) == (0, b"\xc3\xa9")
    assert changes[1] == (core.ANSWER_ADD, b"ETag", b'"before"') and changes.count((core.ANSWER_DROP, b"ETag", b"")) == 2
    assert changes[-1] == (core.ANSWER_ADD, b"Digest", b"behind")


@pytest.mark.parametrize("change", [
    lambda a: a.set_status(199), lambda a: a.set_status(600), lambda a: a.set_status("200"), lambda a: a.set_status(True),
    lambda a: a.set_header("Content-Length", "1"), lambda a: a.add_header("Transfer-Encoding", "chunked"),
    lambda a: a.clear_header("Connection"), lambda a: a.set_header("X-A", "a\r\nX-B: b"), lambda a: a.set_header("X A", "a"),
    lambda a: a.set_body(5), lambda a: a.set_body(None), lambda a: a.set_body(b"x" * (16 * 1024 * 1024 + 1)),
    lambda a: [a.add_header("X-A", "x" * 16000) for _ in range(3)],
])
def test_what_is_refused(told, change):
    with pytest.raises(ValueError):
        change(Answer(Call(), "body_filter"))


@pytest.mark.parametrize("status", [99, 600, "200"])
def test_a_status_that_was_assigned_is_checked_at_the_end(told, status):
    answer = Answer(Call(), "header_filter")
    answer._status = status
    with pytest.raises(ValueError, match="200 to 599"):
        module.let_go(answer)


CHANGES = {"set_status": (200,), "set_header": ("A", "b"), "add_header": ("A", "b"), "clear_header": ("A",), "set_body": ("b",)}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_for_filters(told, name):
    with pytest.raises(PhaseError, match=rf"response\.{name} is for .*body_filter; this is log"):
        getattr(Answer(Call(), "log"), name)(*CHANGES[name])
    call = Call()
    call.open = False
    with pytest.raises(PhaseError, match="the body_filter phase of this request is over"):
        getattr(Answer(call, "body_filter"), name)(*CHANGES[name])


def test_bodies_are_for_body_filter(told):
    answer = Answer(Call(), "header_filter")
    with pytest.raises(PhaseError, match="response.body is for body_filter; this is header_filter"):
        answer.body
    with pytest.raises(PhaseError, match="response.set_body is for body_filter; this is header_filter"):
        answer.set_body("x")


def test_when_it_is_over(told):
    call = Call()
    answer = Answer(call, "header_filter")
    call.open = False
    for name in ("status", "source", "headers"):
        with pytest.raises(PhaseError, match="is over"):
            getattr(answer, name)
    assert repr(answer) == "<Answer, over>"
