"""The exceptions."""

import pickle

import pytest

from wsfsm.errors import (
    ConnectionClosed,
    IllegalTransition,
    MalformedMessage,
    UnexpectedFrame,
    WebSocketDisconnect,
    WebSocketDisconnected,
)


class TestExceptions:
    @pytest.mark.parametrize(
        "error",
        [
            IllegalTransition("a\nb", machine="m", state=1, event="e", allowed=("x",)),
            WebSocketDisconnected("only a text, as in Starlette"),
            WebSocketDisconnect(4000, "bye"),
            ConnectionClosed("t", code=4000, reason="r", closed_by="client", machine="m"),
            UnexpectedFrame("t", expected="text", message={"bytes": b"x"}),
            MalformedMessage("t", key="type", message={}),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_they_can_be_pickled_with_all_they_tell(self, error: Exception) -> None:
        twin = pickle.loads(pickle.dumps(error))

        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)

    def test_their_defaults_are_starlettes(self) -> None:
        assert (WebSocketDisconnect().code, WebSocketDisconnect().reason) == (1000, "")
        assert WebSocketDisconnect(1001, None).reason == ""

    def test_an_unexpected_frame_without_a_message_has_no_data(self) -> None:
        assert UnexpectedFrame("t").data is None
