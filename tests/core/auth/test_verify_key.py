"""Keys and signatures: the RFCs' examples, tokens another implementation signed, and all that is not them."""

import os
import subprocess
import sys

import pytest
from fastgate_doors import auth_door as door
from hypothesis import given, settings
from hypothesis import strategies as st
from support_keys import ALGORITHMS, OTHER, RFC, key, material, needs_libcrypto, parts

SIGNED = {name: case for name, case in RFC.items() if case["alg"] != "none"}
TOKENS = [(algorithm, token) for algorithm, case in ALGORITHMS.items() for token in case["tokens"]]
MATERIALS = {
    "secret": b"0123456789abcdef0123456789abcdef", "RSA": ALGORITHMS["RS256"]["key"].encode(), "P-256": ALGORITHMS["ES256"]["key"].encode(),
    "P-384": ALGORITHMS["ES384"]["key"].encode(), "P-521": ALGORITHMS["ES512"]["key"].encode(), "Ed25519": ALGORITHMS["EdDSA"]["key"].encode(),
}
FITTING = {"HS": "secret", "RS": "RSA", "PS": "RSA", "ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed": "Ed25519"}


@needs_libcrypto
@pytest.mark.parametrize("name", SIGNED)
def test_rfc_examples(name):
    case, verifier = SIGNED[name], door.Verifier()
    rfc_key = door.Key(case["alg"].encode(), material(case["jwk"]))
    data, signature = parts(case["token"])
    assert verifier.verify(rfc_key, data, signature)
    assert not verifier.verify(rfc_key, data + b"x", signature)
    assert verifier.verify(rfc_key, data, signature)


@needs_libcrypto
@pytest.mark.parametrize("algorithm, token", TOKENS)
def test_tokens_of_another_implementation(algorithm, token):
    assert door.Verifier().verify(key(algorithm), *parts(token))


