"""The cache of verdicts behind jwt: what is a hit, when a verdict ends, and what a reload does to it."""

from __future__ import annotations

import json
import threading

import pytest

from support.client import get
from support.identity import ALICE_ID, BOB_ID, alice, assert_refused, bob, identity
from support.origin import wait_until
from support.site import Config, Site, config_of, plugin, service
from support.tokens import SECRET, forged, jwt_secret, now, token

pytestmark = pytest.mark.core

INVALID = 'Bearer error="invalid_token"'
HITS, MISSES, EVICTIONS, ENTRIES = (f"fastgate_token_cache_{name}" for name in ("hits_total", "misses_total", "evictions_total", "entries"))


def bearer(text: str) -> bytes:
    return get("/", f"Authorization: Bearer {text}")


@pytest.fixture
def origin(open_origin):
    return open_origin()


def config(origin, *secrets: Config, limits: Config | None = None, people: list[Config] | None = None, **jwt) -> Config:
    return config_of(service(origin, plugins=[plugin("jwt", **jwt)]), gateway={"limits": limits} if limits else None,
                     consumers=people or [alice(jwt_secrets=list(secrets) or [jwt_secret()])])


def counted(site: Site) -> tuple[float, ...]:
    metrics = site.metrics()
    return tuple(metrics[name] for name in (HITS, MISSES, EVICTIONS, ENTRIES))


def test_a_token_is_verified_once(open_site, origin):
    site = open_site(config(origin, claims_to_verify=["exp"]), origin)
    assert counted(site) == (0, 0, 0, 0)
    text = token({"iss": "HS256", "exp": now() + 600})
    for _ in range(5):
        site.echo(bearer(text))
    assert counted(site) == (4, 1, 0, 1)
    for _ in range(3):
        assert_refused(site.ask(bearer(forged(text))), "Invalid signature", INVALID)
    assert counted(site) == (6, 2, 0, 2)
    site.ask(bearer("no token"))                        # not even looked up
    assert counted(site) == (6, 2, 0, 2)


def test_one_verdict_for_all_reactors(open_site, origin):
    site = open_site(config(origin), origin, workers=2)
    for _ in range(40):                                 # each on a connection of its own
        site.echo(bearer(token({"iss": "HS256"})))
    assert counted(site) == (39, 1, 0, 1)


def test_long_tokens_are_verified_each_time(open_site, origin):
    site = open_site(config(origin), origin)
    text = token({"iss": "HS256", "more": "x" * 4096})
    for _ in range(2):
        site.echo(bearer(text))
    assert counted(site) == (0, 2, 0, 0)


def test_the_cache_can_be_off(open_site, origin):
    site = open_site(config(origin, limits={"token_cache": 0}), origin)
    for _ in range(2):
        site.echo(bearer(token({"iss": "HS256"})))
    assert_refused(site.ask(bearer(forged(token({"iss": "HS256"})))), "Invalid signature", INVALID)
    assert HITS not in site.metrics()


def test_a_known_token_expires(open_site, origin):
    site = open_site(config(origin, claims_to_verify=["exp"]), origin)
    text = token({"iss": "HS256", "exp": now() + 2})
    assert site.ask(bearer(text)).status == 200
    answers = []

    def has_expired() -> bool:
        answers.append(site.ask(bearer(text)))
        return answers[-1].status == 401

    wait_until(has_expired, "the token is taken for ever")
    assert json.loads(answers[-1].body) == {"exp": "token expired"} and now() >= json_claims(text)["exp"]
    assert site.metrics()[HITS] > 1


def json_claims(text: str) -> Config:
    from base64 import urlsafe_b64decode
    part = text.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_refused_as_early_is_taken_when_its_time_has_come(open_site, origin):
    site = open_site(config(origin, claims_to_verify=["nbf"]), origin)
    text = token({"iss": "HS256", "nbf": now() + 2})
    assert json.loads(site.ask(bearer(text)).body) == {"nbf": "token not valid yet"}
    wait_until(lambda: site.ask(bearer(text)).status == 200, "the refusal outlives its reason")
    assert now() >= json_claims(text)["nbf"]


def test_another_secret_refuses_old_tokens_at_once(open_site, origin):
    site = open_site(config(origin), origin)
    old, new = token({"iss": "HS256"}), token({"iss": "HS256"}, key="another secret")
    client = site.connect()
    assert client.ask(bearer(old)).status == 200 and client.ask(bearer(old)).status == 200
    assert_refused(client.ask(bearer(new)), "Invalid signature", INVALID)
    assert site.process.reload(config(origin, jwt_secret(secret="another secret")))["ok"]
    assert_refused(client.ask(bearer(old)), "Invalid signature", INVALID)
    assert client.ask(bearer(new)).status == 200        # its refusal is not remembered either
    assert site.process.reload(config(origin))["ok"]
    assert client.ask(bearer(old)).status == 200
    assert_refused(client.ask(bearer(new)), "Invalid signature", INVALID)


