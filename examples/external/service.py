#!/usr/bin/env python3
"""An example of a service for the plugin `external` (docs/external.md), with nothing but the standard library.

    python3 examples/external/service.py 9100

It lets nobody but the tenants in TENANTS pass, tells the upstream which plan they have, and prints who was served.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TENANTS = {"blue": "gold", "green": "basic"}


def decide(question: dict) -> dict:
    headers = {name.lower(): value for name, value in question["request"]["headers"]}
    tenant = headers.get("x-tenant")
    if tenant not in TENANTS:
        return {"action": "exit", "status": 403, "json": {"reason": "no such tenant"}}
    return {"action": "continue", "set_headers": {"X-Plan": TENANTS[tenant]}, "remove_headers": ["X-Tenant"],
            "response_headers": {"X-Served-For": tenant}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"       # connections stay open

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if question["phase"] == "log":
            print(question["request"]["path"], question["outcome"]["status"], flush=True)
            self.send_response(204)
            self.end_headers()
            return
        body = json.dumps(decide(question)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not a line for each request."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9100), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()
