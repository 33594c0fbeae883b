"""Plain Python model of the consistent-hashing ring (`_core/upstream/balancer/ring_hash.pyx`).

Written from that file's description; integers only, so results are to be equal, not close.
"""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def hash_bytes(data: bytes, seed: int = 0) -> int:
    h = mix((seed + GOLDEN * (len(data) + 1)) & MASK)
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little")
        h = (h ^ word) * 0xFF51AFD7ED558CCD & MASK
        h ^= h >> 32
    return mix(h)


def minus_ln(x: int) -> int:
    """-ln(1 - x / 2**64) in 2**-58."""
    if x >> 52 == 0:
        return (x >> 6) + ((x >> 32) ** 2 >> 7)
    rest = max(MASK - x, 1)
    bits = 65 - rest.bit_length()
    mantissa = (rest << (bits - 1)) >> 32
    fraction = 0
    for _ in range(26):
        mantissa = mantissa * mantissa >> 31
        fraction <<= 1
        if mantissa >= 1 << 32:
            mantissa >>= 1
            fraction += 1
    return ((bits << 26) - fraction) * 2977044472


def ring(weights: dict[str, int], slots: int) -> list[str]:
    """The owner of each slot. `weights`: name of the peer -> weight."""
    entrants = [
        (hash_bytes(name.encode()), name, weight)
        for name, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0].encode()))
    ]
    owners = []
    for slot in range(slots):
        salt = mix((slot + 1) * GOLDEN & MASK)
        # Within one weight the raw hash decides (the logarithm is coarser than it).
        draws = ((minus_ln(MASK - h) // weight, -weight, MASK - h, at)
                 for at, (hashed, _, weight) in enumerate(entrants)
                 for h in [mix((hashed + salt) & MASK)])
        owners.append(entrants[min(draws)[3]][1])
    return owners


def slot_of(hashed: int, slots: int) -> int:
    return (hashed >> 32) * slots >> 32


def hash_of_slot(slot: int, slots: int) -> int:
    """The lowest hash that falls into `slot`."""
    return -(-(slot << 32) // slots) << 32
