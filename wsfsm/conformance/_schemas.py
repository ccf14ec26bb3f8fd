"""Checking files against the JSON Schemas in ``specs/conformance``, which alone describe them."""

import functools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wsfsm.conformance.values import CaseError, describe_value

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

__all__ = ["FOLDER", "check", "read_toml"]

_HERE: Final = Path(__file__).parent
_SOURCE: Final = _HERE.parents[1] / "specs" / "conformance"
FOLDER: Final = _HERE / "data" if (_HERE / "data").is_dir() else _SOURCE
"""The folder of the cases and schemas: in the package, or in the tree that it is run from."""

_COMMON: Final = "common.schema.json"
_TYPES: Final[Mapping[str, str]] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a table",
    "string": "a text",
}


def read_toml(path: Path, schema: str, *, trusted: bool = False) -> dict[str, Any]:
    """Read a TOML file, and check it.

    Args:
        path: The file.
        schema: Name of its schema.
        trusted: Whether to skip the check, for files that the tests of this project check.

    Raises:
        CaseError: The file is not TOML, or does not match the schema.
        OSError: The file cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or nested too deeply
        raise CaseError(str(error)) from None
    if not trusted:
        check(tables, schema)
    return tables


def check(data: Any, schema: str) -> None:
    """Check the contents of a file.

    Args:
        data: The contents.
        schema: Name of the schema.

    Raises:
        CaseError: The contents do not match it.
    """
    # of several errors, the innermost says most; an unknown key may only follow from another error
    errors = _validator(schema).iter_errors(data)
    worst = max(errors, key=lambda e: (len(e.path), "Properties" not in e.validator), default=None)
    if worst is not None:
        raise CaseError(f"{_place(data, worst.path)} {_explain(worst)}")


@functools.cache
def _validator(schema: str) -> "Draft202012Validator":
    # imported here, because it takes a while, and our own cases are not checked when they are read
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from referencing import Registry, Resource  # noqa: PLC0415

    common: Resource[Any] = Resource.from_contents(_load(_COMMON))
    registry: Registry[Any] = Registry().with_resource(_COMMON, common)
    return Draft202012Validator(_load(f"{schema}.schema.json"), registry=registry)


def _load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def _place(data: Any, path: Iterable[str | int]) -> str:
    """The place of an error, for example ``case close.code-4000, steps[1].expect``."""
    text, item = "", data
    for key in path:
        item = item[key]
        name = _name(item)
        if isinstance(key, str):
            text += f".{key}" if text and not text.endswith(" ") else key
        elif name and "." not in text and "[" not in text:
            text += f" {name}, "
        else:
            text += f"[{key}]"
    return text.removesuffix(", ") or "the file"


def _name(item: Any) -> str:
    name = (item.get("id") or item.get("case")) if isinstance(item, Mapping) else None
    return name if isinstance(name, str) else ""


def _explain(error: Any) -> str:
    wrong, wanted = error.instance, error.validator_value
    match error.validator:
        case "required":
            return f"lacks the key {', '.join(key for key in wanted if key not in wrong)}"
        case "additionalProperties" | "unevaluatedProperties":
            # only the message has them
            unknown = re.findall(r"'([^']+)'", error.message)
            return f"has an unknown key, {', '.join(unknown)}"
        case "enum" if "description" not in error.schema:
            expected = " or ".join(map(str, wanted))
        case "const":
            expected = json.dumps(wanted)
        case "type" if "description" not in error.schema:
            expected = _TYPES[wanted]
        case _:
            # otherwise jsonschema's message says why
            expected = error.schema.get("description", "")
    if not expected:
        return f"is wrong, because {error.message}"
    return f"should be {expected}, not {describe_value(wrong)}"
