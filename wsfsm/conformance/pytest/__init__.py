"""The plugin of pytest: every case is a test."""

__all__: list[str] = []
