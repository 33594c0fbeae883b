"""A gateway that serves ASGI applications from a folder, and an application for most tests."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from support.site import Config, config_of

# What happens to it is in the file `events`, a line each.
STARLETTE = '''
import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

HERE = Path(__file__).parent


def note(text):
    with open(HERE / "events", "a") as file:
        file.write(text + "\\n")


@asynccontextmanager
async def lifespan(app):
    note("startup")
    yield {"greeting": "hello"}
    note("shutdown")


async def scope(request):
    seen = {name: request.scope[name] for name in ("type", "method", "path", "root_path", "scheme", "client", "server")}
    return JSONResponse(seen | {"raw_path": request.scope["raw_path"].decode(), "url": str(request.url),
                                "query": request.url.query, "greeting": request.state.greeting,
                                "headers": dict(request.headers)})


async def upload(request):
    size, pieces = 0, 0
    async for piece in request.stream():
        size += len(piece)
        pieces += 1
    return JSONResponse({"size": size, "pieces": pieces})


go_on = asyncio.Event()
went_away = asyncio.Event()


async def stream(request):
    async def body():
        for at in range(3):
            yield b"piece %d" % at
            await go_on.wait()
            go_on.clear()
    return StreamingResponse(body())


async def go(request):
    go_on.set()
    return PlainTextResponse("")


async def hang(request):
    async def body():
        yield b"begun"
        try:
            while True:             # a client's end is heard when something is sent to it
                yield b"."
                await asyncio.sleep(0.02)
        finally:
            went_away.set()
    return StreamingResponse(body())


async def gone(request):
    await went_away.wait()
    return PlainTextResponse("gone")


async def later(request):
    async def work():
        await go_on.wait()
        note("background")
    return PlainTextResponse("accepted", background=BackgroundTask(work))


async def raises(request):
    raise ValueError("the reason")


async def exits(request):
    asyncio.get_running_loop().call_soon(exit, 3)
    await asyncio.Event().wait()


async def echo(socket):
    await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
    async for message in socket.iter_text():
        await socket.send_text(f"{socket.scope['scheme']} {socket.client.host} {message}")
    note("websocket ended")


app = Starlette(lifespan=lifespan, routes=[
    Route(f"/{handler.__name__}", handler, methods=["GET", "POST", "PUT"])
    for handler in (scope, upload, stream, go, hang, gone, later, raises, exits)] + [WebSocketRoute("/echo", echo)])
'''


def write_application(folder: Path, name: str, text: str = STARLETTE) -> str:
    """Its address, `asgi:NAME:app`."""
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return f"asgi:{name}:app"


def config_with(folder: Path, *urls: str, gateway: Config | None = None, asgi: Config | None = None,
                **fields: Any) -> Config:
    """The first application on /, and all of them below /0, /1 …, which is stripped."""
    services = []
    for at, url in enumerate(urls):
        routes: list[Config] = [{"name": f"below-{at}", "paths": [f"/{at}"]}]
        if at == 0:
            routes.append({"name": "all", "paths": ["/"], "strip_path": False})
        services.append({"name": f"application-{at}", "url": url, "routes": routes, **fields})
    return config_of(*services, gateway={"asgi": {"path": str(folder), **(asgi or {})}, **(gateway or {})})


def events(folder: Path) -> list[str]:
    file = folder / "events"
    return file.read_text().split() if file.exists() else []
