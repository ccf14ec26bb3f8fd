"""Broken servers: where a stream is cut, compressed, long or at its end.

As in ``test_conformance_server_mutants``.
"""

from collections.abc import Callable, Mapping
from functools import partial

import pytest
from broken_streams import APPLICATIONS, HEADS, LYING, READ, WRITTEN
from test_conformance_server_mutants import AGAINST, BROKEN, failures, settled

pytestmark = BROKEN

RUNS: Mapping[str, Callable[..., set[str]]] = {
    **{n: partial(failures, n, m) for n, (m, _) in APPLICATIONS.items()},
    **{n: partial(failures, n, protocol=m) for n, (m, _) in (READ | WRITTEN).items()},
    **{n: partial(failures, n, http=m) for n, (m, _) in HEADS.items()},
    **{n: partial(failures, n, protocol=m, http=http) for n, (m, http, _) in LYING.items()},
}

CAUGHT: Mapping[str, set[str]] = {
    **{n: caught for n, (_, caught) in APPLICATIONS.items()},
    **{n: caught for n, (_, caught) in (READ | WRITTEN).items()},
    **{n: caught for n, (_, caught) in HEADS.items()},
    **{n: caught for n, (_, _, caught) in LYING.items()},
}


@AGAINST
@pytest.mark.parametrize("name", CAUGHT)
def test_a_broken_server_fails_what_is_about_it(name: str, *, others: bool) -> None:
    assert settled(RUNS[name], CAUGHT[name], others=others) == CAUGHT[name]
