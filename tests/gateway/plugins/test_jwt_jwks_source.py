"""Where jwt's published keys come from: rotation, a source that is down, slow or lies, and what is cached meanwhile."""

from __future__ import annotations

import json
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.client import get
from support.identity import alice, assert_refused
from support.jwks import KeyServer, jwk, jwk_of
from support.origin import wait_until
from support.site import Config, Site, config_of, plugin, service
from support.signing_keys import unwatched
from support.tokens import b64, now, token

pytestmark = pytest.mark.core

INVALID = 'Bearer error="invalid_token"'
NO_KEY = "No credentials found for given 'kid'"
HITS = "fastgate_token_cache_hits_total"
ROTATIONS, FAILURES, FETCHES = (f"fastgate_jwks_{name}_total" for name in ("rotations", "failures", "fetches"))
NEW = ec.generate_private_key(ec.SECP256R1())


def bearer(text: str) -> bytes:
    return get("/", f"Authorization: Bearer {text}")


def signed(key=None, kid: str = "ES256", **claims) -> str:
    return token({"sub": "A-1", "exp": now() + 600, **claims}, "ES256", key, kid=kid)


@pytest.fixture
def server():
    with KeyServer(jwk("ES256")) as running:
        yield running


@pytest.fixture
def origin(open_origin):
    return open_origin()


@pytest.fixture
def config(origin, server):
    def make(uri: str | None = None, **jwt) -> Config:
        jwt = {"jwks_refresh": 1, "jwks_min_refresh": 0.1, "jwks_timeout": 60, **jwt}
        return config_of(service(origin, plugins=[plugin("jwt", jwks_uri=uri or server.uri, **jwt)]), consumers=[alice()])
    return make


@pytest.fixture
def guarded(open_site, origin, config):
    """A site with the server's keys; `keys`: how many it waits for."""
    def start(keys: int = 1, workers: int = 1, **jwt) -> Site:
        site = open_site(config(**jwt), origin, workers=workers)
        site.wait_metric("fastgate_jwks_keys", keys)
        return site
    return start


def wait_count(site: Site, name: str, least: float) -> None:
    wait_until(lambda: site.scrape()[name] >= least, f"{name} stays below {least}")


def hurry(site: Site, name: str, least: float) -> None:
    """The same, and meanwhile the source is asked as often as it may be."""
    def has_come() -> bool:
        site.ask(bearer(signed(kid="nobody's")))
        return site.scrape()[name] >= least

    wait_until(has_come, f"{name} stays below {least}")


# ---- rotation

def test_a_key_that_went_away_verifies_nothing_any_more(guarded, server):
    """Not even a token whose verdict is known: verdicts are of the keys they were found with."""
    site = guarded()
    old, new = signed(), signed(NEW, "new")
    client = site.connect()
    assert client.ask(bearer(old)).status == client.ask(bearer(old)).status == 200 and site.metrics()[HITS] == 1
    assert_refused(client.ask(bearer(new)), NO_KEY, INVALID)
    server.publish(jwk_of(NEW, kid="new"))
    hurry(site, ROTATIONS, 1)
    assert_refused(client.ask(bearer(old)), NO_KEY, INVALID)
    assert client.ask(bearer(new)).status == 200
    server.publish(jwk("ES256"), jwk_of(NEW, kid="new"))
    site.wait_metric("fastgate_jwks_keys", 2)
    assert client.ask(bearer(old)).status == client.ask(bearer(new)).status == 200


def test_another_key_under_the_same_name(guarded, server):
    site = guarded()
    old, new = signed(), signed(NEW)
    for _ in range(2):
        assert site.ask(bearer(old)).status == 200
        assert_refused(site.ask(bearer(new)), "Invalid signature", INVALID)
    server.publish(jwk_of(NEW, kid="ES256"))
    hurry(site, ROTATIONS, 1)
    for _ in range(2):
        assert_refused(site.ask(bearer(old)), "Invalid signature", INVALID)
        assert site.ask(bearer(new)).status == 200      # its refusal is not remembered either


def test_the_same_keys_again_let_verdicts_stand(guarded, server):
    site = guarded()
    text = signed()
    assert site.ask(bearer(text)).status == 200
    hurry(site, FETCHES, 3)
    assert site.ask(bearer(text)).status == 200
    metrics = site.metrics()
    assert (metrics[HITS], metrics[ROTATIONS], metrics[FAILURES]) == (1, 0, 0)


def test_no_keys_any_more_is_an_answer(guarded, server):
    site = guarded()
    assert site.ask(bearer(signed())).status == 200
    server.publish()
    hurry(site, ROTATIONS, 1)
    assert_refused(site.ask(bearer(signed())), NO_KEY, INVALID)


