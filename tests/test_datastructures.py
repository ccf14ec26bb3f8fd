import copy
import pickle
import weakref
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette import datastructures as theirs

from wsfsm import datastructures as ours
from wsfsm.datastructures import URL, Address, Headers, ImmutableMultiDict, QueryParams, State


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the class of what it raises: two calls can be compared."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, both have to raise it
        return type(error)


def of_scope(**changes: Any) -> dict[str, Any]:
    """A scope of the least that Starlette can make a URL from, with changes; None removes."""
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": []}
    return {key: value for key, value in (scope | changes).items() if value is not None}


SERVER = ("server.example", 8000)

# (changes of the scope, the URL): Starlette's are the same
SAME_URLS: list[tuple[dict[str, Any], str]] = [
    ({}, "/"),
    ({"path": ""}, ""),
    ({"path": "*"}, "*"),
    ({"query_string": b"a=1"}, "/?a=1"),
    ({"query_string": "a=é".encode()}, "/?a=é"),
    ({"path": "//evil.example/x"}, "/%2Fevil.example/x"),
    ({"path": "/\\evil.example/x"}, "/%5Cevil.example/x"),
    ({"path": "/a?b#c\\d", "server": SERVER}, "http://server.example:8000/a%3Fb%23c%5Cd"),
    ({"path": "//x", "server": SERVER}, "http://server.example:8000//x"),
    ({"path": "*", "server": SERVER}, "http://server.example:8000/*"),
    ({"path": "", "server": SERVER}, "http://server.example:8000"),
    ({"path": "/é", "server": SERVER}, "http://server.example:8000/é"),
    ({"root_path": "/app", "path": "/app/x", "server": SERVER}, "http://server.example:8000/app/x"),
    ({"server": ("h", 80)}, "http://h/"),
    ({"server": ("h", 443)}, "http://h:443/"),
    ({"server": ("h", 443), "scheme": "https"}, "https://h/"),
    ({"server": ("h", 80), "scheme": "ws"}, "ws://h/"),
    ({"server": ("h", 443), "scheme": "wss"}, "wss://h/"),
    ({"server": ["h", 0]}, "http://h:0/"),
    ({"server": ("::1", 80)}, "http://[::1]/"),
    ({"server": ("[::1]", 80)}, "http://[::1]/"),
    ({"server": ("fe80::1%eth0", 1)}, "http://[fe80::1%eth0]:1/"),
]

SOUND_HOSTS = [
    b"h",
    b"H.Example",
    b"h:80",
    b"h:0",
    b"h:00080",
    b"h:65535",
    b"h:000000065535",
    b"127.0.0.1:8000",
    b"[::1]",
    b"[::1]:8000",
    b"[::ffff:127.0.0.1]",
    b"[FE80::ABCD]",
    b"[v1.a:b]",
    b"[vF.~]:1",
    b"a_b~c%20!$&'()*+,;=-.d",
]

BAD_HOSTS = [
    b"",
    b"h:",
    b":80",
    b"h:port",
    b"h:-1",
    b"h:65536",
    b"h:99999",
    b"h:" + b"9" * 5000,
    b"h:80:80",
    b"h/path",
    b"h?query",
    b"h#fragment",
    b"h\\path",
    b"user@h",
    b"a b",
    b"h\n",
    b" h",
    b"h\xe9",
    b"::1",
    b"[::1",
    b"[]",
    b"[::1]x",
    b"[:::1]",
    b"[1.2.3.4]",
    b"[::1%eth0]",
    b"[V1.a]",
    b"[v1]",
    b"[v1.]",
    b"[vG.a]",
]


