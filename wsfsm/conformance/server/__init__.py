"""Cases for servers: the processes, the client that plays them, and the application that they serve."""

__all__: list[str] = []
