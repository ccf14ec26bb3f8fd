"""The plugin of pytest, in which every case is a test."""

__all__: list[str] = []
