"""One application's thread, as the control plane sees it."""

import logging

from fastgate.asgi.server import ApplicationServer


def test_who_reads_that_it_died_finds_it_dead(tmp_path, monkeypatch):
    """Or a reload at once would keep it, as one that serves."""
    server = ApplicationServer("shop:app", str(tmp_path / "socket"), {}, lambda: None)
    found = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append((record.getMessage().partition(":")[0], server.is_serving, server.ended.done()))

    def serve() -> str:
        server.started.set_result("")
        assert server.is_serving
        raise SystemExit(3)

    log, reader = logging.getLogger("fastgate.asgi"), Reader(logging.CRITICAL)
    log.addHandler(reader)
    try:
        monkeypatch.setattr(server, "_serve", serve)
        server.start()
        server._thread.join(60)
    finally:
        log.removeHandler(reader)
    assert found == [("the application shop", False, True)]
