"""Tables of published keys against a plain model."""

import hashlib

import pytest
from fastgate_doors import key_set_door as door
from hypothesis import given
from hypothesis import strategies as st
from support_keys import ALGORITHMS, needs_libcrypto

pytestmark = needs_libcrypto

NAMES = [b"HS256", b"RS256", b"RS384", b"PS256", b"ES256", b"ES384", b"EdDSA"]
MATERIALS = {
    b"HS256": [b"a", b"b"], b"RS256": [ALGORITHMS["RS256"]["key"].encode()], b"RS384": [ALGORITHMS["RS384"]["key"].encode()],
    b"PS256": [ALGORITHMS["PS256"]["key"].encode()], b"ES256": [ALGORITHMS["ES256"]["key"].encode()],
    b"ES384": [ALGORITHMS["ES384"]["key"].encode()], b"EdDSA": [ALGORITHMS["EdDSA"]["key"].encode()],
}
SOURCES = [bytes([n]) * 32 for n in (1, 2, 200)]

kids = st.sampled_from([b"", b"a", b"b", b"ab", b"a\0"])
forms = st.sets(st.sampled_from(NAMES), max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(MATERIALS[name]) for name in names}))
keys = st.lists(st.tuples(kids, forms), max_size=5)


def model(published, kid, algorithm):
    named = [key for key in published if not kid or key[0] == kid]
    fitting = [key[1][algorithm] for key in named if algorithm in key[1]]
    if len(fitting) == 1:
        number = 1 + 3 * [b"HS", b"RS", b"PS", b"ES"].index(algorithm[:2]) + [b"256", b"384", b"512"].index(algorithm[2:]) if algorithm != b"EdDSA" else 13
        return "found", hashlib.sha256(bytes([number]) + fitting[0]).digest()
    return ("other algorithm" if kid and named and not fitting else "unknown"), None


@given(st.dictionaries(st.sampled_from(SOURCES), keys), kids, st.sampled_from(NAMES))
def test_finding(sets, kid, algorithm):
    table = door.Table(sets)
    for source in SOURCES:
        assert table.has(source) == (source in sets)
        if source in sets:
            assert table.find(source, kid, algorithm) == model(sets[source], kid, algorithm)


@given(keys, keys)
def test_a_digest_tells_sets_apart(one, other):
    first, second = (door.Table({SOURCES[0]: published}).digest(SOURCES[0]) for published in (one, other))
    assert (first == second) == (one == other)


def test_a_digest_is_the_sets_alone():
    published = [(b"a", {b"HS256": b"a"})]
    digests = {door.Table({SOURCES[n]: published, SOURCES[2]: []}).digest(SOURCES[n]) for n in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("names", [[b"", b""], [b"a", b"b"], [b"a", b"a"]])
def test_a_token_without_a_name_wants_the_only_key(names):
    one = door.Table({SOURCES[0]: [(names[0], {b"HS256": b"a"}), (b"c", {b"ES256": MATERIALS[b"ES256"][0]})]})
    assert one.find(SOURCES[0], b"", b"HS256")[0] == "found"
    two = door.Table({SOURCES[0]: [(names[0], {b"HS256": b"a"}), (names[1], {b"HS256": b"b"})]})
    assert two.find(SOURCES[0], b"", b"HS256") == ("unknown", None)


def test_wanting():
    table = door.Table({SOURCES[0]: []})
    assert table.want(SOURCES[0]) == 1 and table.want(SOURCES[0]) == 1
