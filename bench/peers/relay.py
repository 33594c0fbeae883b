"""The byte relay, `relay.c`: what forwarding costs when nothing is read."""

from programs import program

from .peer import Peer, Setup


def configure(setup: Setup) -> list[str]:
    return [str(program("relay")), str(setup.port), str(setup.origin_port)]


def peer(name: str = "relay", title: str = "byte relay") -> Peer:
    return Peer(name, title, configure, lambda: "bench/relay.c", is_proxy=False)
