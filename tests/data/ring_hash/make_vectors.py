"""Writes vectors.json: rings and keys as the plain Python model has them.

    python tests/data/ring_hash/make_vectors.py

The ring is an interface between nodes: nodes of different versions and architectures
must send a key to the same target. So these vectors change only with a note in the
changelog that says keys move.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "core/upstream/balancer"))

from ring_model import hash_bytes, ring, slot_of  # noqa: E402

CASES = {
    "three equal targets": ({f"192.0.2.{i}:8000": 100 for i in (1, 2, 3)}, 10000),
    "two of three": ({f"192.0.2.{i}:8000": 100 for i in (1, 3)}, 10000),
    "weights": ({"10.0.0.1:80": 1, "10.0.0.2:80": 10, "10.0.0.3:80": 100, "10.0.0.4:80": 100, "10.0.0.5:80": 1000}, 1000),
    "all families": ({"[2001:db8::1]:443": 50, "unix:/run/app.sock": 50, "127.0.0.1:65535": 25}, 65536),
    "fewest slots": ({f"10.1.0.{i}:80": i for i in range(1, 8)}, 10),
}
KEYS = ["", "a", "alice", "bob", "203.0.113.7", "2001:db8::7", "/orders/17", "é", "x" * 100] + [f"user-{i}" for i in range(41)]


def case(weights: dict[str, int], slots: int) -> dict:
    owners = ring(weights, slots)
    return {
        "slots": slots,
        "weights": weights,
        "owners_sha256": hashlib.sha256("\n".join(owners).encode()).hexdigest(),
        "keys": {key: owners[slot_of(hash_bytes(key.encode()), slots)] for key in KEYS},
    }


if __name__ == "__main__":
    vectors = {name: case(*of) for name, of in CASES.items()}
    (HERE / "vectors.json").write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")
