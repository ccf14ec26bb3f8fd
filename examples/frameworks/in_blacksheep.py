from blacksheep import Application

from wsfsm import WebSocket, asgi


class Calculator:
    """A service of the application."""

    def double(self, number: int) -> int:
        return 2 * number


app = Application()
app.services.register(Calculator)


async def double(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    calculator = app.services.resolve(Calculator)
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(calculator.double(int(text))))


app.mount("/double", asgi(double))
