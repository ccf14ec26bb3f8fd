"""The client of the conformance suite, on servers that write what the tests say."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from helpers.uvicorn_server import in_time

from wsfsm.conformance.server._client import RawClient, frame, frames
from wsfsm.conformance.values import CaseError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def client_of(talk: Talk) -> AsyncIterator[RawClient]:
    """A client of a server that talks like this, and closes when it has nothing more to say."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = await RawClient.connect(*server.sockets[0].getsockname())
    try:
        yield client
    finally:
        client.abort()
        server.close()
        await asyncio.sleep(0.01)


def seen_of(
    written: bytes, look: Callable[[RawClient], Awaitable[Any]], *, stays: bool = False
) -> Any:
    """What a client sees of a server that writes these bytes."""
    seen = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(written)
        if stays:
            await reader.read()

    async def main() -> None:
        async with client_of(talk) as client:
            seen.append(await look(client))

    in_time(main)
    return seen[0]


HEAD = b"HTTP/1.1 101 Switching Protocols\r\nX-A: 1\r\nx-a:2\r\n\r\n"


class TestResponses:
    def test_head_of_a_101_is_read_without_the_frames_behind_it(self) -> None:
        async def look(client: RawClient) -> Any:
            return await client.response(1), await client.read_frame(1)

        response, after = seen_of(HEAD + b"\x81\x01x", look)
        assert response == {"status": 101, "headers": {"x-a": ["1", "2"]}}
        assert after == {"opcode": "text", "fin": True, "text": "x"}

    @pytest.mark.parametrize(
        ("written", "rest"),
        [
            (b"content-length: 2\r\n\r\nab", {"body": "ab", "complete": True, "after": b""}),
            (b"content-length: 2\r\n\r\nabc", {"body": "ab", "complete": True, "after": b"c"}),
            (b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", {"body": "ab", "complete": True, "after": b""}),
            (b"connection: close\r\n\r\nab", {"body": "ab", "complete": True, "after": b""}),
        ],
    )  # fmt: skip
    def test_response_body_is_read_by_length_chunks_or_until_the_end(
        self, written: bytes, rest: Any
    ) -> None:
        seen = seen_of(b"HTTP/1.1 404 Not Found\r\n" + written, lambda client: client.response(1))
        assert {key: seen[key] for key in ("status", *rest)} == {"status": 404, **rest}

    def test_truncated_response_body_is_incomplete(self) -> None:
        written = b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nab"
        seen = seen_of(written, lambda client: client.response(1))
        assert (seen["body"], seen["complete"]) == ("ab", False)
        assert "error" in seen

    def test_response_body_ended_by_a_reset_is_incomplete(self) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\nab")
            await reader.readexactly(1)
            RawClient(reader, writer).reset()

        async def main() -> None:
            async with client_of(talk) as client:
                seen = asyncio.ensure_future(client.response(1))
                while b"ab" not in client.received:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.01)
                client.write(b"x")
                response = await seen
                assert (response["complete"], response["ends"]) == (False, "RST")

        in_time(main)

    def test_bytes_that_are_not_a_response_are_observed(self) -> None:
        seen = seen_of(b"\x88\x02\x03\xf3\r\n\r\n", lambda client: client.response(1))
        assert seen == {"no response": b"\x88\x02\x03\xf3\r\n\r\n"}

    def test_missing_response_is_observed(self) -> None:
        assert seen_of(b"", lambda client: client.response(1)) == {"ends": "FIN"}
        assert seen_of(b"HT", lambda client: client.response(1)) == {"ends": "FIN", "bytes": b"HT"}
        assert seen_of(b"HT", lambda c: c.response(0.05), stays=True) == {"waits": True}


