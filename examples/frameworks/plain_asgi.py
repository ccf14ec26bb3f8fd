from wsfsm import WebSocket, asgi
from wsfsm.types import Receive, Scope, Send


async def double(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(2 * int(text)))


doubling = asgi(double)


async def website(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for the application that you have."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the website"})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and scope["path"] == "/double":
        await doubling(scope, receive, send)
    else:
        await website(scope, receive, send)
