"""Messages over a socket: a length, a ticket, the bytes. A reply has its request's ticket.

Nothing but bytes comes back from an isolated process, and nobody unpickles them: else its code would run here too.
"""

import socket
import struct
from collections.abc import Iterator

GREETING = 0
"""The ticket of the first message in either direction."""
FAMILY = 2**64 - 2
"""The ticket with which the supervisor says which process it watches."""
LAST_WORDS = 2**64 - 1
"""The ticket with which the supervisor says how the process ended."""

LONGEST = 2**20
"""Bytes of a reply; what says more is no reply."""

_HEAD = struct.Struct("!IQ")


class GarbledError(ValueError):
    """What came is no message."""


def message(ticket: int, body: bytes) -> bytes:
    """A message as it is sent."""
    return _HEAD.pack(len(body), ticket) + body


class Inbox:
    """Puts messages together from what has been received. `longest` is the most bytes that one may have."""

    def __init__(self, longest: int | None = None):
        self._received = bytearray()
        self._longest = longest

    def take(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Ticket and body of each message that is whole now. Raises GarbledError for one that is too long."""
        self._received += data
        while len(self._received) >= _HEAD.size:
            length, ticket = _HEAD.unpack_from(self._received)
            if self._longest is not None and length > self._longest:
                raise GarbledError(f"a message of {length} bytes")
            end = _HEAD.size + length
            if len(self._received) < end:
                return
            body = bytes(self._received[_HEAD.size : end])
            del self._received[:end]
            yield ticket, body


class Channel:
    """The end of the line that an isolated process has. It blocks.

    It holds on to the socket's methods, for other code may put something else in their place.
    """

    def __init__(self, line: socket.socket):
        self.line = line
        self._receive, self._send = line.recv, line.sendall
        self._inbox = Inbox()
        self._messages: Iterator[tuple[int, bytes]] = iter(())

    def receive(self) -> tuple[int, bytes] | None:
        """The next message; None once the other side is gone."""
        while (found := next(self._messages, None)) is None:
            data = self._receive(2**16)
            if not data:
                return None
            self._messages = self._inbox.take(data)
        return found

    def send(self, ticket: int, body: bytes) -> None:
        """Send a message."""
        self._send(message(ticket, body))