class TestUrlOfAScope:
    @pytest.mark.parametrize(("changes", "url"), SAME_URLS)
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_has_the_authority_path_and_query_of_the_scope(
        self, module: Any, changes: dict[str, Any], url: str
    ) -> None:
        assert str(module.URL(scope=of_scope(**changes))) == url

    @pytest.mark.parametrize("host", SOUND_HOSTS)
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_takes_a_sound_host_header_as_it_is(self, module: Any, host: bytes) -> None:
        headers = [(b"a", b"b"), (b"host", host), (b"host", b"second")]
        url = module.URL(scope=of_scope(headers=headers, server=SERVER))
        assert str(url) == f"http://{host.decode()}/"
        assert url.netloc == host.decode()

    @pytest.mark.parametrize("host", BAD_HOSTS)
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_takes_the_server_where_the_host_header_is_bad(self, module: Any, host: bytes) -> None:
        headers = [(b"host", host), (b"host", b"second")]
        url = module.URL(scope=of_scope(headers=headers, server=SERVER))
        assert str(url) == "http://server.example:8000/"

    @pytest.mark.parametrize("host", BAD_HOSTS)
    def test_is_relative_where_there_is_no_server_either(self, host: bytes) -> None:
        assert str(URL(scope=of_scope(headers=[(b"host", host)]))) == "/"

    # legal scopes (or nearly) that Starlette refuses or misreads
    @pytest.mark.parametrize(
        ("changes", "url"),
        [
            ({"scheme": None, "server": SERVER}, "http://server.example:8000/"),
            ({"type": "websocket", "scheme": None, "server": ("h", 80)}, "ws://h/"),
            ({"type": "websocket", "scheme": None, "server": ("h", 443)}, "ws://h:443/"),
            ({"type": None, "scheme": None, "server": ("h", 80)}, "http://h/"),
            ({"scheme": "h2c", "server": ("h", 80)}, "h2c://h:80/"),
            ({"server": ("/run/app.sock", None)}, "/"),
            ({"server": ["/run/app.sock", None], "path": "//x"}, "/%2Fx"),
            ({"headers": None, "server": SERVER}, "http://server.example:8000/"),
            ({"headers": [(b"Host", b"h")]}, "http://h/"),
            ({"headers": [[b"HOST", b"h"]], "server": SERVER}, "http://h/"),
            ({"query_string": None}, "/"),
            ({"query_string": b"a=\xff&b c\xe9"}, "/?a=%FF&b%20c%E9"),
            ({"path": "/\t/evil.example"}, "/%09/evil.example"),
            ({"path": "/a\r\nb", "server": ("h", 80)}, "http://h/a%0D%0Ab"),
        ],
    )
    def test_is_right_for_every_legal_scope(self, changes: dict[str, Any], url: str) -> None:
        built = URL(scope=of_scope(**changes))
        assert str(built) == url
        assert built.components.geturl() == url

    def test_takes_none_for_a_value_that_is_missing(self) -> None:
        optional = dict.fromkeys(["scheme", "query_string", "server", "headers"])
        assert str(URL(scope={"type": "http", "path": "/a"} | optional)) == "/a"

    def test_leaves_headers_that_serve_only_once_to_the_next_reader(self) -> None:
        scope = of_scope(headers=iter([(b"a", b"1"), (b"host", b"h"), (b"b", b"2")]))
        assert str(URL(scope=scope)) == "http://h/"
        assert scope["headers"] == [(b"a", b"1"), (b"host", b"h"), (b"b", b"2")]

    def test_needs_a_path(self) -> None:
        with pytest.raises(KeyError, match="path"):
            URL(scope=of_scope(path=None))


