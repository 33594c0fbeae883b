"""An upstream whose answers a test holds back, and a configuration that leads to it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HeldUpstream:
    """Answers every GET with 200 and `text`; those of `/held` only after `release()`."""

    def __init__(self, text: str = "answer") -> None:
        self.text = text
        self.held = threading.Semaphore(0)      # released once per request that waits
        self._go = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/held":
                    upstream.held.release()
                    upstream._go.wait(30)
                content = upstream.text.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def release(self) -> None:
        self._go.set()

    def close(self) -> None:
        self.release()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def to(url: str, path: str = "/", **gateway_section) -> dict:
    """A configuration with one route to `url`."""
    config = {"services": [{"name": "s", "url": url, "routes": [{"name": "r", "paths": [path], "strip_path": False}]}]}
    return config | ({"gateway": gateway_section} if gateway_section else {})
