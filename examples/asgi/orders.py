"""An API in FastAPI that the gateway serves itself: `fastgate run -c examples/asgi/fastgate.yaml`, from the tree's root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, dict[int, str]]]:
    """Before the first request, and after the last: the place for pools and clients."""
    yield {"orders": {1: "two cups", 2: "a teapot"}}


app = FastAPI(title="Orders", lifespan=lifespan)


@app.get("/orders/{number}")
async def order(number: int, request: Request) -> dict[str, str]:
    try:
        what = request.state.orders[number]
    except KeyError:
        raise HTTPException(404, "no such order") from None
    # The gateway has asked for the key; whose it is, it says in a header that clients can't set.
    return {"order": what, "for": request.headers.get("x-consumer-username", "nobody")}


@app.websocket("/news")
async def news(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(f"you said: {await socket.receive_text()}")
    except WebSocketDisconnect:
        pass
