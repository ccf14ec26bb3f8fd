"""Write `docs/differences.md` from `specs/starlette.toml`: run `python -m tools.differences`."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SPECIFICATION: Final = ROOT / "specs" / "starlette.toml"
PAGE: Final = ROOT / "docs" / "differences.md"

_HEAD: Final = """\
# Differences from Starlette

A class of wsfsm does what the class of the same name in Starlette does, except for the {count} differences on this
page. Most of them are about mistakes, of an application, a client or a server. For example, this finds the header,
and prints None with Starlette's class:

```python
from wsfsm.datastructures import Headers

print(Headers(raw=[(b"X-A", b"1")]).get("x-a"))
```

```text
1
```

[`specs/starlette.toml`](../specs/starlette.toml) is the list, and this page is made of it. A test runs each difference
against the classes of Starlette 1.10 and of wsfsm. If you want to know first what you gain, read
[the comparison](comparison.md); [the guide](frameworks.md) shows how to move.
"""


def page() -> str:
    """Return the text of the page."""
    rows = tomllib.loads(SPECIFICATION.read_text(encoding="utf-8"))
    calls, scripts = rows["difference"], rows["script"]
    outcomes = [
        (row["what"], _outcome(row["starlette"]), _outcome(row["wsfsm"]), row["why"])
        for row in scripts
    ]
    return "".join(
        [
            _HEAD.format(count=len(calls) + len(scripts)),
            "\n## Messages, states and the end of a connection\n\n",
            *_table(("difference", "reason"), [(row["what"], row["why"]) for row in calls]),
            "\n## Scopes, URLs, headers and classes\n\n",
            *_table(("difference", "in Starlette", "in wsfsm", "reason"), outcomes),
        ]
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        line = " | ".join(cell.replace("|", r"\|") for cell in cells)
        yield f"| {line} |\n"


def _outcome(pattern: str) -> str:
    """Return the outcome that a regular expression describes, as a reader says it."""
    outcome = pattern.removesuffix(": .*").replace(".*", "...")
    outcome = re.sub(r"\\(\W)", r"\1", outcome)
    verb, _, value = outcome.partition(" ")
    return f"{verb} `{value or None}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
