"""`_core/plugin/origins.pyx` against a plain model."""

import re

import pytest
from fastgate_doors import plugin_access_door as door
from hypothesis import example, given
from hypothesis import strategies as st

OWN_PORTS = {("http", "80"), ("https", "443")}


def split(origin: str) -> tuple[str, str, str]:
    """whole, authority, host; the latter two are empty where it is no origin."""
    found = re.fullmatch(r"([^:]*)://(\[[^]/@]*\][^:/@]*|[^:/@]*)(?::([^/@]*))?", origin, re.S)
    if not found or not origin[found.end(1) + 3:]:
        return origin, "", ""
    scheme, host, port = found.groups()
    if port is None or (scheme.lower(), port) in OWN_PORTS:
        return f"{scheme}://{host}", host, host
    return origin, f"{host}:{port}", host


def model(texts: list[str], origin: str) -> bool:
    if not texts or "*" in texts:
        return True
    whole, authority, host = split(origin)
    for text in texts:
        if re.search(r"[^A-Za-z0-9.:/-]", text):
            if ":" in text and re.fullmatch(text, whole, re.S) or ":" not in text and host and re.fullmatch(text, host, re.S):
                return True
        elif "://" in text:
            scheme, _, rest = text.partition("://")
            if split(f"{scheme}://{rest.partition('/')[0]}")[0].lower() == whole.lower():
                return True
        elif text.lower() == ((authority if ":" in text else host) or whole).lower():
            return True
    return False


HOSTS = st.sampled_from(["a.com", "b.a.com", "A.com", "a-com", "[::1]", "a.com.evil", "localhost"])
PORTS = st.sampled_from(["", "", ":80", ":443", ":8080", ":"])
SCHEMES = st.sampled_from(["http://", "https://", "HTTPS://", "ftp://", ""])
WRITTEN = st.builds(lambda *parts: "".join(parts), SCHEMES, HOSTS, PORTS, st.sampled_from(["", "", "", "/", "/x", "@b.a.com"]))
LITERALS = WRITTEN.filter(lambda text: re.fullmatch(r"[A-Za-z0-9.:/-]+", text))
PATTERNS = st.sampled_from([r"^https?://a\.com$", r".*\.a\.com", r"a\.com|b\.a\.com", r"https://(.*\.)?a\.com(:\d+)?", r"^a.com$", "(a|b)+"])


@given(st.lists(LITERALS | PATTERNS | st.just("null"), max_size=4), WRITTEN | st.just("null") | st.text("ahtps:/.@[]", max_size=12))
@example(["a.com"], "null")
@example([r"https://a\.com|https://b\.com"], "https://a.com.evil")
@example(["https://a.com"], "https://a.com:443")
@example(["https://a.com:443/"], "https://A.COM")
@example([r".*\.a\.com"], "https://evil/.a.com")
@example([r".*\.a\.com"], "https://evil@b.a.com")
@example(["a.com"], "https://")
def test_any_list(texts, origin):
    assert door.Origins(texts).has(origin.encode()) == model(texts, origin)


@given(st.lists(LITERALS | PATTERNS, max_size=3), st.binary(max_size=40))
def test_any_bytes(texts, origin):
    assert door.Origins(texts).has(origin) == model(texts, origin.decode("latin-1"))


@pytest.mark.parametrize("texts, only", [
    (None, ""), ([], ""), (["*"], ""), (["https://a.com"], "https://a.com"), (["https://a.com", "b.com"], ""), ([r"a\.com"], ""),
    (["https://a.com", "*"], ""),
])
def test_a_single_literal_is_told_as_it_is_written(texts, only):
    assert door.Origins(texts).only == only.encode()


def test_a_star_among_others_is_all():
    assert door.Origins(["https://a.com", "*"]).has(b"null")
    assert not door.Origins(["https://a.com", "b.com"]).has(b"null")


def test_a_pattern_that_a_limit_stops_allows_nothing():
    assert not door.Origins([r"https://(a+)+b"]).has(b"https://" + b"a" * 3000)
    assert not door.Origins([r"https://.*"]).has(b"https://" + b"a" * 9000)      # longer than any subject
