"""Out of memory: new work is refused, what runs goes on, and it recovers by itself.

A running process is capped by RLIMIT_DATA: pages that malloc makes writable count against it, while RLIMIT_AS would
let each thread fill the 64 MB of addresses it reserved. Not for the sanitizers' builds, whose allocators know no such
limit, so nothing here is marked `core`. While the cap holds, only the data plane is asked.
"""

from __future__ import annotations

import re
import resource
import select
from pathlib import Path

import pytest

from gateway.long_transfer import PIECES, LongTransfer
from support.client import DEADLINE, get
from support.messages import PeerClosed
from support.origin import pattern
from support.site import config_of, service

OPEN_HEAD = get("/crowd")[:-2] + b"X-Large: " + b"a" * 50_000       # its end does not come
BODY = pattern(50_000)                                              # so small that it is kept for another try


def cap_memory(site) -> None:
    """From here on the gateway's allocators get nothing more from the kernel."""
    used = int(re.search(r"VmData:\s+(\d+)", Path(f"/proc/{site.process.pid}/status").read_text())[1]) << 10
    _, hard = resource.prlimit(site.process.pid, resource.RLIMIT_DATA)
    resource.prlimit(site.process.pid, resource.RLIMIT_DATA, (used, hard))


def lift_cap(site) -> None:
    _, hard = resource.prlimit(site.process.pid, resource.RLIMIT_DATA)
    resource.prlimit(site.process.pid, resource.RLIMIT_DATA, (hard, hard))


def answer_of(client) -> tuple[int | None, bytes]:
    """Status and body; None: it was closed without an answer."""
    try:
        response = client.response()
        return response.status, response.body
    except PeerClosed:
        return None, b""


def readable(crowd, timeout: float) -> list:
    """Those who have an answer, or were closed, once there are any."""
    sockets = {client.socket.fileno(): client for client in crowd}
    poller = select.poll()
    for fd in sockets:
        poller.register(fd, select.POLLIN)
    return [sockets[fd] for fd, _ in poller.poll(timeout * 1000)]


@pytest.fixture
def running(open_site, open_origin):
    """A site and a client with a transfer under way: each `next_piece()` lets one more piece come."""
    transfer = LongTransfer()
    origin = open_origin(transfer.script)
    site = open_site(config_of(service(origin, retries=0), gateway={"limits": {"connections": 2000}}), origin)
    transfer.begin(site)
    yield site, transfer.next_piece, transfer.gate
    transfer.end()
    lift_cap(site)


def recover(site) -> None:
    """Twenty answers in a row: it serves as before."""
    row = 0
    while row < 20:
        with site.connect() as client:
            client.send_quietly(get("/again"))
            row = row + 1 if answer_of(client)[0] == 200 else 0


def test_heads_there_is_no_memory_for_are_refused_and_a_transfer_goes_on(running):
    site, next_piece, _ = running
    cap_memory(site)
    crowd = []
    for _ in range(400):                    # 20 MB, were there memory
        crowd.append(site.connect())
        crowd[-1].send_quietly(OPEN_HEAD)
    refused = readable(crowd, DEADLINE)     # nobody else has an answer to get
    assert {answer_of(client)[0] for client in refused} <= {503, None}
    assert refused
    for _ in range(PIECES - 1):
        next_piece()
    for client in crowd:
        client.close()
    recover(site)                           # with what was given back, under the cap
    lift_cap(site)
    recover(site)


def test_requests_with_bodies_are_served_whole_or_refused(running):
    site, next_piece, crowd_gate = running
    cap_memory(site)
    crowd = []
    for _ in range(300):
        crowd.append(site.connect())
        crowd[-1].send_quietly(get("/crowd", method="POST", body=BODY))
    refused = readable(crowd, DEADLINE)     # the upstream answers nobody yet
    assert refused
    next_piece()
    crowd_gate.set()
    served = {answer_of(client) for client in crowd if client not in refused}
    assert {status for status, _ in served} <= {200, 503, None}
    assert {body for status, body in served if status == 200} <= {b"%d" % len(BODY)}
    assert {answer_of(client)[0] for client in refused} <= {503, None}
    for _ in range(PIECES - 2):
        next_piece()
    for client in crowd:
        client.close()
    recover(site)
    lift_cap(site)
    recover(site)
