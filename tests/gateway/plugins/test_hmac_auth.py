"""hmac-auth with real clients: signatures made here by Python's hmac, and everything that spoils one."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from email.utils import formatdate

import pytest

from support.client import get
from support.identity import alice, assert_refused, bob, identity, nobody, told
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

UNVERIFIABLE = "HMAC signature cannot be verified"
UNLIKE = "HMAC signature does not match"
NO_DATE = "HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication"
LONG = "long secret " * 20
USERS = [alice(hmacauth_credentials=[{"username": "alice", "secret": "s3cret"}, {"username": "long", "secret": LONG}]),
         bob(hmacauth_credentials=[{"username": "bob", "secret": "other"}]), nobody()]


class Signed:
    """A request with its signature, made in the order a client would; change a part to spoil it."""

    def __init__(self, target="/x?q=1", method="GET", names="date request-line", fields=(), user="alice", secret="s3cret",
                 algorithm="hmac-sha256", age=0.0, date="Date", digest=None, text=None) -> None:
        self.target, self.method = target, method
        self.fields = [f"{date}: {formatdate(time.time() - age, usegmt=True)}", *fields]
        self.line = f"{method} {target} HTTP/1.1"
        signing = text if text is not None else "\n".join(self._part(name) for name in names.split())
        made = hmac.new(secret.encode(), signing.encode(), digest or getattr(hashlib, algorithm.removeprefix("hmac-")))
        self.signature = b64encode(made.digest()).decode()
        self.value = f'hmac username="{user}", algorithm="{algorithm}", headers="{names}", signature="{self.signature}"'

    def _part(self, name: str) -> str:
        if name == "request-line":
            return self.line
        if name == "@request-target":
            return f"@request-target: {self.method.lower()} {self.target}"
        values = [line.partition(":")[2].strip() for line in ["Host: test", *self.fields]
                  if line.partition(":")[0].lower() == name.lower()]
        return f"{name}: {', '.join(values)}" if values else f"{name}:"

    def bytes(self, *more: str, field: str = "Authorization", value: str | None = None) -> bytes:
        return get(self.target, f"{field}: {value or self.value}", *self.fields, *more, method=self.method)


@pytest.fixture(scope="module")
def shared():
    with Origin() as origin:
        site = Site(config_of(service(origin, plugins=[plugin("hmac-auth")]), consumers=USERS), origin)
        yield site
        site.settle()
        site.close()


@pytest.fixture
def guarded(open_site, open_origin):
    def start(**config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("hmac-auth", **config)]), consumers=USERS), origin)
    return start


@pytest.mark.parametrize("signed", [
    {}, {"date": "X-Date", "names": "x-date request-line"}, {"names": "date"}, {"names": "@request-target date"},
    {"names": "Host  Date X-None x-thing", "fields": ["X-Thing: a b"]}, {"algorithm": "hmac-sha1"},
    {"algorithm": "hmac-sha384"}, {"algorithm": "hmac-sha512"}, {"user": "long", "secret": LONG},
    {"names": "x-thing date", "fields": ["X-Thing: a", "x-thing:  b "]}, {"method": "DELETE", "target": "/a%2fb/../c?%41"},
    {"target": "/"}, {"age": 290}, {"age": -290}, {"names": " ".join(["date", *(f"x{n}" for n in range(63))])},
], ids=lambda signed: ",".join(f"{key}={str(value)[:20]}" for key, value in signed.items()) or "plain")
def test_a_signature_lets_in(shared, signed):
    for field in "Authorization", "Proxy-Authorization":
        seen = shared.echo(Signed(**signed).bytes(field=field))
        assert identity(seen) == told("alice", X_Credential_Identifier=signed.get("user", "alice"))


def test_the_field_may_be_written_otherwise(shared):
    signed = Signed()
    rest = f'algorithm="hmac-sha256", headers="date request-line", signature="{signed.signature}"'
    for value in (f'HMAC username="alice",{rest}', f'Hmac {rest} , username="alice"'):
        assert identity(shared.echo(signed.bytes(value=value)))["X-Consumer-Username"] == "alice"


def test_an_absolute_target_is_signed_by_its_path(shared):
    for target in "/x?q=1", "/":
        signed = Signed(target=target, names="date request-line @request-target")
        signed.target = "http://test" + target.rstrip("/")
        assert identity(shared.echo(signed.bytes()))["X-Consumer-Username"] == "alice"


def test_a_signed_host_is_the_one_the_request_goes_to(shared):
    """A captured request can't be led to another host by an absolute target beside the Host that was signed."""
    signed = Signed(names="date host request-line")
    assert shared.ask(signed.bytes()).status == 200
    for authority, is_same in (("test", True), ("other", False), ("test:8000", False), ("TEST", False)):
        signed.target = f"http://{authority}/x?q=1"
        answer = shared.ask(signed.bytes())
        assert answer.status == (200 if is_same else 401), authority
        if not is_same:
            assert_refused(answer, UNLIKE, "hmac")


