"""The parts beside the requests: one that fails is nobody else's affair."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
from fastgate.control import background
from fastgate.control.background import Background, Kind


class Part:
    made: list[Part] = []

    def __init__(self, gateway: object) -> None:
        self.followed: list[object] = []
        self.is_closed = False
        Part.made.append(self)

    def follow(self, model: object) -> None:
        self.followed.append(model)

    async def close(self) -> None:
        self.is_closed = True

    def figures(self) -> dict[str, float]:
        return {}


class Fails(Part):
    def follow(self, model: object) -> None:
        super().follow(model)
        raise RuntimeError("no room")

    async def close(self) -> None:
        raise OSError("gone")


@pytest.fixture
def kinds(monkeypatch):
    """A part that fails, before one that does not."""
    module = ModuleType("parts_of_a_test")
    module.Part, module.Fails = Part, Fails
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Part, "made", [])
    monkeypatch.setattr(background, "KINDS", {
        name: Kind(lambda model: True, f"{module.__name__}:{part}") for name, part in (("bad", "Fails"), ("good", "Part"))})


def test_a_part_that_fails_stops_neither_the_others_nor_the_reload(kinds, caplog):
    parts = Background(None)
    parts.follow("first")
    parts.follow("second")
    assert [part.followed for part in Part.made] == [["first", "second"]] * 2
    asyncio.run(parts.close())
    assert parts.part("good").is_closed
    assert [record.getMessage() for record in caplog.records] == [
        "bad: what works beside the requests could not follow the configuration"] * 2 + ["bad: closing it failed"]


def test_a_part_that_prepares_is_asked_before_and_told_of_a_refusal(kinds, monkeypatch):
    class Prepares(Part):
        async def prepare(self, model: object) -> None:
            self.followed.append(f"soon {model}")

        def abandon(self) -> None:
            self.followed.append("not so")

    sys.modules["parts_of_a_test"].Prepares = Prepares
    monkeypatch.setitem(background.KINDS, "good", Kind(lambda model: True, "parts_of_a_test:Prepares", prepares=True))
    parts = Background(None)
    asyncio.run(parts.prepare("first"))
    parts.abandon()
    asyncio.run(parts.prepare("second"))
    parts.follow("second")
    assert parts.part("good").followed == ["soon first", "not so", "soon second", "second"]
    assert parts.part("bad").followed == ["second"]


def test_what_parts_need_is_imported_in_a_thread(kinds, monkeypatch):
    threads = []

    def import_module(name: str) -> ModuleType:
        threads.append(threading.current_thread())
        return sys.modules[name]

    monkeypatch.setattr(background, "import_module", import_module)
    asyncio.run(Background(None).prepare(SimpleNamespace()))
    assert len(threads) == 2 and threading.main_thread() not in threads
