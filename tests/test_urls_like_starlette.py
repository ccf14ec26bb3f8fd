"""URLs compared with Starlette's, on generated scopes and parts."""

from collections.abc import Callable
from typing import Any

from helpers.hosts import BAD_HOSTS, SOUND_HOSTS
from hypothesis import given
from hypothesis import strategies as st
from starlette import datastructures as theirs

from wsfsm.datastructures import URL


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the class of its exception."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, both have to raise it
        return type(error)


# Against Starlette, with random input

SCHEMES = st.sampled_from(["http", "https", "ws", "wss"])
ENCODABLE = st.characters(codec="utf-8")
PORTS = st.one_of(st.sampled_from([80, 443]), st.integers(0, 65535))


HOSTS = st.one_of(
    st.sampled_from(SOUND_HOSTS + BAD_HOSTS),
    st.text("aV1.:[]%-@/ é", max_size=12).map(lambda text: text.encode("latin-1")),
    st.from_regex(rb"[a-c.]{0,3}(\[[0-9a-f:]{0,8}\])?(:[0-9]{0,7})?", fullmatch=True),
    st.binary(max_size=12),
)


SERVER_HOSTS = st.one_of(
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "fe80::1%eth0"]),
    st.ip_addresses().map(str),
    st.text("abc-.", min_size=1),
)


NAMES = st.sampled_from(["host", "a", "b"]).map(str.encode)
HEADERS = st.lists(st.tuples(NAMES, HOSTS), max_size=3)


# tab and newlines, which Starlette leaves in the path, are a difference
PATHS = st.one_of(
    st.sampled_from(["", "*"]),
    st.text("/\\?#:.a%é ", max_size=8).map("/{}".format),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n")).map("/{}".format),
)


SCOPES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["http", "websocket"]),
        "scheme": SCHEMES,
        "path": PATHS,
        "headers": HEADERS,
        "query_string": st.text(ENCODABLE).map(str.encode),
    },
    optional={
        "server": st.none() | st.tuples(SERVER_HOSTS, PORTS),
        "root_path": st.text("/a"),
    },
)


URLS = st.one_of(
    st.text(),
    st.from_regex(
        r"((https?|wss?):)?(//([ub]?(:[pq@]{0,2})?@)?(h|H\.i|\[::1\])?(:[0-9]{0,6})?)?"
        r"(/[ab%]{0,3}){0,2}(\?[a-c=&+%;]{0,8})?(\#f?)?",
        fullmatch=True,
    ),
)


NEW_PARTS = st.fixed_dictionaries(
    {},
    optional={
        "scheme": SCHEMES,
        "netloc": st.text("h:@", max_size=5),
        "path": PATHS,
        "query": st.text("ab=&"),
        "fragment": st.text("ab"),
        "hostname": st.none() | SERVER_HOSTS | st.ip_addresses(v=6).map(str) | st.text("a:[]"),
        "port": st.none() | PORTS,
        "username": st.none() | st.text("ab"),
        "password": st.none() | st.text("ab"),
    },
)


KEYWORDS = st.dictionaries(
    st.text("abc", min_size=1), st.one_of(st.text(ENCODABLE), st.integers(), st.none(), st.binary())
)


PARTS = ["components", "netloc", "username", "password", "hostname", "port", "is_secure"]


def seen(url: Any) -> dict[str, Any]:
    return {part: outcome(lambda part=part: getattr(url, part)) for part in PARTS}  # type: ignore[misc]


class TestLikeStarlette:
    @given(SCOPES)
    def test_any_url_of_a_scope_is_like_starlettes(self, scope: dict[str, Any]) -> None:
        mine, other = URL(scope=dict(scope)), theirs.URL(scope=dict(scope))
        assert str(mine) == str(other)
        assert seen(mine) == seen(other)

    @given(URLS)
    def test_parts_of_any_url_are_like_starlettes(self, text: str) -> None:
        mine, other = URL(text), theirs.URL(text)
        assert seen(mine) == seen(other)
        shown = outcome(lambda: repr(other))
        assert repr(mine) == ("URL(<unreadable>)" if shown is ValueError else shown)

    @given(URLS, NEW_PARTS)
    def test_any_url_with_replaced_parts_is_like_starlettes(
        self, text: str, parts: dict[str, Any]
    ) -> None:
        mine = outcome(lambda: str(URL(text).replace(**parts)))
        assert mine == outcome(lambda: str(theirs.URL(text).replace(**parts)))

    @given(NEW_PARTS)
    def test_any_url_of_components_is_like_starlettes(self, parts: dict[str, Any]) -> None:
        mine = outcome(lambda: str(URL(**parts)))
        assert mine == outcome(lambda: str(theirs.URL(**parts)))

    @given(URLS, KEYWORDS, st.lists(st.text("abc")))
    def test_any_url_with_an_edited_query_is_like_starlettes(
        self, text: str, params: dict[str, Any], names: list[str]
    ) -> None:
        for edit in (
            lambda url: str(url.include_query_params(**params)),
            lambda url: str(url.replace_query_params(**params)),
            lambda url: str(url.remove_query_params(names)),
        ):
            mine = outcome(lambda edit=edit: edit(URL(text)))  # type: ignore[misc]
            assert mine == outcome(lambda edit=edit: edit(theirs.URL(text)))  # type: ignore[misc]
