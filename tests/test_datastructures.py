"""Multi-mappings, headers, addresses and state."""

import copy
import operator
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
from wsfsm.datastructures import Address, Headers, ImmutableMultiDict, QueryParams, State


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the class of its exception."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, both have to raise it
        return type(error)


def of_scope(**changes: Any) -> dict[str, Any]:
    """A scope of the least that Starlette can make a URL from, with changes; None removes."""
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": []}
    return {key: value for key, value in (scope | changes).items() if value is not None}


PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]


@pytest.mark.parametrize("module", [ours, theirs])
class TestMultiDict:
    def test_multi_dict_keeps_every_value_and_shows_the_last(self, module: Any) -> None:
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
    def test_multi_dict_is_made_from_pairs_and_mappings(
        self, module: Any, arguments: tuple[Any, ...], more: dict[str, Any], items: list[Any]
    ) -> None:
        arguments = copy.deepcopy(arguments)  # an iterator serves only once
        assert module.ImmutableMultiDict(*arguments, **more).multi_items() == items

    def test_multi_dicts_are_compared_by_the_values_of_each_key(self, module: Any) -> None:
        make = module.ImmutableMultiDict
        assert make(PAIRS) == make([("a", "1"), ("a", "3"), ("b", "2")])
        assert make(PAIRS) != make([("a", "3"), ("b", "2"), ("a", "1")])
        assert make(PAIRS) != make({"a": "3", "b": "2"})
        assert make(PAIRS) != make([*PAIRS, ("c", "4")])
        assert make({"a": "1"}) != {"a": "1"}
        assert make({"a": "1"}) != module.QueryParams("a=1")
        assert module.QueryParams("a=1") != make({"a": "1"})

    def test_multi_dict_repr_has_every_pair(self, module: Any) -> None:
        shown = "ImmutableMultiDict([('a', '1'), ('b', '2'), ('a', '3')])"
        assert repr(module.ImmutableMultiDict(PAIRS)) == shown

    def test_multi_dict_returns_copies_of_its_lists(self, module: Any) -> None:
        pairs = module.ImmutableMultiDict(PAIRS)
        pairs.multi_items().clear()
        assert pairs.multi_items() == PAIRS

    @pytest.mark.parametrize(
        "query",
        ["a=1&b=2&a=3", b"a=1&b=2&a=3", PAIRS, [("a", 1), ("b", 2), ("a", 3)], QueryParams(PAIRS)],
    )
    def test_query_params_are_made_from_a_string_or_pairs(self, module: Any, query: Any) -> None:
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
    def test_query_params_hold_text(self, module: Any, query: Any, items: list[Any]) -> None:
        assert module.QueryParams(query).multi_items() == items

    def test_query_params_take_keywords(self, module: Any) -> None:
        assert str(module.QueryParams("a=1", b=2, a="x y")) == "a=1&b=2&a=x+y"

    @pytest.mark.parametrize("name", ["ImmutableMultiDict", "QueryParams"])
    def test_multi_dict_takes_only_one_source(self, module: Any, name: str) -> None:
        with pytest.raises((TypeError, AssertionError)):
            getattr(module, name)([], [])


class TestMultiDictWhereStarletteFails:
    def test_multi_dicts_with_unorderable_keys_can_be_compared(self) -> None:
        assert ImmutableMultiDict([(1, 2), ("a", 3)]) == ImmutableMultiDict([("a", 3), (1, 2)])

    def test_multi_dict_holds_pairs_as_tuples(self) -> None:
        pairs: Any = [["a", 1]]
        assert ImmutableMultiDict(pairs).multi_items() == [("a", 1)]

    def test_multi_dict_takes_keywords_of_any_name(self) -> None:
        assert ImmutableMultiDict(self=1, items=2) == ImmutableMultiDict({"self": 1, "items": 2})
        assert str(QueryParams(self=1, params=2)) == "self=1&params=2"

    def test_query_params_keep_the_order_of_keys_that_are_equal_as_text(self) -> None:
        assert QueryParams([(1, "x"), ("1", "y"), (1, "z")])["1"] == "z"


RAW = [(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"3")]