class TestUrl:
    def test_tells_its_parts(self) -> None:
        url = URL("HTTPS://User:Secret@Example.org:8443/a/b?c=d#e")
        assert url.components == theirs.URL(str(url)).components
        assert url.scheme == "https"
        assert url.netloc == "User:Secret@Example.org:8443"
        assert url.path == "/a/b"
        assert url.query == "c=d"
        assert url.fragment == "e"
        assert url.username == "User"
        assert url.password == "Secret"  # noqa: S105 - nobody's
        assert url.hostname == "example.org"
        assert url.port == 8443

    def test_is_empty_without_arguments(self) -> None:
        assert str(URL()) == ""
        assert URL().components == ("", "", "", "", "")
        assert URL().hostname is None
        assert URL().port is None

    @pytest.mark.parametrize(
        ("scheme", "secure"),
        [("http", False), ("https", True), ("ws", False), ("wss", True), ("", False)],
    )
    def test_is_secure_over_tls(self, scheme: str, secure: bool) -> None:
        assert URL(scheme=scheme, netloc="h").is_secure is secure

    @pytest.mark.parametrize(
        ("components", "url"),
        [
            ({"scheme": "ws", "hostname": "h", "port": 1, "path": "/a"}, "ws://h:1/a"),
            ({"scheme": "ws", "netloc": "u:p@h"}, "ws://u:p@h"),
            ({"hostname": "::1", "port": 80}, "//[::1]:80"),
            ({"path": "/a", "query": "b", "fragment": "c"}, "/a?b#c"),
            ({"port": 80}, "//:80"),
        ],
    )
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_is_made_from_components(
        self, module: Any, components: dict[str, Any], url: str
    ) -> None:
        assert str(module.URL(**components)) == url

    @pytest.mark.parametrize(
        "arguments",
        [
            {"url": "/a", "scope": of_scope()},
            {"url": "/a", "path": "/b"},
            {"scope": of_scope(), "path": "/b"},
            {"scope": {}, "path": "/b"},
        ],
    )
    def test_is_made_from_one_source_only(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match="one of url, scope and components"):
            URL(**arguments)

    @pytest.mark.parametrize(
        ("url", "components", "replaced"),
        [
            ("http://h/a?b#c", {"scheme": "https"}, "https://h/a?b#c"),
            ("http://h/a?b#c", {"path": "/d", "query": "", "fragment": ""}, "http://h/d"),
            ("http://u:p@h:1/", {"netloc": "i"}, "http://i/"),
            ("http://u:p@h:1/", {"hostname": "i"}, "http://u:p@i:1/"),
            ("http://u:p@H:1/", {"hostname": None}, "http://u:p@H:1/"),
            ("http://u:p@h:1/", {"port": None}, "http://u:p@h/"),
            ("http://u:p@h:1/", {"port": 2}, "http://u:p@h:2/"),
            ("http://u:p@h:1/", {"username": "v"}, "http://v:p@h:1/"),
            ("http://u:p@h:1/", {"username": None}, "http://h:1/"),
            ("http://u:p@h:1/", {"password": None}, "http://u@h:1/"),
            ("http://h:1/", {"password": "p"}, "http://h:1/"),
            ("http://h/", {"username": "u", "password": ""}, "http://u:@h/"),
            ("http://h/", {"netloc": "i", "port": 1}, "http://h:1/"),
            ("http://[::1]:1/", {"port": 2}, "http://[::1]:2/"),
            ("http://[::1]/", {"port": 2}, "http://[::1]:2/"),
            ("http://[::1]:1/", {"hostname": "::2"}, "http://[::2]:1/"),
            ("http://h:1/", {"hostname": "[::2]"}, "http://[::2]:1/"),
            ("http://h:1/", {"hostname": "fe80::1%eth0"}, "http://[fe80::1%eth0]:1/"),
            ("http://h/", {"hostname": "i:2"}, "http://i:2/"),
            ("/a", {"hostname": "h"}, "//h/a"),
            ("/a", {"port": 1}, "//:1/a"),
        ],
    )
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_replaces_parts(
        self, module: Any, url: str, components: dict[str, Any], replaced: str
    ) -> None:
        before = module.URL(url)
        assert str(before.replace(**components)) == replaced
        assert str(before) == url

    def test_stays_what_it_is_when_replaced(self) -> None:
        class Ours(URL):
            pass

        assert type(Ours("/a").replace(path="/b")) is Ours
        assert type(Ours("/a").include_query_params(b=1)) is Ours

    def test_refuses_to_replace_an_unknown_part(self) -> None:
        with pytest.raises((TypeError, ValueError), match="color"):
            URL("/a").replace(color="red")

    @pytest.mark.parametrize("module", [ours, theirs])
    def test_edits_its_query(self, module: Any) -> None:
        url = module.URL("http://h/?a=1&b=&a=2&c=%20#f")
        assert str(url.include_query_params(a=3, d="x y")) == "http://h/?b=&c=+&a=3&d=x+y#f"
        assert str(url.include_query_params()) == "http://h/?a=1&b=&a=2&c=+#f"
        assert str(url.replace_query_params(e=None, f=b"g")) == "http://h/?e=None&f=b%27g%27#f"
        assert str(url.replace_query_params()) == "http://h/#f"
        assert str(url.remove_query_params("a")) == "http://h/?b=&c=+#f"
        assert str(url.remove_query_params(["a", "c", "zz"])) == "http://h/?b=#f"
        assert str(url.remove_query_params("zz")) == "http://h/?a=1&b=&a=2&c=+#f"

    def test_takes_a_query_parameter_of_any_name(self) -> None:
        assert str(URL("/").include_query_params(self=1)) == "/?self=1"
        assert str(URL("/").replace_query_params(self=1)) == "/?self=1"

    def test_equals_what_has_the_same_text(self) -> None:
        assert URL("http://h/") == URL("http://h/")
        assert URL("http://h/") == "http://h/"
        assert URL("http://h/") == theirs.URL("http://h/")
        assert URL("http://h/") != URL("http://h")
        assert URL("/") != object()

    @pytest.mark.parametrize("value", [URL("/"), Headers(), QueryParams(), ImmutableMultiDict()])
    def test_has_no_hash_nor_have_the_multi_mappings(self, value: Any) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("", "URL('')"),
            ("http://h/?a='", """URL("http://h/?a='")"""),
            ("http://u@h/", "URL('http://u@h/')"),
            ("http://u:secret@h:1/a?b#c", "URL('http://u:********@h:1/a?b#c')"),
            ("http://:secret@h/", "URL('http://:********@h/')"),
            ("http://u:se@cret@h/", "URL('http://u:********@h/')"),
            ("http://h:99999/", "URL('http://h:99999/')"),
            ("http://u:secret@h:99999/", "URL(<unreadable>)"),
            ("http://u:secret@[::1/", "URL(<unreadable>)"),
        ],
    )
    def test_shows_no_password(self, url: str, shown: str) -> None:
        assert repr(URL(url)) == shown

    def test_is_copied_and_pickled(self) -> None:
        url = URL("http://h/")
        assert url.components.netloc == "h"
        assert copy.copy(url) == copy.deepcopy(url) == pickle.loads(pickle.dumps(url)) == url


PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]


@pytest.mark.parametrize("module", [ours, theirs])
class TestMultiDict:
    def test_keeps_every_value_and_shows_the_last(self, module: Any) -> None:
        pairs = module.ImmutableMultiDict(PAIRS)
        assert pairs["a"] == "3"
        assert pairs.get("c") is None
        assert pairs.getlist("a") == ["1", "3"]
        assert pairs.getlist("c") == []
        assert pairs.multi_items() == PAIRS
        assert list(pairs.keys()) == list(pairs) == ["a", "b"]
        assert list(pairs.values()) == ["3", "2"]
        assert dict(pairs) == dict(pairs.items()) == {"a": "3", "b": "2"}
        assert len(pairs) == 2
        assert "a" in pairs
        assert "c" not in pairs
        with pytest.raises(KeyError, match="c"):
            pairs["c"]

    @pytest.mark.parametrize(
        ("arguments", "more", "items"),
        [
            ((), {}, []),
            ((None,), {}, []),
            ((), {"a": 1}, [("a", 1)]),
            (([("a", 1)],), {"b": 2, "a": 3}, [("a", 1), ("b", 2), ("a", 3)]),
            (({"a": 1},), {}, [("a", 1)]),
            ((iter(PAIRS),), {}, PAIRS),
            ((ImmutableMultiDict(PAIRS),), {}, PAIRS),
            ((theirs.ImmutableMultiDict(PAIRS),), {"c": 4}, [*PAIRS, ("c", 4)]),
        ],
    )
    def test_is_made_from_pairs_mappings_and_its_like(
        self, module: Any, arguments: tuple[Any, ...], more: dict[str, Any], items: list[Any]
    ) -> None:
        arguments = copy.deepcopy(arguments)  # an iterator serves only once
        assert module.ImmutableMultiDict(*arguments, **more).multi_items() == items

    def test_equals_by_the_values_of_each_key(self, module: Any) -> None:
        make = module.ImmutableMultiDict
        assert make(PAIRS) == make([("a", "1"), ("a", "3"), ("b", "2")])
        assert make(PAIRS) != make([("a", "3"), ("b", "2"), ("a", "1")])
        assert make(PAIRS) != make({"a": "3", "b": "2"})
        assert make(PAIRS) != make([*PAIRS, ("c", "4")])
        assert make({"a": "1"}) != {"a": "1"}
        assert make({"a": "1"}) != module.QueryParams("a=1")
        assert module.QueryParams("a=1") != make({"a": "1"})

    def test_shows_every_pair(self, module: Any) -> None:
        shown = "ImmutableMultiDict([('a', '1'), ('b', '2'), ('a', '3')])"
        assert repr(module.ImmutableMultiDict(PAIRS)) == shown

    def test_hands_out_no_list_of_its_own(self, module: Any) -> None:
        pairs = module.ImmutableMultiDict(PAIRS)
        pairs.multi_items().clear()
        assert pairs.multi_items() == PAIRS

    @pytest.mark.parametrize(
        "query",
        ["a=1&b=2&a=3", b"a=1&b=2&a=3", PAIRS, [("a", 1), ("b", 2), ("a", 3)], QueryParams(PAIRS)],
    )
    def test_of_a_query_is_made_from_its_string_or_its_pairs(self, module: Any, query: Any) -> None:
        params = module.QueryParams(query)
        assert params.multi_items() == PAIRS
        assert params["a"] == "3"
        assert str(params) == "a=1&b=2&a=3"
        assert repr(params) == "QueryParams('a=1&b=2&a=3')"
        assert params == module.QueryParams("b=2&a=1&a=3")
        assert params != module.QueryParams("b=2&a=3&a=1")

    @pytest.mark.parametrize(
        ("query", "items"),
        [
            ("", []),
            (b"", []),
            (None, []),
            ("a", [("a", "")]),
            ("a=&=b&&", [("a", ""), ("", "b")]),
            ("a=%C3%A9+%FF;b", [("a", "é �;b")]),
            (b"a=\xe9", [("a", "é")]),
            ({"a": None, 1: 2.5}, [("a", "None"), ("1", "2.5")]),
        ],
    )
    def test_of_a_query_holds_text(self, module: Any, query: Any, items: list[Any]) -> None:
        assert module.QueryParams(query).multi_items() == items

    def test_of_a_query_takes_keywords(self, module: Any) -> None:
        assert str(module.QueryParams("a=1", b=2, a="x y")) == "a=1&b=2&a=x+y"

    @pytest.mark.parametrize("name", ["ImmutableMultiDict", "QueryParams"])
    def test_takes_one_source_only(self, module: Any, name: str) -> None:
        with pytest.raises((TypeError, AssertionError)):
            getattr(module, name)([], [])


