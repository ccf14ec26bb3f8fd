"""The conformance suite: cases as data, and what plays them on servers and on facades."""

__all__: list[str] = []
