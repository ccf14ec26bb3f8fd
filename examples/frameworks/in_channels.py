from channels.auth import AuthMiddlewareStack
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

from wsfsm import WebSocket, asgi

settings.configure(  # in a project, they are in settings.py
    SECRET_KEY="a secret of the example",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=(),
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
website = get_asgi_application()


async def times(websocket: WebSocket) -> None:
    if websocket.query_params.get("token") != "secret":
        await websocket.deny(403, body="a token is needed")
        return
    factor = websocket.scope["url_route"]["kwargs"]["factor"]
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(factor * int(text)))


async def news(websocket: WebSocket) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("news", channel)
    try:
        await websocket.accept()
        await websocket.send_json({"user": str(websocket.scope["user"])})
        async with websocket.until_disconnect():
            while True:
                await websocket.send_json(await layer.receive(channel))
    finally:
        await layer.group_discard("news", channel)


routes = [path("times/<int:factor>", asgi(times)), path("news", asgi(news))]
app = ProtocolTypeRouter(
    {
        "http": website,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(routes))),
    }
)