class TestMultiDictWhereStarletteFails:
    def test_equals_with_keys_that_have_no_order(self) -> None:
        assert ImmutableMultiDict([(1, 2), ("a", 3)]) == ImmutableMultiDict([("a", 3), (1, 2)])

    def test_holds_pairs_as_tuples(self) -> None:
        pairs: Any = [["a", 1]]
        assert ImmutableMultiDict(pairs).multi_items() == [("a", 1)]

    def test_takes_keywords_of_any_name(self) -> None:
        assert ImmutableMultiDict(self=1, items=2) == ImmutableMultiDict({"self": 1, "items": 2})
        assert str(QueryParams(self=1, params=2)) == "self=1&params=2"

    def test_reads_keys_that_are_equal_as_text_in_their_order(self) -> None:
        assert QueryParams([(1, "x"), ("1", "y"), (1, "z")])["1"] == "z"


RAW = [(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"3")]


@pytest.mark.parametrize("module", [ours, theirs])
class TestHeaders:
    def test_keep_every_value_and_show_the_first(self, module: Any) -> None:
        headers = module.Headers(raw=RAW)
        assert headers["a"] == headers["A"] == "1"
        assert headers.get("c") is None
        assert headers.getlist("A") == ["1", "3"]
        assert headers.getlist("c") == []
        assert headers.keys() == list(headers) == ["a", "b", "a"]
        assert headers.values() == ["1", "é", "3"]
        assert headers.items() == [("a", "1"), ("b", "é"), ("a", "3")]
        assert headers.raw == RAW
        assert dict(headers) == {"a": "1", "b": "é"}
        assert len(headers) == 3
        assert "B" in headers
        assert "c" not in headers
        with pytest.raises(KeyError, match="C"):
            headers["C"]

    def test_are_made_from_a_mapping(self, module: Any) -> None:
        headers = module.Headers({"Content-Type": "text/é", "X": ""})
        assert headers.raw == [(b"content-type", b"text/\xe9"), (b"x", b"")]
        assert module.Headers(headers=module.Headers(raw=RAW)).raw == RAW

    @pytest.mark.parametrize("empty", [{}, {"headers": {}}, {"raw": []}])
    def test_may_be_empty(self, module: Any, empty: dict[str, Any]) -> None:
        headers = module.Headers(**empty)
        assert len(headers) == 0
        assert not headers
        assert repr(headers) == "Headers({})"

    @pytest.mark.parametrize("kind", [list, tuple, iter, lambda raw: (pair for pair in raw)])
    def test_of_a_scope_are_kept_there_as_a_list(
        self, module: Any, kind: Callable[[Any], Any]
    ) -> None:
        scope = {"headers": kind(RAW)}
        headers = module.Headers(scope=scope)
        assert headers.raw == scope["headers"] == RAW
        assert module.Headers(scope=scope) == headers

    def test_are_equal_in_any_order(self, module: Any) -> None:
        make = module.Headers
        assert make(raw=RAW) == make(raw=RAW[::-1])
        assert make(raw=RAW) != make(raw=RAW[:2])
        assert make({"A": "1"}) == make(raw=[(b"a", b"1")])
        assert make({"a": "1"}) != {"a": "1"}

    def test_show_a_dictionary_where_names_are_unique(self, module: Any) -> None:
        assert repr(module.Headers(raw=RAW[:2])) == "Headers({'a': '1', 'b': 'é'})"
        assert repr(module.Headers(raw=RAW)) == f"Headers(raw={RAW!r})"

    def test_hand_out_no_list_of_their_own(self, module: Any) -> None:
        headers = module.Headers(raw=list(RAW))
        headers.raw.clear()
        assert headers.raw == RAW

    @pytest.mark.parametrize("key", [1, b"a", None])
    def test_have_names_of_text(self, module: Any, key: Any) -> None:
        with pytest.raises(AttributeError):
            key in module.Headers(raw=RAW)  # noqa: B015 - the question alone is refused