class TestFrames:
    @pytest.mark.parametrize(
        ("written", "seen"),
        [
            (b"\x81\x02h\xc3", {"opcode": "text", "fin": True, "text": "h\ufffd"}),
            (b"\x02\x01x", {"opcode": "binary", "fin": False, "payload": b"x"}),
            (b"\xc1\x00", {"opcode": "text", "fin": True, "rsv": 4, "text": ""}),
            (b"\x83\x00", {"opcode": 3, "fin": True, "payload": b""}),
            (b"\x8a\x81\x00\x00\x00\x00x", {"opcode": "pong", "fin": True, "masked": True, "payload": b"x"}),
            (b"\x88\x00", {"opcode": "close", "fin": True, "code": 1005, "reason": "", "length": 0, "valid": True}),
            (b"\x88\x05\x03\xe8bye", {"opcode": "close", "fin": True, "code": 1000, "reason": "bye", "length": 5, "valid": True}),
            (b"\x88\x03\x03\xe8\xff", {"opcode": "close", "fin": True, "code": 1000, "reason": "\ufffd", "length": 3, "valid": False}),
            (b"\x82\x7e\x00\x7e" + b"x" * 126, {"opcode": "binary", "fin": True, "payload": b"x" * 126}),
            (b"\x82\x7f" + bytes(6) + b"\x00\x01y", {"opcode": "binary", "fin": True, "payload": b"y"}),
        ],
    )  # fmt: skip
    def test_frame_is_parsed_into_its_fields(self, written: bytes, seen: Any) -> None:
        assert seen_of(written, lambda client: client.read_frame(1)) == seen

    def test_frame_is_read_byte_by_byte(self) -> None:
        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for byte in b"\x82\x7e\x00\x7e" + b"x" * 126:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)

        async def main() -> None:
            async with client_of(talk) as client:
                seen = await client.read_frame(1)
                assert seen["payload"] == b"x" * 126

        in_time(main)

    def test_end_of_stream_is_observed_with_the_incomplete_frame(self) -> None:
        assert seen_of(b"\x81", lambda c: c.read_frame(1)) == {"ends": "FIN", "bytes": b"\x81"}
        assert seen_of(b"\x81", lambda c: c.read_frame(0.05), stays=True) == {"waits": True}

    def test_ping_is_answered_unless_a_ping_is_expected(self) -> None:
        answers: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x89\x01p\x81\x01x\x89\x01q")
            answers.append(await reader.readexactly(7))

        async def main() -> None:
            async with client_of(talk) as client:
                assert (await client.read_frame(1))["text"] == "x"
                assert (await client.read_frame(1, pings=True))["payload"] == b"q"
                await client.end(1)

        in_time(main)
        assert answers[0][:2] == b"\x8a\x81"

    @pytest.mark.parametrize(
        ("until", "seen"),
        [
            ({"text": "c"}, {"opcode": "text", "fin": True, "text": "c", "passed": 5}),
            ({"opcode": "ping"}, {"ends": "FIN", "passed": 6}),
        ],
        ids=["it comes", "it does not"],
    )
    def test_frames_before_the_expected_one_are_skipped_and_counted(
        self, until: Any, seen: Any
    ) -> None:
        written = b"\x82\x02aa\x89\x00\x81\x03\xc3\xa9b\x81\x01c"

        assert seen_of(written, lambda client: client.read_frame(1, until=until)) == seen

    def test_frame_that_does_not_arrive_in_time_is_observed_as_waiting(self) -> None:
        def look(client: RawClient) -> Any:
            return client.read_frame(0.05, until={"text": "x"})

        assert seen_of(b"\x82\x02aa", look, stays=True) == {"waits": True, "passed": 2}

    def test_compressed_frames_are_inflated_after_negotiation(self) -> None:
        async def look(client: RawClient) -> Any:
            return await client.response(1), await client.read_frame(1)

        head = HEAD.replace(b"X-A: 1", b"Sec-WebSocket-Extensions: permessage-deflate; a=1")
        response, seen = seen_of(head + b"\xc1\x07" + bytes.fromhex("f248cdc9c90700"), look)
        assert response["extensions"] == {"permessage-deflate": {"a": "1"}}
        assert seen == {"opcode": "text", "fin": True, "compressed": True, "text": "Hello"}

    def test_bytes_are_found_anywhere_in_the_stream(self) -> None:
        async def look(client: RawClient) -> Any:
            return await client.find(b"bc", 1), await client.nothing(1)

        assert seen_of(b"abcd", look) == ({"found": True}, {"bytes": b"abcd"})
        assert seen_of(b"abd", lambda c: c.find(b"bc", 1)) == {"ends": "FIN", "bytes": b"abd"}
        assert seen_of(b"abd", lambda c: c.find(b"bc", 0.05), stays=True) == {"waits": True}


