"""Names for formats that allow only some characters: codes that can be decoded again."""

import re
import sys

__all__ = ["decoded", "encoded"]


def encoded(name: str, forbidden: str) -> str:
    """Replace each character that a pattern forbids by its code, ``_x002A_`` for an asterisk.

    The form is that of ISO/IEC 9075-14 (SQL/XML). An empty name becomes ``_x_``.
    """
    if not name:
        return "_x_"
    # an underscore must not begin a code, neither with the name's own characters nor with a code after it
    return re.sub(
        f"{forbidden}|_(?=x[0-9A-F]*(?:_|{forbidden}))", lambda c: f"_x{ord(c[0]):04X}_", name
    )


def decoded(code: str) -> str:
    """Return the name that has been encoded. The code of a character that does not exist stays as it is."""
    return re.sub("_x([0-9A-F]*)_", _character, code)


def _character(found: re.Match[str]) -> str:
    digits = found[1].lstrip("0")
    if not found[1]:
        return ""
    known = len(digits) <= 6 and int(digits or "0", 16) <= sys.maxunicode
    return chr(int(digits or "0", 16)) if known else found[0]