class TestHeadersWhereStarletteFails:
    def test_are_found_whatever_the_case_in_which_they_came(self) -> None:
        headers = Headers(raw=[(b"X-A", b"1"), (b"x-a", b"2")])
        assert headers["x-a"] == "1"
        assert "X-a" in headers
        assert headers.getlist("x-A") == ["1", "2"]
        assert headers.keys() == ["X-A", "x-a"]
        assert headers == Headers(raw=[(b"x-A", b"2"), (b"X-a", b"1")])

    @pytest.mark.parametrize("name", ["€", "\ud800"])
    def test_do_not_hold_a_name_that_no_header_can_have(self, name: str) -> None:
        headers = Headers(raw=[*RAW, (b"?", b"4"), (b"", b"5")])
        assert name not in headers
        assert headers.get(name) is None
        assert headers.getlist(name) == []

    @pytest.mark.parametrize("scope", [{}, {"headers": None}])
    def test_are_empty_for_a_scope_without_headers(self, scope: dict[str, Any]) -> None:
        assert Headers(scope=scope).raw == []

    def test_take_pairs_of_any_kind(self) -> None:
        pairs: Any = [[b"a", b"1"], (b"b", b"2")]
        for headers in Headers(raw=iter(pairs)), Headers(scope={"headers": pairs}):
            assert headers.raw == [(b"a", b"1"), (b"b", b"2")]
            assert headers == Headers({"a": "1", "b": "2"})

    def test_do_not_change_with_the_pairs_they_were_made_from(self) -> None:
        raw = list(RAW)
        headers = Headers(raw=raw)
        raw.clear()
        assert headers.raw == RAW

    @pytest.mark.parametrize(
        "arguments",
        [
            {"headers": {}, "raw": []},
            {"headers": {}, "scope": {"headers": []}},
            {"raw": [], "scope": {"headers": []}},
            {"headers": {}, "raw": [], "scope": {"headers": []}},
        ],
    )
    def test_are_made_from_one_source_only(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match="one of headers, raw and scope"):
            Headers(**arguments)


