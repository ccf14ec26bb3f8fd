"""Adapters of the core to servers, and the frames that they share.

``frames`` needs the package ``websockets``, and ``uvicorn`` needs the extra ``uvicorn``.
"""

__all__: list[str] = []
