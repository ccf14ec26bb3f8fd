"""Explicit state machines for ASGI WebSockets."""