@pytest.mark.parametrize("module", [ours, theirs])
class TestHeaders:
    def test_headers_keep_every_value_and_show_the_first(self, module: Any) -> None:
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

    def test_headers_are_made_from_a_mapping(self, module: Any) -> None:
        headers = module.Headers({"Content-Type": "text/é", "X": ""})
        assert headers.raw == [(b"content-type", b"text/\xe9"), (b"x", b"")]
        assert module.Headers(headers=module.Headers(raw=RAW)).raw == RAW

    @pytest.mark.parametrize("empty", [{}, {"headers": {}}, {"raw": []}])
    def test_headers_can_be_empty(self, module: Any, empty: dict[str, Any]) -> None:
        headers = module.Headers(**empty)
        assert len(headers) == 0
        assert not headers
        assert repr(headers) == "Headers({})"

    @pytest.mark.parametrize("kind", [list, tuple, iter, lambda raw: (pair for pair in raw)])
    def test_headers_of_a_scope_are_stored_there_as_a_list(
        self, module: Any, kind: Callable[[Any], Any]
    ) -> None:
        scope = {"headers": kind(RAW)}
        headers = module.Headers(scope=scope)
        assert headers.raw == scope["headers"] == RAW
        assert module.Headers(scope=scope) == headers

    def test_headers_are_equal_in_any_order(self, module: Any) -> None:
        make = module.Headers
        assert make(raw=RAW) == make(raw=RAW[::-1])
        assert make(raw=RAW) != make(raw=RAW[:2])
        assert make({"A": "1"}) == make(raw=[(b"a", b"1")])
        assert make({"a": "1"}) != {"a": "1"}

    def test_headers_repr_is_a_dict_where_names_are_unique(self, module: Any) -> None:
        assert repr(module.Headers(raw=RAW[:2])) == "Headers({'a': '1', 'b': 'é'})"
        assert repr(module.Headers(raw=RAW)) == f"Headers(raw={RAW!r})"

    def test_headers_return_copies_of_their_lists(self, module: Any) -> None:
        headers = module.Headers(raw=list(RAW))
        headers.raw.clear()
        assert headers.raw == RAW

    @pytest.mark.parametrize("key", [1, b"a", None])
    def test_headers_look_up_of_a_name_that_is_not_text_fails(self, module: Any, key: Any) -> None:
        with pytest.raises(AttributeError):
            key in module.Headers(raw=RAW)  # noqa: B015 - the question alone is refused


class TestHeadersWhereStarletteFails:
    def test_headers_are_found_whatever_the_case_of_their_names(self) -> None:
        headers = Headers(raw=[(b"X-A", b"1"), (b"x-a", b"2")])
        assert headers["x-a"] == "1"
        assert "X-a" in headers
        assert headers.getlist("x-A") == ["1", "2"]
        assert headers.keys() == ["X-A", "x-a"]
        assert headers == Headers(raw=[(b"x-A", b"2"), (b"X-a", b"1")])

    @pytest.mark.parametrize("name", ["€", "\ud800"])
    def test_headers_do_not_contain_a_name_outside_latin_1(self, name: str) -> None:
        headers = Headers(raw=[*RAW, (b"?", b"4"), (b"", b"5")])
        assert name not in headers
        assert headers.get(name) is None
        assert headers.getlist(name) == []

    @pytest.mark.parametrize("scope", [{}, {"headers": None}])
    def test_headers_of_a_scope_without_headers_are_empty(self, scope: dict[str, Any]) -> None:
        assert Headers(scope=scope).raw == []

    def test_headers_take_pairs_of_any_type(self) -> None:
        pairs: Any = [[b"a", b"1"], (b"b", b"2")]
        for headers in Headers(raw=iter(pairs)), Headers(scope={"headers": pairs}):
            assert headers.raw == [(b"a", b"1"), (b"b", b"2")]
            assert headers == Headers({"a": "1", "b": "2"})

    def test_headers_do_not_change_with_the_pairs_they_were_made_from(self) -> None:
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
    def test_headers_take_only_one_source(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match="one of headers, raw and scope"):
            Headers(**arguments)


class TestMutableHeaders:
    def headers(self, library: Any) -> Any:
        return library.MutableHeaders(raw=[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])

    @pytest.mark.parametrize(
        "change",
        [
            lambda h: h.__setitem__("A", "x"),
            lambda h: h.__setitem__("c", "x"),
            lambda h: h.__delitem__("a"),
            lambda h: h.__delitem__("c"),
            lambda h: h.setdefault("A", "x"),
            lambda h: h.setdefault("c", "x"),
            lambda h: h.update({"a": "x", "c": "y"}),
            lambda h: h.append("A", "x"),
            lambda h: h.add_vary_header("Origin"),
            lambda h: h.__ior__({"b": "x"}),
            lambda h: h.raw.append((b"c", b"x")),
            lambda h: h.__setitem__("\u20ac", "x"),
            lambda h: h.__ior__([("b", "x")]),
        ],
    )
    def test_mutable_headers_change_like_starlettes(self, change: Callable[[Any], Any]) -> None:
        mine, other = self.headers(ours), self.headers(theirs)

        assert outcome(lambda: change(mine) is mine) == outcome(lambda: change(other) is other)
        assert mine.raw == other.raw

    def test_mutable_headers_union_is_a_copy(self) -> None:
        mine = self.headers(ours)

        assert (mine | {"b": "x"}).raw == (self.headers(theirs) | {"b": "x"}).raw
        assert mine["b"] == "2"

    def test_mutable_copy_of_headers_can_be_changed(self) -> None:
        headers = Headers({"a": "1"})
        copied = headers.mutablecopy()
        copied["a"] = "2"

        assert (headers["a"], copied["a"]) == ("1", "2")

    @pytest.mark.parametrize("merge", [operator.or_, operator.ior])
    def test_mutable_headers_merge_only_with_mappings(
        self, merge: Callable[[Any, Any], Any]
    ) -> None:
        with pytest.raises(TypeError, match="got list"):
            merge(self.headers(ours), [("b", "x")])


