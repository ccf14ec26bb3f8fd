"""Conformance: cases that tell whether a server, or a facade, does what the ASGI text demands."""

__all__: list[str] = []