def test_other_rules_judge_anew(open_site, origin):
    site = open_site(config(origin), origin)
    text = token({"iss": "HS256", "exp": now() - 60, "aud": "a"})
    client = site.connect()
    for rules, status in (({}, 200), ({"claims_to_verify": ["exp"]}, 401), ({"claims_to_verify": ["exp"], "leeway": 120}, 200),
                          ({"audience": "b"}, 401), ({"audience": ["b", "a"]}, 200), ({"issuers": ["x"]}, 401),
                          ({"issuers": ["x", "HS256"]}, 200), ({"key_claim_name": "kid"}, 401), ({"secret_is_base64": True}, 401)):
        assert site.process.reload(config(origin, **rules))["ok"]
        for _ in range(2):
            assert client.ask(bearer(text)).status == status, rules
    # What does not change a verdict lets it stand.
    assert site.process.reload(config(origin, header_names=["X", "Authorization"], realm="r"))["ok"]
    hits = site.metrics()[HITS]
    assert client.ask(bearer(text)).status == 200 and site.metrics()[HITS] == hits + 1


def test_a_removed_credential_is_unknown_at_once(open_site, origin):
    site = open_site(config(origin, jwt_secret(), jwt_secret("HS256", "other")), origin)
    text = token({"iss": "HS256"})
    assert site.ask(bearer(text)).status == 200
    assert site.process.reload(config(origin, jwt_secret("HS256", "other")))["ok"]
    assert_refused(site.ask(bearer(text)), "No credentials found for given 'iss'", INVALID)


def test_a_hit_tells_who_the_credential_belongs_to_now(open_site, origin):
    """The same keys in the same order, of other consumers: verdicts stand, identities are the new snapshot's."""
    people = [alice(jwt_secrets=[jwt_secret()]), bob(jwt_secrets=[])]
    site = open_site(config(origin, people=people), origin)
    text = token({"iss": "HS256"})
    assert identity(site.echo(bearer(text)))["X-Consumer-ID"] == ALICE_ID
    people = [alice(jwt_secrets=[]), bob(jwt_secrets=[jwt_secret()])]
    assert site.process.reload(config(origin, people=people))["ok"]
    hits = site.metrics()[HITS]
    assert identity(site.echo(bearer(text)))["X-Consumer-ID"] == BOB_ID
    assert site.metrics()[HITS] == hits + 1
    people = [alice(jwt_secrets=[jwt_secret("HS256", "first")]), bob(jwt_secrets=[jwt_secret()])]
    assert site.process.reload(config(origin, people=people))["ok"]
    assert identity(site.echo(bearer(text)))["X-Consumer-ID"] == BOB_ID


def test_forged_tokens_push_out_no_good_ones(open_site, origin):
    site = open_site(config(origin, limits={"token_cache": 40}), origin)
    good = [token({"iss": "HS256", "n": n}) for n in range(40)]
    client = site.connect()
    for text in good:
        assert client.ask(bearer(text)).status == 200
    for n in range(400):
        assert client.ask(bearer(token({"iss": "HS256", "n": n}, key="a guess"))).status == 401
    hits, _, evictions, entries = counted(site)
    assert entries == 50 and evictions == 390           # a quarter as many refused ones
    for text in good:
        assert client.ask(bearer(text)).status == 200
    assert site.metrics()[HITS] == hits + 40


def test_more_good_tokens_than_room(open_site, origin):
    site = open_site(config(origin, limits={"token_cache": 4}), origin)
    client = site.connect()
    for n in range(6):
        assert client.ask(bearer(token({"iss": "HS256", "n": n}))).status == 200
    assert counted(site) == (0, 6, 2, 4)
    assert client.ask(bearer(token({"iss": "HS256", "n": 5}))).status == 200
    assert client.ask(bearer(token({"iss": "HS256", "n": 0}))).status == 200
    assert counted(site) == (1, 7, 3, 4)


def test_tokens_and_reloads_at_the_same_time(open_site, origin):
    """Keys come and go under load: every answer is by the one configuration or the other."""
    secrets = (SECRET, "the other secret")
    site = open_site(config(origin, jwt_secret()), origin, workers=2)
    texts = [token({"iss": "HS256", "n": n}, key=secret) for secret in secrets for n in range(5)]
    done = threading.Event()
    seen: set[int] = set()

    def call() -> None:
        with site.connect() as client:
            while not done.is_set():
                seen.update(client.ask(bearer(text)).status for text in texts)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        for n in range(20):
            assert site.process.reload(config(origin, jwt_secret(secret=secrets[n % 2])))["ok"]
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert seen == {200, 401}
    for text in texts[:5]:
        assert_refused(site.ask(bearer(text)), "Invalid signature", INVALID)
    for text in texts[5:]:
        assert site.ask(bearer(text)).status == 200
