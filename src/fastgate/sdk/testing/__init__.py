"""Tests of plugins in a real gateway, with real sockets:

    from fastgate.sdk.testing import gateway_with

    def test_who_says_stop_is_stopped():
        with gateway_with(Greeting, config={"text": "no"}) as gateway:
            assert gateway.get("/", headers={"X-Stop": "1"}).status == 403

`gateway_with` starts a gateway in a process of its own before an upstream that answers with what it was sent, and
returns when it is ready. Nothing here is imported by a gateway.
"""

from .answer import Answer
from .gateway import GatewayFailed, RunningGateway, gateway_with
from .upstream import Received, Upstream

__all__ = ["Answer", "GatewayFailed", "Received", "RunningGateway", "Upstream", "gateway_with"]
