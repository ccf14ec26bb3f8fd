"""Playing cases on facades: the runner, the adapters, and a fake server in virtual time."""

__all__: list[str] = []
