"""The payload of a message that arrives in pieces."""

from codecs import utf_8_decode
from typing import Any, Final

from wsfsm.integrations._deflate import Inflater

__all__ = ["Payload"]

_SMALL: Final = 2**10
"""Pieces with fewer bytes or characters are joined."""

_RUN: Final = 64
"""The number of small pieces that are joined into one, because each piece has an overhead."""

_SURROGATES: Final = range(0xA0, 0xC0)
"""The second byte of a surrogate in UTF-8; the first one is ED."""


class Payload:
    """The payload of a message that arrives in pieces. A text is decoded piece by piece.

    Args:
        is_text: Whether the message is a text.
        inflater: The inflater of a compressed message, or None; `whole` finishes it.

    Attributes:
        is_text: As above.
        inflater: As above.
        size: Bytes so far, including the announced bytes of a frame. The reader counts them.
    """

    __slots__ = ("_empty", "_pieces", "_run", "_split", "inflater", "is_text", "size")

    def __init__(self, *, is_text: bool, inflater: Inflater | None) -> None:
        self.is_text = is_text
        self.inflater = inflater
        self.size = 0
        self._split = b""  # the first bytes of an incomplete character
        self._empty: Any = "" if is_text else b""
        self._pieces: list[Any] = []
        self._run = 0  # the number of small pieces at the end

    def add(self, data: bytes) -> None:
        """Add a piece.

        Args:
            data: At least one byte.

        Raises:
            UnicodeDecodeError: The text is not UTF-8. This is raised at the first byte that cannot be
                part of a valid character.
        """
        piece = self._decoded(data) if self.is_text else data
        self._pieces.append(piece)
        if len(piece) >= _SMALL:
            self._run = 0
            return
        self._run += 1
        if self._run == _RUN:
            self._pieces[-_RUN:] = [self._empty.join(self._pieces[-_RUN:])]
            self._run = 0

    def whole(self) -> str | bytes:
        """Return the whole payload.

        Raises:
            UnicodeDecodeError: A text ends in the middle of a character.
            zlib.error: A compressed message is truncated.
        """
        if self.inflater is not None:
            self.inflater.finish()
        if self._split:
            self._split.decode()
        whole: str | bytes = self._empty.join(self._pieces)
        return whole

    def _decoded(self, data: bytes) -> str:
        if self._split:
            data = self._split + data
        text, used = utf_8_decode(data, "strict", False)  # noqa: FBT003 - the parameter has no name
        split = self._split = data[used:]
        # Python's decoder would wait for the third byte of a surrogate
        if len(split) == 2 and split[0] == 0xED and split[1] in _SURROGATES:
            split.decode()
        return text