def test_address_is_a_pair() -> None:
    address = Address("h", 80)
    assert (address.host, address.port) == address == ("h", 80)
    assert repr(address) == repr(theirs.Address("h", 80)) == "Address(host='h', port=80)"


@pytest.mark.parametrize("module", [ours, theirs])
class TestState:
    def test_state_has_attributes_and_items_over_a_dictionary(self, module: Any) -> None:
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

    def test_state_without_a_dictionary_has_its_own(self, module: Any) -> None:
        first, second = module.State(), module.State()
        first.a = 1
        assert len(second) == 0
        assert not hasattr(second, "a")

    def test_state_refuses_missing_attributes_and_items(self, module: Any) -> None:
        state = module.State()
        with pytest.raises(AttributeError, match="'State' object has no attribute 'a'"):
            state.a  # noqa: B018 - the look is refused
        with pytest.raises(KeyError, match="a"):
            state["a"]
        with pytest.raises(KeyError, match="a"):
            del state.a
        with pytest.raises(KeyError, match="a"):
            del state["a"]

    def test_state_is_a_key_of_its_own(self, module: Any) -> None:
        state = module.State()
        assert {state: 1}[state] == 1
        assert module.State() not in {state: 1}
        assert weakref.ref(state)() is state


class TestMoreOfState:
    def test_states_with_equal_items_are_equal(self) -> None:
        values = {"a": [1]}
        assert State(values) == State(values) == State({"a": [1]})
        assert State() == State({})
        assert State({"a": 1}) != State({"a": 2})
        assert State({"a": 1}) != State({"b": 1})
        assert State({"a": State()}) == State({"a": State()})

    def test_state_does_not_equal_anything_else(self) -> None:
        assert State({"a": 1}) != {"a": 1}
        assert State() != theirs.State()
        assert State().__eq__({}) is NotImplemented

    def test_state_of_a_subclass_is_equal_too(self) -> None:
        class Own(State):
            pass

        assert Own({"a": 1}) == State({"a": 1})

    def test_repr_shows_the_items_and_evaluates_to_an_equal_state(self) -> None:
        class Own(State):
            pass

        state = State({"a": [1], "b": "x"})
        assert repr(state) == "State({'a': [1], 'b': 'x'})"
        assert eval(repr(state)) == state  # noqa: S307 - our own text
        assert repr(Own()) == "Own({})"

    def test_repr_of_a_state_that_contains_itself_ends(self) -> None:
        state = State()
        state.me = state
        assert repr(state) == "State({'me': State({...})})"

    def test_get_returns_an_item_or_the_default(self) -> None:
        state = State({"a": None, "get": "mine"})
        state.b = 1
        assert (state.get("a", 5), state.get("b"), state.get("c"), state.get("c", 5)) == (
            None,
            1,
            None,
            5,
        )
        assert state["get"] == state.get("get") == "mine"
        assert len(state) == 3


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))],
)
def test_state_can_be_copied(copied: Callable[[State], State]) -> None:
    state = copied(State({"a": [1]}))
    assert type(state) is State
    assert state.a == [1]


# Against Starlette, with random input


class TestLikeStarlette:
    @given(
        st.lists(st.tuples(st.text("ab"), st.integers(0, 2))),
        st.lists(st.tuples(st.text("ab"), st.integers(0, 2))),
        st.dictionaries(st.text("ab", min_size=1), st.integers()),
    )
    def test_any_multi_dict_behaves_like_starlettes(
        self, left: list[Any], right: list[Any], more: dict[str, int]
    ) -> None:
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
    def test_any_query_params_behave_like_starlettes(self, query: str | bytes) -> None:
        mine, other = QueryParams(query), theirs.QueryParams(query)
        assert mine.multi_items() == other.multi_items()
        assert outcome(lambda: str(mine)) == outcome(lambda: str(other))

    @given(
        st.lists(st.tuples(st.binary().map(bytes.lower), st.binary())),
        st.lists(st.tuples(st.binary().map(bytes.lower), st.binary())),
        st.text(st.characters(max_codepoint=255)),
    )
    def test_any_headers_behave_like_starlettes(
        self, left: list[Any], right: list[Any], key: str
    ) -> None:
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

    def test_datastructures_have_starlettes_public_names(self) -> None:
        for name in ours.__all__:
            mine, other = getattr(ours, name), getattr(theirs, name)
            public = {attribute for attribute in dir(other) if not attribute.startswith("_")}
            assert public - set(dir(mine)) == set()
            assert isinstance(mine, type)
            assert issubclass(mine, Mapping) is issubclass(other, Mapping)


def test_query_params_take_an_object_with_items() -> None:
    pairs: Any = SimpleNamespace(items=lambda: [("a", "1")])
    assert QueryParams(pairs).multi_items() == [("a", "1")]
