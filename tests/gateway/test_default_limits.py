"""The limits as shipped: 64 KiB of head, 200 fields, 16 KiB of target, no limit of bodies."""

from __future__ import annotations

import pytest

from support.client import get
from support.origin import pattern

pytestmark = pytest.mark.core


def test_head_of_60_kib_passes(site):
    assert site.ask(get("/", *[f"X-{n}: {'v' * 1000}" for n in range(60)])).status == 200


def test_head_beyond_64_kib_is_431(site):
    assert site.ask(get("/", *[f"X-{n}: {'v' * 1000}" for n in range(70)])).status == 431


def test_200_fields_pass_and_201_are_431(site):
    assert site.ask(get("/", *[f"X-{n}: 1" for n in range(199)])).status == 200
    assert site.ask(get("/", *[f"X-{n}: 1" for n in range(200)])).status == 431


def test_target_of_16_kib_passes_and_beyond_is_414(site):
    assert site.ask(get("/" + "a" * 16383)).status == 200
    assert site.ask(get("/" + "a" * 16384)).status == 414


def test_body_of_five_megabytes_passes(site):
    site.origin.script = lambda c: c.reply(str(len(c.read().body)).encode())
    assert site.ask(get("/", method="POST", body=pattern(5_000_000))).body == b"5000000"
