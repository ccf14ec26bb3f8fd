from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from wsfsm import WebSocket, asgi


async def times(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    factor = websocket.path_params.get("factor", 2)
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(factor * int(text)))


app = FastAPI()
app.router.routes.append(WebSocketRoute("/times/{factor:int}", asgi(times)))
app.mount("/mounted", asgi(times))  # at /mounted/ and all that is below it