class TestEndOfStream:
    def test_fin_is_observed(self) -> None:
        assert seen_of(b"abc", lambda client: client.end(1)) == {"ends": "FIN"}
        assert seen_of(b"abc", lambda client: client.end(0.05), stays=True) == {"waits": True}

    def test_reset_is_observed(self) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            RawClient(reader, writer).reset()

        async def main() -> None:
            async with client_of(talk) as client:
                client.write(b"x")
                assert await client.end(1) == {"ends": "RST"}
                client.half_close()  # nothing is wrong with asking for it again
                client.reset()

        in_time(main)

    def test_silence_is_observed(self) -> None:
        assert seen_of(b"", lambda c: c.nothing(0.05), stays=True) == {"waits": True}
        assert seen_of(b"", lambda client: client.nothing(0.05)) == {"ends": "FIN"}
        assert seen_of(b"x", lambda client: client.nothing(0.05)) == {"bytes": b"x"}

    def test_paused_client_observes_nothing(self) -> None:
        async def look(client: RawClient) -> Any:
            client.pause()
            return await client.read_frame(0.05)

        assert seen_of(b"", look, stays=True) == {"waits": True}

    def test_resumed_client_observes_the_bytes_received_in_the_meantime(self) -> None:
        async def look(client: RawClient) -> Any:
            client.pause()
            assert await client.nothing(0.05) == {"waits": True}
            client.resume()
            return await client.nothing(1)

        assert seen_of(b"x", look, stays=True) == {"bytes": b"x"}


class TestWriting:
    @pytest.mark.parametrize(
        ("table", "opcode", "payload"),
        [
            ({"text": "é"}, 1, "é".encode()),
            ({"binary": {"hex": "00ff"}}, 2, b"\x00\xff"),
            ({"continuation": "x"}, 0, b"x"),
            ({"ping": ""}, 9, b""),
            ({"pong": "p"}, 10, b"p"),
            ({"close": 1000, "reason": "é"}, 8, b"\x03\xe8" + "é".encode()),
            ({"close": 0}, 8, b""),
            ({"opcode": 3, "payload": "x"}, 3, b"x"),
            ({"opcode": 11}, 11, b""),
        ],
    )
    def test_table_is_written_as_a_frame(self, table: Any, opcode: int, payload: bytes) -> None:
        data = frames([{**table, "masked": False}])

        assert data == frame(opcode, payload, masked=False)
        assert (data[0] & 0x0F, data[2:]) == (opcode, payload)

    def test_bytes_are_written_in_pieces(self) -> None:
        reads: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                reads.append(data)

        async def main() -> None:
            async with client_of(talk) as client:
                await client.write_pieces(b"abcdefg", 3)
                client.half_close()
                await client.end(1)

        in_time(main)
        assert reads == [b"abc", b"def", b"g"]

    def test_closed_connection_is_not_written_to(self, caplog: pytest.LogCaptureFixture) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            RawClient(reader, writer).reset()

        async def main() -> None:
            async with client_of(talk) as client:
                client.write(b"x")
                await client.end(1)
                await client.write_pieces(b"x" * 10, 1)

        in_time(main)
        assert not caplog.records

    def test_frame_can_be_malformed_on_purpose(self) -> None:
        (data,) = [frames([{"text": "x", "fin": False, "rsv": 4, "length_bytes": 2}])]

        assert data[:4] == b"\x41\xfe\x00\x01"
        assert bytes(b ^ data[4 + i % 4] for i, b in enumerate(data[8:])) == b"x"

    def test_table_without_a_payload_key_is_refused(self) -> None:
        with pytest.raises(CaseError, match="a frame has one of the keys"):
            frames([{"txt": "x"}])


class TestOddServers:
    @pytest.mark.parametrize("status", [b"\xb2", b"1" * 5000, b"20", b""])
    def test_response_with_an_invalid_status_is_observed_as_no_response(
        self, status: bytes
    ) -> None:
        head = b"HTTP/1.1 " + status + b"\r\n\r\n"

        assert seen_of(head, lambda client: client.response(1)) == {"no response": head}

    def test_response_100_is_not_completed_by_a_101(self) -> None:
        head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X\r\nupgrade: websocket\r\n\r\nrest"
        seen = seen_of(head, lambda client: client.response(1))

        assert (seen["status"], seen["complete"], seen["after"]) == (100, False, b"rest")

    def test_reading_stops_at_a_limit_if_the_server_never_stops(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def look(client: RawClient) -> Any:
            return await client.end(0.2), len(client.received)

        monkeypatch.setattr("wsfsm.conformance.server._client._MOST", 100_000)
        seen, size = seen_of(b"x" * 1_000_000, look, stays=True)

        assert seen == {"waits": True}
        assert size <= 200_000

    def test_connect_to_a_full_backlog_times_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def connect_all(address: tuple[str, int], clients: contextlib.ExitStack) -> None:
            while True:
                client = await RawClient.connect(*address)
                clients.callback(client.abort)

        async def main() -> None:
            with (
                socket.create_server(("127.0.0.1", 0), backlog=0) as full,
                contextlib.ExitStack() as clients,
                pytest.raises(TimeoutError),
            ):
                await connect_all(full.getsockname(), clients)

        monkeypatch.setattr("wsfsm.conformance.server._client._CONNECTING", 0.2)
        in_time(main)
