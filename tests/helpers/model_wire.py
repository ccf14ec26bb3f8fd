"""The wire in the model of a server: a check of every command that writes."""

import attrs

from wsfsm.server import commands
from wsfsm.server.commands import Command

WRITES = frozenset(
    {
        commands.SendHandshake,
        commands.SendResponse,
        commands.StartResponse,
        commands.SendBody,
        commands.SendText,
        commands.SendBytes,
        commands.SendPing,
        commands.SendPong,
        commands.SendClose,
    }
)
"""The commands that write to the transport."""


@attrs.define
class Wire:
    """The frames and heads that a server has written, and whether they may follow each other.

    Attributes:
        heads: How many heads of HTTP responses.
        upgraded: Whether one of them was the 101.
        body: Whether a body is open.
        close: The Close frame, or None.
        closing: Whether the transport closes.
        aborted: Whether the transport was aborted.
    """

    heads: int = 0
    upgraded: bool = False
    body: bool = False
    close: tuple[int, str] | None = None
    closing: bool = False
    aborted: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing can be written any more."""
        return self.closing or self.aborted

    def write(self, command: Command) -> None:
        """Take a command that writes, and check that it may."""
        assert not self.over, f"{command} after the end of the transport"
        for pair in getattr(command, "headers", ()):
            assert not set(b"\r\n\0") & set(b"".join(pair)), (
                "a header with a line break or a null byte"
            )
        match command:
            case commands.SendHandshake() | commands.SendResponse() | commands.StartResponse():
                assert not self.heads, "a second head"
                self.heads += 1
                self.upgraded = isinstance(command, commands.SendHandshake)
                self.body = isinstance(command, commands.StartResponse)
            case commands.SendBody():
                assert self.body, "a body without a head"
                self.body = command.more_body
            case commands.SendClose():
                assert self.upgraded, "a frame without a 101"
                assert self.close is None, "a second Close"
                self.close = (command.code, command.reason)
            case commands.SendPong():
                assert self.upgraded, "a frame without a 101"
            case _:
                assert self.upgraded, "a frame without a 101"
                assert self.close is None, f"{command} after the Close"