def test_an_unknown_key_is_asked_for_soon(guarded, server):
    """Long before the next refresh is due; the request that met it is refused."""
    site = guarded(jwks_refresh=3600)
    server.publish(jwk("ES256"), jwk_of(NEW, kid="new"))
    assert_refused(site.ask(bearer(signed(NEW, "new"))), NO_KEY, INVALID)
    site.wait_metric(ROTATIONS, 1)
    assert site.ask(bearer(signed(NEW, "new"))).status == 200
    assert site.metrics()["fastgate_jwks_unknown_keys_total"] == 1


def test_unknown_keys_can_not_make_the_gateway_ask_often(guarded, server):
    """A flood of them within jwks_min_refresh: the first question was the start's, and there is no second."""
    site = guarded(jwks_refresh=3600, jwks_min_refresh=3600)
    client = site.connect()
    end = time.monotonic() + 1
    n = 0
    while time.monotonic() < end:
        assert client.ask(bearer(signed(kid=f"x{n}"))).status == 401
        n += 1
    metrics = site.metrics()
    assert metrics[FETCHES] == len(server.asked) == 1 and metrics["fastgate_jwks_unknown_keys_total"] == n > 1


def test_a_source_that_says_its_answer_gets_old_is_asked_earlier(guarded, server):
    server.publish(jwk("ES256"), Cache_Control="public, max-age=1")
    site = guarded(jwks_refresh=3600)
    wait_count(site, FETCHES, 3)


def test_unchanged_by_etag(guarded, server):
    body = json.dumps({"keys": [jwk("ES256")]}).encode()
    server.answer = lambda asked: (304, {"ETag": '"1"'}, b"") if asked.get("if-none-match") == '"1"' else (200, {"ETag": '"1"'}, body)
    site = guarded()
    hurry(site, FETCHES, 3)
    metrics = site.metrics()
    assert (metrics[FAILURES], metrics[ROTATIONS], metrics["fastgate_jwks_keys"]) == (0, 0, 1)
    assert site.ask(bearer(signed())).status == 200 and server.asked[-1]["if-none-match"] == '"1"'


# ---- a source in trouble

def bodies() -> dict[str, bytes]:
    huge = json.dumps({"keys": [jwk("ES256")], "more": "x" * 5000}).encode()
    many = json.dumps({"keys": [jwk("ES256", f"k{n}") for n in range(4)]}).encode()
    return {"empty": b"", "html": b"<html>", "a list": b"[]", "cut": many[:-1], "too large": huge, "too many": many}


def test_the_last_good_keys_go_on(guarded, server):
    site = guarded(jwks_max_bytes=4096, jwks_max_keys=3, jwks_timeout=0.3)
    text = signed()
    assert site.ask(bearer(text)).status == 200
    good = server.answer
    troubles = [lambda body=body: server.say(body) for body in bodies().values()]
    troubles += [lambda status=status: server.say(b"{}", status, Location=server.uri) for status in (500, 302, 204, 304)]
    troubles.append(lambda: setattr(server, "answer", lambda asked: (server.released.wait(60), good(asked))[1]))
    for n, cause in enumerate(troubles):
        cause()
        hurry(site, FAILURES, site.metrics()[FAILURES] + 2)         # the first may be the last trouble's
        assert site.ask(bearer(text)).status == site.ask(bearer(signed(n=n))).status == 200
        metrics = site.metrics()
        assert metrics["fastgate_jwks_keys"] == 1 and metrics[ROTATIONS] == 0 and metrics["fastgate_jwks_age_seconds"] > 0
    assert site.process.wait_for_log("the keys of before go on (1)").count("the keys of before go on (1)") == 1
    server.released.set()
    server.publish(jwk_of(NEW, kid="new"))
    hurry(site, ROTATIONS, 1)
    assert site.ask(bearer(signed(NEW, "new"))).status == 200


def test_a_source_that_is_gone(guarded, server):
    site = guarded()
    server.close()
    hurry(site, FAILURES, 1)
    assert site.ask(bearer(signed())).status == 200


def test_a_source_that_is_down_at_the_start_delays_nothing(open_site, origin, config, server):
    server.say(b"", 503)
    site = open_site(config(), origin)
    assert_refused(site.ask(bearer(signed())), NO_KEY, INVALID)
    assert site.status("/status/ready")[0] == 200
    wait_count(site, FAILURES, 1)
    server.publish(jwk("ES256"))
    site.wait_metric("fastgate_jwks_keys", 1)
    assert site.ask(bearer(signed())).status == 200
    metrics = site.metrics()
    assert metrics["fastgate_jwks_unknown_keys_total"] == 1 and metrics[ROTATIONS] == 0