@pytest.mark.parametrize("signed", [
    {"secret": "other"}, {"user": "bob"}, {"secret": ""}, {"digest": hashlib.sha1}, {"digest": hashlib.sha512},
    {"text": ""}, {"text": "date: now"},
], ids=str)
def test_another_signature_does_not_match(shared, signed):
    assert_refused(shared.ask(Signed(**signed).bytes()), UNLIKE, "hmac")


def test_what_was_signed_may_not_change(shared):
    signed = Signed(names="date request-line x-thing x-none", fields=["X-Thing: a"])
    good = signed.bytes().decode("latin-1")
    assert shared.ask(good.encode("latin-1")).status == 200
    for was, now in (("GET", "PUT"), ("/x?q=1", "/x"), ("/x?q=1", "/x?q=2"), ("/x?q=1", "/X?q=1"), ("X-Thing: a", "X-Thing: b"),
                     ("X-Thing: a", "X-Thing: a\r\nX-Thing: b"), ("X-Thing: a", "X-None: 1\r\nX-Thing: a"),
                     ("HTTP/1.1", "HTTP/1.0")):
        assert_refused(shared.ask(good.replace(was, now, 1).encode("latin-1")), UNLIKE, "hmac")


PARTS = {"username": "alice", "algorithm": "hmac-sha256", "headers": "date request-line", "signature": "AAAA"}


def written(parts: dict[str, str]) -> str:
    return "hmac " + ", ".join(f'{name}="{value}"' for name, value in parts.items())


@pytest.mark.parametrize("value", [
    *(written({name: value for name, value in PARTS.items() if name != left_out}) for left_out in PARTS),
    *(written(PARTS | {name: ""}) for name in PARTS), written(PARTS | {"username": "nobody"}),
    written(PARTS | {"algorithm": "hmac-md5"}), written(PARTS | {"algorithm": "HMAC-SHA256"}), written(PARTS | {"keyId": "x"}),
    written(PARTS) + ', username="bob"', written(PARTS) + ",", written(PARTS) + " x", written(PARTS)[:-1], "hmac", "hmac x",
    'hmac username=alice', "Bearer x", "hmacx " + written(PARTS), written(PARTS | {"signature": "A" * 92}),
    written(PARTS | {"headers": "date Date"}), written(PARTS | {"headers": " ".join(f"x{n}" for n in range(65))}),
])
def test_fields_that_say_nothing_verifiable(shared, value):
    assert_refused(shared.ask(Signed().bytes(value=value)), UNVERIFIABLE, "hmac")


@pytest.mark.parametrize("signature", ["AAA", "AAAA", "====", "A" * 43, "A" * 88, "%%%%"])
def test_signatures_that_are_none(shared, signature):
    assert_refused(shared.ask(Signed().bytes(value=written(PARTS | {"signature": signature}))), UNLIKE, "hmac")


def test_without_the_field_or_with_two(shared):
    assert_refused(shared.ask(get("/", Signed().fields[0])), "Unauthorized", "hmac")
    signed = Signed()
    assert_refused(shared.ask(signed.bytes(f"Authorization: {signed.value}")), UNVERIFIABLE, "hmac")


@pytest.mark.parametrize("fields", [
    [], ["Date: now"], ["Date: 784111777"], ["X-Date: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:37 GMT"],
])
def test_dates_that_are_not_now(shared, fields):
    assert_refused(shared.ask(get("/", f"Authorization: {Signed().value}", *fields)), NO_DATE, "hmac")


def test_the_skew_is_bounded_on_both_sides(guarded):
    site = guarded(clock_skew=60)
    for age, status in ((-90, 401), (-45, 200), (45, 200), (90, 401)):
        assert site.ask(Signed(age=age).bytes()).status == status
    # Either field will do.
    assert site.ask(Signed(age=90, names="request-line", fields=[f"X-Date: {formatdate(usegmt=True)}"]).bytes()).status == 200


def test_enforced_headers_must_be_signed(guarded):
    site = guarded(enforce_headers=["Date", "request-line"])
    assert site.ask(Signed(names="request-line x date").bytes()).status == 200
    for names in ("date", "request-line", "dat request-line", "x-date request-line"):
        assert_refused(site.ask(Signed(names=names).bytes()), UNVERIFIABLE, "hmac")


def test_only_algorithms_that_are_allowed(guarded):
    site = guarded(algorithms=["hmac-sha384", "hmac-sha512"], realm="r")
    assert site.ask(Signed(algorithm="hmac-sha512").bytes()).status == 200
    for algorithm in "hmac-sha1", "hmac-sha256":
        assert_refused(site.ask(Signed(algorithm=algorithm).bytes()), UNVERIFIABLE, 'hmac realm="r"')


