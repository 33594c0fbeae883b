"""`memory_budget` under a bound of the system's: 64 MiB, 5,000 clients with slow bodies and large requests.

In a control group (systemd's MemoryMax=, a container's limit) the kernel kills who passes it, and counts its own memory
for sockets too. Where none can be made, which the test's name tells then, a resource limit on addresses takes its
place; one on data there is always. Not for the sanitizers' builds, as tests/gateway/test_memory_budget.py says.
"""

from __future__ import annotations

import json
import socket

import pytest

from gateway.crowd import peak, recover, status_of, wait_refused
from support.bounds import BOUNDS, MIB
from support.client import get
from support.origin import pattern
from support.site import config_of, plugin, service

LIMIT = 64 * MIB
CROWD = 5000
BODY = pattern(40_000)
LARGE = get("/crowd")[:-2] + b"X-Large: " + b"a" * 40_000           # a head whose end does not come
FORM = "Content-Type: application/x-www-form-urlencoded"
ASKING = (
    get("/crowd", method="POST", body=BODY)[:-20_000],              # a body that stops halfway, on its way to the target
    get("/crowd", FORM, method="POST", body=BODY)[:-1],
    get("/collected", FORM, method="POST", body=BODY)[:-1],         # and one that a plugin waits for
    LARGE,
    get("/crowd"),                                                  # one that nobody answers
)


@pytest.fixture(params=BOUNDS, ids=lambda kind: kind.__name__)
def bounded(request, open_site, open_origin):
    """A gateway within a bound, whose target's kernel takes what is sent to /crowd and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent, request.param(LIMIT) as bound:
        crowd = service("127.0.0.1", {"name": "crowd", "paths": ["/crowd"]},
                        {"name": "collected", "paths": ["/collected"],
                         "plugins": [plugin("request-transformer", add={"body": ["a:b"]})]},
                        name="silent", port=silent.getsockname()[1])
        origin = open_origin()
        site = open_site(config_of(service(origin), crowd, gateway={
            "memory_budget": "64MiB", "timeouts": {"client_header": 120_000, "client_body": 120_000}}), origin,
            workers=2, program=bound.program)
        site.process.wait_for_log(bound.hold(site.process.pid))
        try:
            yield site, bound
            silent.close()                      # and with it what still waits for its answer
            site.settle()
            assert site.process.stop() == 0, site.process.log()
        finally:
            site.process.close()                # before its group, which goes only when it is empty


def crowd_in(site) -> list:
    crowd = []
    for number in range(CROWD):
        crowd.append(site.connect())
        crowd[-1].send_quietly(ASKING[number % len(ASKING)])
    return crowd


def test_five_thousand_slow_and_large_requests_are_refused_in_time(bounded):
    site, bound = bounded
    idle = [site.connect() for _ in range(8)]
    for client in idle:
        assert client.ask(get("/")).status == 200
    crowd = crowd_in(site)                      # 150 MB, were there no budget
    refused = wait_refused(crowd)
    assert {status_of(client) for client in refused} <= {503, None}
    for client in idle:
        client.send_quietly(LARGE)
    assert wait_refused(idle) and site.process.returncode is None
    config = json.loads(site.process.config_path.read_text())
    assert site.process.reload(config)["ok"], site.process.log()
    for client in crowd:
        client.close()
    recover(site)
    assert site.scrape()["fastgate_memory_refusals_total"] > 0
    assert bound.kills() == 0 and peak(site) <= LIMIT
    site.process.wait_for_log(bound.set_limit(LIMIT + 16 * MIB))