def test_an_address_is_a_pair() -> None:
    address = Address("h", 80)
    assert (address.host, address.port) == address == ("h", 80)
    assert repr(address) == repr(theirs.Address("h", 80)) == "Address(host='h', port=80)"


@pytest.mark.parametrize("module", [ours, theirs])
class TestState:
    def test_is_attributes_and_items_over_a_dictionary(self, module: Any) -> None:
        values: dict[str, Any] = {"a": 1}
        state = module.State(values)
        state.b = 2
        state["c"] = 3
        assert values == {"a": 1, "b": 2, "c": 3}
        assert (state.a, state.b, state.c) == (state["a"], state["b"], state["c"]) == (1, 2, 3)
        assert list(state) == ["a", "b", "c"]
        assert len(state) == 3
        assert "b" in state
        del state.a, state["b"]
        assert values == {"c": 3}
        assert state._state is values

    def test_has_a_dictionary_of_its_own_if_none_is_given(self, module: Any) -> None:
        first, second = module.State(), module.State()
        first.a = 1
        assert len(second) == 0
        assert not hasattr(second, "a")

    def test_refuses_what_is_not_there(self, module: Any) -> None:
        state = module.State()
        with pytest.raises(AttributeError, match="'State' object has no attribute 'a'"):
            state.a  # noqa: B018 - the look is refused
        with pytest.raises(KeyError, match="a"):
            state["a"]
        with pytest.raises(KeyError, match="a"):
            del state.a
        with pytest.raises(KeyError, match="a"):
            del state["a"]

    def test_equals_itself_only(self, module: Any) -> None:
        state = module.State()
        assert state != module.State()
        assert {state: 1}[state] == 1
        assert weakref.ref(state)() is state


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))],
)
def test_a_state_can_be_copied(copied: Callable[[State], State]) -> None:
    state = copied(State({"a": [1]}))
    assert type(state) is State
    assert state.a == [1]


