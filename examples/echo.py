from wsfsm import WebSocket, asgi


async def echo(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="The token is wrong.")
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"you said: {text}")


app = asgi(echo)
