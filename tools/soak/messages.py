"""Contents of messages, generated from a few numbers, so that both sides generate the same ones."""

import hashlib
import random
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

__all__ = ["NOTHING", "Batch", "Payload", "digest"]

Payload: TypeAlias = str | bytes

# letters of one, two, three and four bytes in UTF-8
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
    """A sequence of messages.

    Args:
        seed: Seed of the contents.
        count: Number of messages.
        sizes: Sizes in bytes: the name of a range, or "edges" for the sizes at which the head of a
            frame changes (RFC 6455 5.2).
    """

    seed: int = 0
    count: int = 0
    sizes: str = "tiny"

    def __iter__(self) -> Iterator[Payload]:
        """Yield the contents, in order."""
        rng = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        for number in range(self.count):
            edges = self.sizes == "edges"
            size = rng.choice(_EDGES) if edges else rng.randint(*_RANGES[self.sizes])
            yield _content(rng, number, size)


NOTHING: Final = Batch()
"""No messages."""


def _content(rng: random.Random, number: int, size: int) -> Payload:
    """Generate a text or bytes of a size. Texts are repetitive, bytes are repetitive or random."""
    kind = rng.choice(("text", "text", "tiles", "noise"))
    if kind == "noise":
        return rng.randbytes(size)
    # with a number, because otherwise a message with the same content could hide that one is lost
    start = f"#{number} "
    if kind == "tiles":
        tile = start.encode() + rng.randbytes(min(size, _TILE))
        return (tile * (size // len(tile) + 1))[:size]
    letters = start + "".join(rng.choices(_LETTERS, k=min(size, _TILE)))
    text = (letters * (size // len(letters) + 1)).encode()[:size].decode(errors="ignore")
    return text + "x" * (size - len(text.encode()))


def digest(payload: Payload) -> str:
    """Return a short name of a content, which depends on its kind and on every byte."""
    data = payload.encode() if isinstance(payload, str) else payload
    kind = "text" if isinstance(payload, str) else "bytes"
    return f"{kind} of {len(data)} B [{hashlib.blake2s(data, digest_size=5).hexdigest()}]"