# --- Against Starlette, with random input ---------------------------------------------------

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
    st.text("/\\?#:.a%é ", max_size=8),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n")),
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
    def test_a_url_of_a_scope(self, scope: dict[str, Any]) -> None:
        mine, other = URL(scope=dict(scope)), theirs.URL(scope=dict(scope))
        assert str(mine) == str(other)
        assert seen(mine) == seen(other)

    @given(URLS)
    def test_the_parts_of_a_url(self, text: str) -> None:
        mine, other = URL(text), theirs.URL(text)
        assert seen(mine) == seen(other)
        shown = outcome(lambda: repr(other))
        assert repr(mine) == ("URL(<unreadable>)" if shown is ValueError else shown)

    @given(URLS, NEW_PARTS)
    def test_a_url_with_other_parts(self, text: str, parts: dict[str, Any]) -> None:
        mine = outcome(lambda: str(URL(text).replace(**parts)))
        assert mine == outcome(lambda: str(theirs.URL(text).replace(**parts)))

    @given(NEW_PARTS)
    def test_a_url_of_components(self, parts: dict[str, Any]) -> None:
        mine = outcome(lambda: str(URL(**parts)))
        assert mine == outcome(lambda: str(theirs.URL(**parts)))

    @given(URLS, KEYWORDS, st.lists(st.text("abc")))
    def test_a_url_with_another_query(
        self, text: str, params: dict[str, Any], names: list[str]
    ) -> None:
        for edit in (
            lambda url: str(url.include_query_params(**params)),
            lambda url: str(url.replace_query_params(**params)),
            lambda url: str(url.remove_query_params(names)),
        ):
            mine = outcome(lambda edit=edit: edit(URL(text)))  # type: ignore[misc]
            assert mine == outcome(lambda edit=edit: edit(theirs.URL(text)))  # type: ignore[misc]

    @given(
        st.lists(st.tuples(st.text("ab"), st.integers(0, 2))),
        st.lists(st.tuples(st.text("ab"), st.integers(0, 2))),
        st.dictionaries(st.text("ab", min_size=1), st.integers()),
    )
    def test_a_multi_mapping(self, left: list[Any], right: list[Any], more: dict[str, int]) -> None:
        for name in "ImmutableMultiDict", "QueryParams":
            mine, other = getattr(ours, name)(left, **more), getattr(theirs, name)(left, **more)
            assert mine.multi_items() == other.multi_items()
            assert dict(mine) == dict(other)
            assert list(mine) == list(other)
            assert {key: mine.getlist(key) for key in mine} == {
                key: other.getlist(key) for key in other
            }
            assert (str(mine), repr(mine)) == (str(other), repr(other))
            assert (mine == getattr(ours, name)(right)) is (other == getattr(theirs, name)(right))

    @given(st.one_of(st.text(), st.text("ab=&+%;é\x00"), st.binary()))
    def test_query_params_of_a_string(self, query: str | bytes) -> None:
        mine, other = QueryParams(query), theirs.QueryParams(query)
        assert mine.multi_items() == other.multi_items()
        assert outcome(lambda: str(mine)) == outcome(lambda: str(other))

    @given(
        st.lists(st.tuples(st.binary().map(bytes.lower), st.binary())),
        st.lists(st.tuples(st.binary().map(bytes.lower), st.binary())),
        st.text(st.characters(max_codepoint=255)),
    )
    def test_headers(self, left: list[Any], right: list[Any], key: str) -> None:
        mine, other = Headers(raw=left), theirs.Headers(raw=left)
        for name in [key, *other.keys(), *map(str.title, other.keys())]:
            # a name that latin-1 has not is no name of a header
            found = outcome(lambda name=name: other.getlist(name))  # type: ignore[misc]
            assert mine.getlist(name) == ([] if found is UnicodeEncodeError else found)
            assert mine.get(name) == next(iter(mine.getlist(name)), None)
            assert (name in mine) is bool(mine.getlist(name))
        assert (mine.raw, mine.items()) == (other.raw, other.items())
        assert repr(mine) == repr(other)
        assert (mine == Headers(raw=right)) is (other == theirs.Headers(raw=right))

    def test_public_names(self) -> None:
        for name in ours.__all__:
            mine, other = getattr(ours, name), getattr(theirs, name)
            public = {attribute for attribute in dir(other) if not attribute.startswith("_")}
            assert public - set(dir(mine)) == ({"mutablecopy"} if name == "Headers" else set())
            assert isinstance(mine, type)
            assert issubclass(mine, Mapping) is issubclass(other, Mapping)


def test_a_value_that_is_not_a_multi_mapping_may_have_items() -> None:
    pairs: Any = SimpleNamespace(items=lambda: [("a", "1")])
    assert QueryParams(pairs).multi_items() == [("a", "1")]
