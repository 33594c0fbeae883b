"""`_core/upstream/retry.pyx` against the rules in words, for every combination there is.

From the specification: "retries to another target only where it is safe (nothing sent, or idempotent and no byte
answered; a stale pooled connection never costs a client an error)".
"""

from itertools import product

import pytest
from fastgate_doors import upstream_door as door

NAMES = ("is_reused", "is_idempotent", "is_sent", "is_acked", "is_answer_begun", "keeps_body", "has_retries_left")
FLAGS = list(product([False, True], repeat=len(NAMES)))
CUTS = ("reset", "closed")


def expected(fault, reused, idempotent, sent, acked, begun, keeps, left) -> str:
    if begun:
        return "no"         # the client may have seen part of it
    if not keeps:
        return "no"         # there is no second copy of the body
    if reused and fault in CUTS:
        # The pool's connection had died of idleness: no failure of the target, hence not counted.
        if idempotent:
            return "fresh"
        if fault == "reset":
            return "fresh"  # a peer that closed before it read answers so
        if not sent or not acked:
            return "fresh"  # an orderly end, and nothing had arrived
        return "no"         # an orderly end after the request was taken: it may have been carried out
    if not left:
        return "no"
    if fault in ("connect", "connect timeout"):
        return "other"      # nothing was sent
    if fault in CUTS and not sent:
        return "other"
    if fault == "closed" and not acked:
        return "other"      # a FIN acknowledges what came before it: nothing had
    if idempotent and fault in (*CUTS, "timeout"):
        return "other"
    return "no"             # nobody to ask, no descriptors, not HTTP, or it might happen twice


@pytest.mark.parametrize("fault", door.FAULTS)
def test_every_combination(fault):
    for flags in FLAGS:
        assert door.decide(fault, *flags) == expected(fault, *flags), dict(zip(NAMES, flags, strict=True))


def decide(fault, **flags):
    usual = dict.fromkeys(NAMES, False) | dict(is_sent=True, is_acked=True, keeps_body=True, has_retries_left=True)
    return door.decide(fault, *(usual | flags).values())


def test_what_may_have_happened_is_not_done_twice():
    """A POST that reached a fresh connection is never repeated, whatever went wrong."""
    assert {decide(fault) for fault in door.FAULTS if not fault.startswith("connect")} == {"no"}


def test_nothing_is_repeated_once_an_answer_began_or_the_body_is_gone():
    for fault, flags in product(door.FAULTS, FLAGS):
        given = dict(zip(NAMES, flags, strict=True))
        assert decide(fault, **given | dict(is_answer_begun=True)) == "no"
        assert decide(fault, **given | dict(keeps_body=False)) == "no"


def test_a_stale_pooled_connection_costs_no_retry():
    for idempotent in (False, True):
        assert decide("reset", is_reused=True, is_idempotent=idempotent, has_retries_left=False) == "fresh"
    assert decide("closed", is_reused=True, is_idempotent=True, has_retries_left=False) == "fresh"
    assert decide("closed", is_reused=True, is_acked=False, has_retries_left=False) == "fresh"
