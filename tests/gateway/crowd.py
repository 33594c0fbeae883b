"""Many clients at once, for the tests of memory: who was refused, and whether it serves as before once they have gone."""

from __future__ import annotations

import re
import select
import time
from pathlib import Path

from support.client import DEADLINE, get
from support.messages import PeerClosed


def peak(site) -> int:
    """The most this process ever had resident, in bytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{site.process.pid}/status").read_text())[1]) << 10


def status_of(client) -> int | None:
    """None: it was closed without an answer."""
    try:
        return client.response().status
    except PeerClosed:
        return None


def wait_refused(crowd) -> list:
    """Those who have an answer, or were closed, once there are any: nobody else has one to get."""
    sockets = {client.socket.fileno(): client for client in crowd}
    poller = select.poll()
    for fd in sockets:
        poller.register(fd, select.POLLIN)
    return [sockets[fd] for fd, _ in poller.poll(DEADLINE * 1000)]


def wait_full(site) -> None:
    """Until somebody, whom nobody needs to have told, got no memory."""
    end = time.monotonic() + DEADLINE
    while not site.scrape()["fastgate_memory_refusals_total"]:
        assert time.monotonic() < end, site.process.log()
        time.sleep(0.01)


def ask_and_close(crowd) -> set:
    """What they were answered, each closed as soon as it was."""
    answers = set()
    for client in crowd:
        answers.add(status_of(client))
        client.close()
    return answers


def recover(site) -> None:
    """Twenty answers in a row."""
    row = 0
    while row < 20:
        with site.connect() as client:
            client.send_quietly(get("/again"))
            row = row + 1 if status_of(client) == 200 else 0