@needs_libcrypto
def test_ecdsa_vectors_have_short_halves():
    """What the conversion to DER must get right is among the vectors: leading zeros, and set top bits."""
    for algorithm, half in (("ES256", 32), ("ES384", 48), ("ES512", 66)):
        signatures = [parts(token)[1] for token in ALGORITHMS[algorithm]["tokens"]]
        assert any(signature[0] == 0 for signature in signatures) and any(signature[half] == 0 for signature in signatures)
        assert algorithm == "ES512" or any(signature[0] > 127 for signature in signatures)


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_flip_in_any_byte_of_a_signature_is_refused(algorithm):
    verifier, algorithm_key = door.Verifier(), key(algorithm)
    data, signature = parts(ALGORITHMS[algorithm]["tokens"][0])
    for at in range(len(signature)):
        flipped = bytearray(signature)
        flipped[at] ^= 1 << at % 8
        assert not verifier.verify(algorithm_key, data, bytes(flipped)), at
    assert verifier.verify(algorithm_key, data, signature)


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_flip_in_any_byte_of_the_data_is_refused(algorithm):
    verifier, algorithm_key = door.Verifier(), key(algorithm)
    data, signature = parts(ALGORITHMS[algorithm]["tokens"][0])
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        assert not verifier.verify(algorithm_key, bytes(flipped), signature), at


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_of_another_length_is_refused(algorithm):
    verifier, algorithm_key = door.Verifier(), key(algorithm)
    data, signature = parts(ALGORITHMS[algorithm]["tokens"][0])
    for other in (b"", signature[:-1], signature[1:], signature + b"\0", b"\0" + signature, signature * 2, bytes(len(signature)), b"\xff" * len(signature)):
        assert not verifier.verify(algorithm_key, data, other)


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_der_signature_is_no_jose_signature(algorithm):
    data, raw = parts(ALGORITHMS[algorithm]["tokens"][0])
    r, s = (int.from_bytes(half, "big") for half in (raw[: len(raw) // 2], raw[len(raw) // 2 :]))
    body = b"".join(b"\x02%c%s" % (n.bit_length() // 8 + 1, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (r, s))
    assert not door.Verifier().verify(key(algorithm), data, b"\x30%c%s" % (len(body), body))


@needs_libcrypto
@pytest.mark.parametrize("signer", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_takes_no_other_ones_signature(algorithm, signer):
    good = door.Verifier().verify(key(algorithm), *parts(ALGORITHMS[signer]["tokens"][0]))
    assert good == (algorithm == signer)


@needs_libcrypto
@pytest.mark.parametrize("name", ["PS256 salt of 0", "PS256 salt of 64"])
def test_a_pss_salt_of_another_length_is_refused(name):
    assert not door.Verifier().verify(key("PS256"), *parts(OTHER[name]))


@needs_libcrypto
@pytest.mark.parametrize("kind", MATERIALS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_fits_its_algorithm_only(algorithm, kind):
    if FITTING[algorithm if algorithm[:2] == "ES" else algorithm[:2]] == kind or algorithm[:2] == "HS":
        assert door.Key(algorithm.encode(), MATERIALS[kind])
    else:
        with pytest.raises(ValueError):
            door.Key(algorithm.encode(), MATERIALS[kind])


@needs_libcrypto
@pytest.mark.parametrize("algorithm, material, problem", [
    ("none", b"x", "algorithm"), ("", b"x", "algorithm"), ("HS1", b"x", "algorithm"), ("HS256", b"", "empty"), ("RS256", OTHER["rsa 1024"].encode(), "2048"), ("PS512", OTHER["rsa 1024"].encode(), "2048"),
    ("ES256", OTHER["secp256k1"].encode(), "curve"), ("EdDSA", OTHER["ed448"].encode(), "Ed25519"), ("RS256", b"", "PEM"), ("RS256", b"secret", "PEM"),
    ("RS256", OTHER["rsa private"].encode(), "PEM"), ("ES256", OTHER["ec private"].encode(), "PEM"), ("RS256", MATERIALS["RSA"][:200], "PEM"),
    ("RS256", MATERIALS["RSA"].replace(b"M", b"!", 1), "PEM"), ("ES256", bytes.fromhex(OTHER["ec off its curve, hex"]), "PEM"),
    ("ES256", bytes.fromhex(OTHER["ec der, hex"]) + b"\0", "PEM"), ("ES256", bytes.fromhex(OTHER["ec der, hex"])[:-1], "PEM"), ("RS256", b"x" * 100_000, "PEM"),
])
def test_keys_refused_with_a_reason(algorithm, material, problem):
    with pytest.raises(ValueError, match=problem):
        door.Key(algorithm.encode(), material)


@needs_libcrypto
def test_a_key_is_read_from_der_too():
    der = door.Key(b"ES256", bytes.fromhex(OTHER["ec der, hex"]))
    assert door.Verifier().verify(der, *parts(ALGORITHMS["ES256"]["tokens"][0]))
    assert door.Key(b"RS512", OTHER["rsa 4096"].encode())


@needs_libcrypto
@settings(max_examples=300)
@given(st.data())
def test_damaged_keys_never_do_harm(data):
    pem = bytearray(MATERIALS[data.draw(st.sampled_from(sorted(MATERIALS)))] if data.draw(st.booleans()) else bytes.fromhex(OTHER["ec der, hex"]))
    for _ in range(data.draw(st.integers(1, 4))):
        pem[data.draw(st.integers(0, len(pem) - 1))] = data.draw(st.integers(0, 255))
    try:
        damaged = door.Key(data.draw(st.sampled_from(["RS256", "ES256", "EdDSA"])).encode(), bytes(pem))
    except ValueError:
        return
    assert door.Verifier().verify(damaged, b"data", b"\1" * 64) is False


@needs_libcrypto
def test_fingerprints_tell_keys_and_algorithms_apart():
    names = [(algorithm, material) for algorithm in (b"HS256", b"HS384") for material in (b"one", b"two")]
    names += [(b"RS256", MATERIALS["RSA"]), (b"PS256", MATERIALS["RSA"])]
    fingerprints = [door.Key(*name).fingerprint for name in names]
    assert len(set(fingerprints)) == len(names)
    assert fingerprints == [door.Key(*name).fingerprint for name in names]


@needs_libcrypto
def test_more_keys_than_a_verifier_keeps_ready():
    verifier, algorithms = door.Verifier(), ["RS256", "ES256", "PS256", "ES384", "EdDSA"]
    keys = [(algorithm, key(algorithm)) for algorithm in algorithms * 8]
    for _ in range(2):
        for at, (algorithm, each) in enumerate(keys):
            data, signature = parts(ALGORITHMS[algorithm]["tokens"][0])
            assert verifier.verify(each, data, signature), at
            assert not verifier.verify(each, data + b"x", signature), at


@needs_libcrypto
def test_a_verifier_outlives_its_keys():
    verifier = door.Verifier()
    for _ in range(3):
        for algorithm in ("RS256", "ES256", "EdDSA"):
            assert verifier.verify(key(algorithm), *parts(ALGORITHMS[algorithm]["tokens"][0]))


@needs_libcrypto
def test_failures_leave_nothing_in_the_threads_error_queue():
    # It is shared with whoever else uses this libcrypto in this thread, Python's ssl among them.
    verifier = door.Verifier()
    assert door.library_error() == 0
    for algorithm in ("RS256", "PS256", "ES256", "EdDSA"):
        data, signature = parts(ALGORITHMS[algorithm]["tokens"][0])
        assert not verifier.verify(key(algorithm), data, b"\xff" * len(signature))
        assert door.library_error() == 0
    for damaged in (MATERIALS["RSA"][:200], bytes.fromhex(OTHER["ec der, hex"])[:-1]):
        with pytest.raises(ValueError):
            door.Key(b"RS256", damaged)
        assert door.library_error() == 0


@needs_libcrypto
def test_without_the_library_the_problem_says_what_to_install():
    # Out of file descriptors dlopen finds no library: as good as none installed. The next try may find it.
    code = """
import resource
from fastgate_doors import auth_door
most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, most[1]))
problem = auth_door.open_library()
resource.setrlimit(resource.RLIMIT_NOFILE, most)
print(problem, auth_door.open_library(), sep="|")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    problem, after = ran.stdout.split("|")
    assert "libssl3" in problem and "libcrypto3" in problem
    assert after == "\n"
