from wsfsm import WebSocket
from wsfsm.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    websocket = WebSocket(scope, receive, send)
    if websocket.query_params.get("token") != "secret":
        await websocket.close(1008)  # before the accept this is HTTP 403
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"you said: {text}")