def test_a_slow_source_slows_no_request(guarded, server):
    site = guarded(jwks_timeout=60)
    good, waiting = server.answer, threading.Event()

    def slowly(asked):
        waiting.set()
        server.released.wait(60)
        return good(asked)

    server.answer = slowly
    assert waiting.wait(30)
    for n in range(20):
        assert site.ask(bearer(signed(n=n))).status == 200
        assert site.ask(bearer(signed(kid=f"x{n}"))).status == 401
    server.released.set()


# ---- TLS

@pytest.fixture
def authority(tmp_path):
    """A certificate for 127.0.0.1 that vouches for itself: its path, and a server's context with it."""
    with unwatched():
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fastgate tests")])
        begin = datetime.now(timezone.utc) - timedelta(days=1)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(begin).not_valid_after(begin + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
        path = tmp_path / "ca.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        whole = tmp_path / "both.pem"
        whole.write_bytes(path.read_bytes() + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    return path, context


def test_a_source_over_tls_must_be_vouched_for(open_site, origin, config, authority, tmp_path):
    path, context = authority
    with KeyServer(jwk("ES256"), context=context) as server:
        site = open_site(config(server.uri), origin)
        wait_count(site, FAILURES, 1)
        assert site.metrics()["fastgate_jwks_keys"] == 0 and not server.asked
        assert site.process.reload(config(server.uri, jwks_ca_file=str(tmp_path / "none.pem")))["ok"]
        wait_count(site, FAILURES, 2)
        assert site.process.reload(config(server.uri, jwks_ca_file=str(path)))["ok"]
        site.wait_metric("fastgate_jwks_keys", 1)
        assert site.ask(bearer(signed())).status == 200
        for reason in ("CERTIFICATE_VERIFY_FAILED", "none.pem"):
            site.process.wait_for_log(reason)


# ---- configurations

def test_a_reload_keeps_the_keys(guarded, server, config):
    site = guarded(jwks_refresh=3600)
    text = signed()
    assert site.ask(bearer(text)).status == 200
    assert site.process.reload(config(jwks_refresh=3600, realm="r"))["ok"]
    assert site.ask(bearer(text)).status == 200 and len(server.asked) == 1 and site.metrics()[HITS] == 1


def test_a_reload_that_asks_the_source_otherwise_refuses_nobody(guarded, server, config):
    """Its keys go on until the first answer under the new settings, and figures never fall."""
    site = guarded(jwks_refresh=3600)
    server.answer = lambda _: (server.released.wait(60), (500, {}, b""))[1]
    done = threading.Event()
    seen: set[int] = set()

    def call() -> None:
        with site.connect() as client:
            n = 0
            while not done.is_set():
                seen.add(client.ask(bearer(signed(n=n % 5))).status)
                n += 1

    caller = threading.Thread(target=call)
    caller.start()
    try:
        for n in range(5):
            assert site.process.reload(config(jwks_refresh=3000 + n, jwks_timeout=30 + n, jwks_max_keys=5 + n))["ok"]
    finally:
        done.set()
        caller.join()
    assert seen == {200}
    assert site.metrics()["fastgate_jwks_keys"] == 1 and site.metrics()[FETCHES] >= 1
    server.released.set()


def test_a_reload_waits_for_the_keys_of_a_new_source(open_site, origin, config, server):
    """What runs goes on meanwhile; the first token under the new configuration finds its key."""
    site = open_site(config_of(service(origin)), origin)
    good, asked = server.answer, threading.Event()

    def slowly(fields):
        asked.set()
        server.released.wait(60)
        return good(fields)

    server.answer = slowly
    site.process.write_config(config())
    reload = threading.Thread(target=site.process.reload)
    reload.start()
    assert asked.wait(30)
    assert json.loads(site.status("/status")[1])["gateway"]["snapshot"]["number"] == 1 and site.ask(get("/")).status == 200
    server.released.set()
    reload.join()
    assert site.ask(bearer(signed())).status == 200


def test_a_reload_that_is_refused_asks_no_source(open_site, origin, config, server):
    """Refused by the core, which sees the configuration last."""
    site = open_site(config_of(service(origin)), origin)
    refused = config()
    refused["plugins"] = [plugin("jwt")]
    refused["consumers"][0]["jwt_secrets"] = [{"key": "k", "algorithm": "RS256", "rsa_public_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}]
    answer = site.process.reload(refused)
    assert not answer["ok"] and len(server.asked) == 1, answer
    assert site.metrics()["fastgate_jwks_sources"] == 0
    assert site.process.reload(config())["ok"] and site.ask(bearer(signed())).status == 200


def test_two_plugins_one_source(open_site, origin, server):
    """Asked once for both; of two bounds the wider."""
    services = [service(origin, {"name": name, "paths": [f"/{name}"]}, name=name,
                        plugins=[plugin("jwt", jwks_uri=server.uri, jwks_max_keys=most, consumer_by=by)])
                for name, most, by in (("a", 1, "custom_id"), ("b", 2, "username"))]
    server.publish(jwk("ES256"), jwk_of(NEW, kid="new"))
    site = open_site(config_of(*services, consumers=[alice()]), origin)
    site.wait_metric("fastgate_jwks_keys", 2)
    assert len(server.asked) == 1 and site.metrics()["fastgate_jwks_sources"] == 1
    for path, sub, status in (("a", "A-1", 200), ("b", "A-1", 401), ("a", "alice", 401), ("b", "alice", 200)):
        for _ in range(2):
            assert site.ask(get(f"/{path}", f"Authorization: Bearer {signed(sub=sub)}")).status == status


def test_sources_come_and_go(guarded, server, config, origin):
    site = guarded()
    with KeyServer(jwk_of(NEW, kid="new")) as other:
        assert site.process.reload(config(other.uri))["ok"]
        wait_until(lambda: site.ask(bearer(signed(NEW, "new"))).status == 200, "the new source's key is not taken")
        assert_refused(site.ask(bearer(signed())), NO_KEY, INVALID)
        metrics = site.metrics()
        assert (metrics["fastgate_jwks_sources"], metrics["fastgate_jwks_keys"]) == (1, 1) and metrics[FETCHES] >= 2
        assert site.process.reload(config_of(service(origin)))["ok"]
        assert site.ask(get()).status == 200 and site.metrics()["fastgate_jwks_sources"] == 0
        fetches = site.metrics()[FETCHES]
        assert site.process.reload(config())["ok"]
        wait_until(lambda: site.ask(bearer(signed())).status == 200, "the first source's key is not taken again")
        assert site.metrics()[FETCHES] > fetches


def test_two_services_two_sources(open_site, origin, server):
    with KeyServer(jwk_of(NEW, kid="ES256")) as other:
        services = [service(origin, {"name": name, "paths": [f"/{name}"]}, name=name, plugins=[plugin("jwt", jwks_uri=uri)])
                    for name, uri in (("a", server.uri), ("b", other.uri))]
        site = open_site(config_of(*services, consumers=[alice()]), origin)
        site.wait_metric("fastgate_jwks_keys", 2)
        texts = {"a": signed(), "b": signed(NEW)}
        for path in texts:
            for whose, text in texts.items():
                for _ in range(2):
                    answer = site.ask(get(f"/{path}", f"Authorization: Bearer {text}"))
                    assert answer.status == (200 if path == whose else 401)


# ---- under load

def test_keys_are_swapped_under_load(guarded, server):
    """Each answer is by the one set or the other, whatever is freed meanwhile."""
    site = guarded(workers=2, jwks_refresh=1, jwks_min_refresh=0.1, jwks_max_keys=30)
    # Other keys beside them, so that every set is another.
    fillers = [jwk("ES256", f"filler-{n}") for n in range(20)]
    turns = [[jwk("ES256", "one"), *fillers[:10]], [jwk_of(NEW, kid="two"), *fillers[10:]]]
    texts = [signed(kid="one", n=n) for n in range(4)] + [signed(NEW, "two", n=n) for n in range(4)]
    done = threading.Event()
    seen: set[tuple[int, bytes]] = set()

    def call() -> None:
        with site.connect() as client:
            while not done.is_set():
                for text in texts:
                    answer = client.ask(bearer(text))
                    seen.add((answer.status, b"" if answer.status == 200 else answer.body[:60]))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        for n in range(12):
            server.publish(*turns[n % 2])
            site.wait_metric(ROTATIONS, n + 1)          # an unknown kid asks for the next
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert {status for status, _ in seen} == {200, 401}
    assert all(status == 200 or NO_KEY.encode() in body for status, body in seen)
    assert [site.ask(bearer(text)).status for text in texts] == [401] * 4 + [200] * 4


def test_a_bad_signature_does_not_ask_the_source(guarded, server):
    site = guarded(jwks_refresh=3600)
    text = signed().rpartition(".")[0] + "." + b64(bytes(64))
    for _ in range(5):
        assert_refused(site.ask(bearer(text)), "Invalid signature", INVALID)
    assert len(server.asked) == 1
