"""Adapters of the core to servers and of the facade to frameworks, and the frames that servers share.

``frames`` needs the package ``websockets``; ``uvicorn``, ``starlette`` and ``fastapi`` need the extras of
these names.
"""

__all__: list[str] = []
