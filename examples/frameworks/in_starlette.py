from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute

from wsfsm import WebSocket, asgi


async def times(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    factor = websocket.path_params["factor"]
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(factor * int(text)))


app = Starlette(
    routes=[
        WebSocketRoute("/times/{factor:int}", asgi(times)),
        Mount("/mounted/{factor:int}", asgi(times)),  # at /mounted/2/ and all that is below it
    ]
)
