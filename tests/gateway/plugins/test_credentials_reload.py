"""Credentials that change while requests come: none is lost, none is let in by a key that is gone."""

from __future__ import annotations

import threading

import pytest

from support.client import get
from support.identity import ALICE_ID, alice, bob, message
from support.origin import wait_until
from support.site import Config, config_of, consumer, plugin, service

pytestmark = pytest.mark.core

RELOADS, LOADERS = 25, 3


def generation(origin, n: int) -> Config:
    """The n-th: a key that stays, one that belongs to somebody else each time, one of this generation alone."""
    owner, other = (alice, bob) if n % 2 else (bob, alice)
    crowd = [consumer(f"c{n}-{i}", f"crowd-{n}-{i}") for i in range(n * 40 % 1000)]
    stays = consumer("stays", "stable-key", id="8f4e2a4e-0d5c-4f8e-9c1f-5d7c9e0b1a44")
    return config_of(service(origin, plugins=[plugin("key-auth", hide_credentials=True)]),
                     consumers=[*crowd, owner("moving-key", f"generation-{n}"), other(), stays])


class Loader(threading.Thread):
    """Asks on one connection until told to stop, with keys that are good in every generation."""

    def __init__(self, client, is_over: threading.Event) -> None:
        super().__init__()
        self.client, self.is_over = client, is_over
        self.count = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.is_over.is_set():
            for key, names in ("stable-key", ("stays",)), ("moving-key", ("alice", "bob")):
                response = self.client.ask(get("/?apikey=" + key))
                self.count += 1
                if response.status != 200 or not any(f'"{name}"' in response.text for name in names):
                    self.wrong.append(f"{key}: {response.status} {response.text[:300]}")
                    return


def test_credentials_change_under_load(open_site, open_origin):
    origin = open_origin()
    site = open_site(generation(origin, 0), origin)
    is_over = threading.Event()
    loaders = [Loader(site.connect(), is_over) for _ in range(LOADERS)]
    for loader in loaders:
        loader.start()
    try:
        for n in range(1, RELOADS + 1):
            assert site.process.reload(generation(origin, n))["ok"]
            seen = site.echo(get("/", "apikey: moving-key"))["headers"]
            assert (["X-Consumer-ID", ALICE_ID] in seen) is (n % 2 == 1)
            assert site.ask(get(f"/?apikey=generation-{n}")).status == 200
            gone = site.ask(get(f"/?apikey=generation-{n - 1}"))
            assert (gone.status, message(gone)) == (401, "Unauthorized")
            wait_until(lambda n=n: all(loader.count > n or loader.wrong for loader in loaders), "somebody asks no more")
    finally:
        is_over.set()
        for loader in loaders:
            loader.join()
    assert [loader.wrong for loader in loaders] == [[]] * LOADERS
    assert min(loader.count for loader in loaders) > RELOADS
    site.wait_metric("fastgate_snapshots_retired", 0)


def test_two_credentials_that_are_alike_keep_the_old_ones(open_site, open_origin):
    origin = open_origin()
    site = open_site(generation(origin, 1), origin)
    config = generation(origin, 2)
    config["consumers"].append(consumer("twin", "stable-key"))
    answer = site.process.reload(config)
    assert not answer["ok"] and "stable-key" not in str(answer), "what is wrong is told without the key"
    assert site.ask(get("/?apikey=generation-1")).status == 200
