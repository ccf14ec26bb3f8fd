"""Cases for facades: their adapters, and the server that they talk to in virtual time."""

__all__: list[str] = []
