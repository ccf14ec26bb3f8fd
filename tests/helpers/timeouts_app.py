"""An application that receives with very short timeouts, and answers with all that it has received."""

import json
from typing import Final

import wsfsm

__all__ = ["END", "app"]

END: Final = "end"
_SECONDS: Final = 0.0005


async def _receives(websocket: wsfsm.WebSocket) -> None:
    await websocket.accept()
    got: list[str] = []
    timeouts = 0
    while END not in got:
        try:
            got.append(await websocket.receive_text(timeout=_SECONDS))
        except TimeoutError:
            timeouts += 1
    await websocket.send_text(json.dumps([timeouts, got]))


app: Final = wsfsm.asgi(_receives)
