"""Reports of results, for terminals, browsers and programs."""

__all__: list[str] = []
