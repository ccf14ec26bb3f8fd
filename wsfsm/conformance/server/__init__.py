"""Playing cases on servers: the runner, its raw client, and the application that servers serve."""

__all__: list[str] = []
