"""Examples, as tests import them."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from django.conf import settings
from django.utils.functional import empty

from helpers.asgi import ROOT

EXAMPLES = ROOT / "examples"


def load(name: str) -> ModuleType:
    path = EXAMPLES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # frameworks read the annotations of handlers in it
    spec.loader.exec_module(module)
    return module


@contextmanager
def unconfigured() -> Iterator[None]:
    """Let an example configure Django, which other tests configure too."""
    before, settings._wrapped = settings._wrapped, empty
    try:
        yield
    finally:
        settings._wrapped = before
