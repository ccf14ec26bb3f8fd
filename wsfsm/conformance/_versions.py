"""The versions of what a target is made of."""

import contextlib
import importlib.metadata
import platform
from collections.abc import Mapping

__all__ = ["version", "versions"]


def version(package: str) -> str:
    """Version of a package, or "" if none of this name is installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        return importlib.metadata.version(package)
    return ""


def versions(*packages: str) -> Mapping[str, str]:
    """Versions of those packages that are installed, and of the Python that they are installed in."""
    known = {package: told for package in packages if (told := version(package))}
    return {**known, platform.python_implementation(): platform.python_version()}
