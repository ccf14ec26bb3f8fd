"""Contents of messages: made of a few numbers, so that both sides can make the same ones."""

import hashlib
import random
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

__all__ = ["NOTHING", "Batch", "Payload", "digest"]

Payload: TypeAlias = str | bytes

# of one, two, three and four bytes in UTF-8
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz 0123456789 éßжλ €漢字☃ 🚀𝄞"
_TILE: Final = 997  # characters or bytes after which a long content repeats itself
_EDGES: Final = (0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537)
_RANGES: Final = {
    "tiny": (0, 12),
    "usual": (0, 2_000),
    "large": (10_000, 60_000),
    "huge": (100_000, 600_000),
    "vast": (1_000_000, 1_500_000),
}


@attrs.frozen
class Batch:
    """Messages that follow one another.

    Args:
        seed: Seed of all that is random in them.
        count: Number of messages.
        sizes: Bytes that each has: a name of a range, or "edges" for the sizes at which a frame's
            head changes (RFC 6455 5.2).
    """

    seed: int = 0
    count: int = 0
    sizes: str = "tiny"

    def __iter__(self) -> Iterator[Payload]:
        """The contents, in order."""
        rng = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        for number in range(self.count):
            edges = self.sizes == "edges"
            size = rng.choice(_EDGES) if edges else rng.randint(*_RANGES[self.sizes])
            yield _content(rng, number, size)


NOTHING: Final = Batch()
"""No messages."""


def _content(rng: random.Random, number: int, size: int) -> Payload:
    """A text or bytes of so many bytes; texts repeat themselves, bytes do or do not."""
    kind = rng.choice(("text", "text", "tiles", "noise"))
    if kind == "noise":
        return rng.randbytes(size)
    # without the number a lost message could hide behind one of the same content
    start = f"#{number} "
    if kind == "tiles":
        tile = start.encode() + rng.randbytes(min(size, _TILE))
        return (tile * (size // len(tile) + 1))[:size]
    letters = start + "".join(rng.choices(_LETTERS, k=min(size, _TILE)))
    text = (letters * (size // len(letters) + 1)).encode()[:size].decode(errors="ignore")
    return text + "x" * (size - len(text.encode()))


def digest(payload: Payload) -> str:
    """A short name of a content, which differs if its kind or any byte does."""
    data = payload.encode() if isinstance(payload, str) else payload
    kind = "text" if isinstance(payload, str) else "bytes"
    return f"{kind} of {len(data)} B [{hashlib.blake2s(data, digest_size=5).hexdigest()}]"