@pytest.mark.parametrize("hides", [False, True])
def test_hidden_signatures_are_not_for_the_upstream(guarded, hides):
    assert ("Authorization" in dict(guarded(hide_credentials=hides).echo(Signed().bytes())["headers"])) is not hides


def test_a_signature_that_is_too_old_is_hidden_all_the_same(guarded):
    seen = guarded(hide_credentials=True, anonymous="nobody").echo(Signed(age=900).bytes())
    assert identity(seen) == told("nobody") and "Authorization" not in dict(seen["headers"])


def test_two_signatures_are_hidden_although_none_counts(guarded):
    signed = Signed()
    seen = guarded(hide_credentials=True, anonymous="nobody").echo(
        get(signed.target, f"Authorization: {signed.value}", f"Authorization: {signed.value}", *signed.fields))
    assert identity(seen) == told("nobody") and "Authorization" not in dict(seen["headers"])


def test_the_anonymous_consumer_stands_in(guarded):
    site = guarded(anonymous="nobody")
    for data in (get("/"), Signed(secret="x").bytes(), Signed(age=900).bytes()):
        assert identity(site.echo(data)) == told("nobody")
    assert identity(site.echo(Signed().bytes()))["X-Consumer-Username"] == "alice"


@pytest.mark.parametrize("signed, beside", [("Date", "X-Date"), ("X-Date", "Date")])
def test_a_new_date_beside_an_old_signed_one_renews_nothing(guarded, signed, beside):
    site = guarded(enforce_headers=[signed, "request-line"], clock_skew=60)
    now = f"{beside}: {formatdate(usegmt=True)}"
    old = Signed(age=90, date=signed, names=f"{signed.lower()} request-line").bytes(now)
    assert_refused(site.ask(old), NO_DATE, "hmac")
    assert site.ask(Signed(date=signed, names=f"{signed.lower()} request-line").bytes(now)).status == 200


def test_the_request_line_is_signed_however_its_name_is_written(guarded):
    """Or an enforced request-line would be met by a name that signs nothing."""
    site = guarded(enforce_headers=["request-line"])
    plain = Signed(names="Request-Line date", text=f"Request-Line:\nDate: {formatdate(usegmt=True)}")
    assert_refused(site.ask(plain.bytes()), UNLIKE, "hmac")


def test_a_long_list_of_names_is_not_looked_at(shared):
    names = " ".join(f"{'x' * 1000}{n}" for n in range(3))
    assert_refused(shared.ask(get("/", f"Authorization: {written({**PARTS, 'headers': names})}", *Signed().fields)), UNVERIFIABLE, "hmac")


def digest_of(body: bytes) -> str:
    return f"Digest: SHA-256={b64encode(hashlib.sha256(body).digest()).decode()}"


@pytest.mark.parametrize("hides", [False, True])
def test_the_bodys_digest(guarded, hides):
    site = guarded(validate_request_body=True, hide_credentials=hides)
    for body in b"", b"hello", b"x" * 200_000:
        signed = Signed(method="POST", names="date digest request-line", fields=[digest_of(body)])
        client = site.connect()
        client.send(signed.bytes(f"Content-Length: {len(body)}"))
        client.send_pieces([body[:7], body[7:]] if body else [])
        assert client.response().status == 200
        seen = site.origin.requests[-1]
        assert seen.body == body and (seen.get("Authorization") is None) == hides
        assert seen.get("X-Consumer-Username") == "alice"
    bare = Signed(method="POST", names="date request-line")
    assert site.ask(bare.bytes()).status == 200
    count = len(site.origin.requests)
    wrong = Signed(method="POST", names="date digest request-line", fields=[digest_of(b"other")])
    for data in (bare.bytes("Content-Length: 1") + b"x", wrong.bytes("Content-Length: 1") + b"x",
                 Signed(method="POST", fields=["Digest: SHA-256=AAAA"]).bytes("Content-Length: 1") + b"x",
                 Signed(method="POST", fields=["Digest: MD5=" + digest_of(b"x")[16:]]).bytes("Content-Length: 1") + b"x"):
        assert_refused(site.ask(data), UNLIKE, "hmac")
    too_large = Signed(method="POST", fields=[digest_of(b"x")]).bytes("Content-Length: 1048577")
    assert site.ask(too_large).status == 413
    unsigned = Signed(secret="wrong", method="POST", fields=[digest_of(b"x")]).bytes("Content-Length: 1048577")
    assert_refused(site.ask(unsigned), UNLIKE, "hmac")
    assert len(site.origin.requests) == count
