"""URLs: as Starlette's, and sound where those are not."""

import copy
import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette import datastructures as theirs

from wsfsm import datastructures as ours
from wsfsm.datastructures import URL, Headers, ImmutableMultiDict, QueryParams


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
    def test_url_has_authority_path_and_query_of_the_scope(
        self, module: Any, changes: dict[str, Any], url: str
    ) -> None:
        assert str(module.URL(scope=of_scope(**changes))) == url

    @pytest.mark.parametrize("host", SOUND_HOSTS)
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_url_takes_a_valid_host_header_unchanged(self, module: Any, host: bytes) -> None:
        headers = [(b"a", b"b"), (b"host", host), (b"host", b"second")]
        url = module.URL(scope=of_scope(headers=headers, server=SERVER))
        assert str(url) == f"http://{host.decode()}/"
        assert url.netloc == host.decode()

    @pytest.mark.parametrize("host", BAD_HOSTS)
    @pytest.mark.parametrize("module", [ours, theirs])
    def test_url_takes_the_server_where_the_host_header_is_invalid(
        self, module: Any, host: bytes
    ) -> None:
        headers = [(b"host", host), (b"host", b"second")]
        url = module.URL(scope=of_scope(headers=headers, server=SERVER))
        assert str(url) == "http://server.example:8000/"

    @pytest.mark.parametrize("host", BAD_HOSTS)
    def test_url_is_relative_without_a_valid_host_or_server(self, host: bytes) -> None:
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
    def test_url_is_right_for_every_legal_scope(self, changes: dict[str, Any], url: str) -> None:
        built = URL(scope=of_scope(**changes))
        assert str(built) == url
        assert built.components.geturl() == url

    def test_url_takes_none_for_a_missing_value(self) -> None:
        optional = dict.fromkeys(["scheme", "query_string", "server", "headers"])
        assert str(URL(scope={"type": "http", "path": "/a"} | optional)) == "/a"

    def test_url_keeps_an_iterator_of_headers_for_later_readers(self) -> None:
        scope = of_scope(headers=iter([(b"a", b"1"), (b"host", b"h"), (b"b", b"2")]))
        assert str(URL(scope=scope)) == "http://h/"
        assert scope["headers"] == [(b"a", b"1"), (b"host", b"h"), (b"b", b"2")]

    def test_url_needs_a_path_in_the_scope(self) -> None:
        with pytest.raises(KeyError, match="path"):
            URL(scope=of_scope(path=None))


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (" //evil.example", "%20//evil.example"),
        ("\x00\x1f//evil.example", "%00%1F//evil.example"),
        ("http://evil.example/", "http%3A//evil.example/"),
        ("a/b:c", "a/b:c"),
    ],
)
def test_path_is_not_read_as_an_authority(path: str, url: str) -> None:
    made = URL(scope=of_scope(path=path))

    assert str(made) == url
    assert (made.scheme, made.netloc) == ("", "")


def test_immutable_scope_is_only_read() -> None:
    given: Any = MappingProxyType(of_scope(headers=((b"host", b"h"),)))

    assert str(URL(scope=given)) == "http://h/"


class TestUrl:
    def test_url_has_its_parts_as_attributes(self) -> None:
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

    def test_url_without_arguments_is_empty(self) -> None:
        assert str(URL()) == ""
        assert URL().components == ("", "", "", "", "")
        assert URL().hostname is None
        assert URL().port is None

    @pytest.mark.parametrize(
        ("scheme", "secure"),
        [("http", False), ("https", True), ("ws", False), ("wss", True), ("", False)],
    )
    def test_url_is_secure_over_tls(self, scheme: str, secure: bool) -> None:
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
    def test_url_is_made_from_components(
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
    def test_url_takes_only_one_source(self, arguments: dict[str, Any]) -> None:
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
    def test_url_replaces_parts(
        self, module: Any, url: str, components: dict[str, Any], replaced: str
    ) -> None:
        before = module.URL(url)
        assert str(before.replace(**components)) == replaced
        assert str(before) == url

    def test_url_keeps_its_class_when_parts_are_replaced(self) -> None:
        class Ours(URL):
            pass

        assert type(Ours("/a").replace(path="/b")) is Ours
        assert type(Ours("/a").include_query_params(b=1)) is Ours

    def test_url_refuses_to_replace_an_unknown_part(self) -> None:
        with pytest.raises((TypeError, ValueError), match="color"):
            URL("/a").replace(color="red")

    @pytest.mark.parametrize("module", [ours, theirs])
    def test_url_edits_its_query(self, module: Any) -> None:
        url = module.URL("http://h/?a=1&b=&a=2&c=%20#f")
        assert str(url.include_query_params(a=3, d="x y")) == "http://h/?b=&c=+&a=3&d=x+y#f"
        assert str(url.include_query_params()) == "http://h/?a=1&b=&a=2&c=+#f"
        assert str(url.replace_query_params(e=None, f=b"g")) == "http://h/?e=None&f=b%27g%27#f"
        assert str(url.replace_query_params()) == "http://h/#f"
        assert str(url.remove_query_params("a")) == "http://h/?b=&c=+#f"
        assert str(url.remove_query_params(["a", "c", "zz"])) == "http://h/?b=#f"
        assert str(url.remove_query_params("zz")) == "http://h/?a=1&b=&a=2&c=+#f"

    def test_url_takes_a_query_parameter_of_any_name(self) -> None:
        assert str(URL("/").include_query_params(self=1)) == "/?self=1"
        assert str(URL("/").replace_query_params(self=1)) == "/?self=1"

    def test_url_equals_its_text(self) -> None:
        assert URL("http://h/") == URL("http://h/")
        assert URL("http://h/") == "http://h/"
        assert URL("http://h/") == theirs.URL("http://h/")
        assert URL("http://h/") != URL("http://h")
        assert URL("/") != object()

    @pytest.mark.parametrize("value", [URL("/"), Headers(), QueryParams(), ImmutableMultiDict()])
    def test_url_and_multi_dicts_are_unhashable(self, value: Any) -> None:
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
    def test_url_repr_hides_the_password(self, url: str, shown: str) -> None:
        assert repr(URL(url)) == shown

    def test_url_can_be_copied_and_pickled(self) -> None:
        url = URL("http://h/")
        assert url.components.netloc == "h"
        assert copy.copy(url) == copy.deepcopy(url) == pickle.loads(pickle.dumps(url)) == url


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
