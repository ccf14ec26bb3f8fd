"""Glue for servers and frameworks; each module needs what it is called after."""

__all__: list[str] = []
