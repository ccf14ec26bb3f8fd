"""Versions of the packages that a target consists of."""

import contextlib
import importlib.metadata
import platform
from collections.abc import Mapping

__all__ = ["installed_version", "installed_versions"]


def installed_version(package: str) -> str:
    """The version of a package, or "" if it is not installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        return importlib.metadata.version(package)
    return ""


def installed_versions(*packages: str) -> Mapping[str, str]:
    """Versions of those packages that are installed, and of this Python."""
    found = {package: number for package in packages if (number := installed_version(package))}
    return {**found, platform.python_implementation(): platform.python_version()}
