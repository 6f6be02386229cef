"""An isolated process as the one that started it sees it: it can be asked, and it can be ended.

No thread watches it. It is a socket in the event loop of whoever asks, and may be asked from another loop later.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from itertools import count

from verl_reflect.isolation.channel import FAMILY, GREETING, LAST_WORDS, LONGEST, Inbox, message

GRACE_SECONDS = 2.0
"""In which a supervisor ends by itself. One that does not was stopped by the code that it watches."""

# The path is handed over, so that it imports what this process would. `-c`, because a script's folder goes first there.
_PROGRAM = "import sys; sys.path[:] = sys.argv[4:]; from verl_reflect.isolation.supervisor import main; main()"


class EndedError(RuntimeError):
    """The process is gone; the message is how it ended, as the end of a sentence."""


class IsolatedProcess:
    """Runs a server (see `supervisor`) apart from this process.

    Args:
        server: The server as `module:function`.
        greeting: What the server reads first.
        memory: Bytes that it and all that it starts may have.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, server: str, greeting: bytes, memory: int):
        self._line, theirs = socket.socketpair()
        with theirs:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(memory), server, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line.setblocking(False)
        self._inbox = Inbox(LONGEST)
        self._unsent = bytearray(message(GREETING, greeting))
        self._tickets = count(GREETING + 1)
        self._open: dict[int, asyncio.Future[bytes]] = {}
        self._greeting: bytes | None = None
        self._blocked = False
        self._child: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = ""
        """How it ended; empty while it lives."""

    async def greeting(self) -> bytes:
        """What the server says first. Raises EndedError if it ended instead."""
        return await self._reply(GREETING) if self._greeting is None else self._greeting

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """The server's reply, or EndedError if it ends instead. Any number of requests may be open."""
        ticket = next(self._tickets)
        self._unsent += message(ticket, request)
        return self._reply(ticket)

    def _reply(self, ticket: int) -> "asyncio.Future[bytes]":
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes] = loop.create_future()
        if self.ended:
            reply.set_exception(EndedError(self.ended))
            return reply
        if loop is not self._loop:
            self._leave_loop()
            self._loop = loop
            loop.add_reader(self._line, self._receive)
        self._open[ticket] = reply
        self._send()
        return reply

    def _send(self) -> None:
        """As much as the socket takes now; the rest when it takes more."""
        assert self._loop is not None
        try:
            while self._unsent:
                del self._unsent[: self._line.send(self._unsent, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            self._loop.add_writer(self._line, self._send)
            self._blocked = True
            return
        except OSError:  # it is gone, and its last words are still to be read
            self._unsent.clear()
        if self._blocked:
            self._loop.remove_writer(self._line)
            self._blocked = False

    def _receive(self) -> None:
        try:
            data = self._line.recv(2**16)
            for ticket, body in self._inbox.take(data):
                self._take(ticket, body)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        except ValueError:
            return self.end("wrote what is no reply")
        if not data and not self.ended:
            self.end("killed its process and the one that watches it")
            self._kill()

    def _take(self, ticket: int, body: bytes) -> None:
        if ticket == LAST_WORDS:
            self.end(body.decode())
        elif ticket == FAMILY:
            self._child = int(body)
        elif ticket == GREETING:
            self._greeting = body
        reply = self._open.pop(ticket, None)
        if reply is not None and not reply.done():
            reply.set_result(body)

    def end(self, how: str = "was ended") -> None:
        """End it, and tell those that wait for a reply how it ended. Does not wait: see `bury`."""
        if self.ended:
            return
        self.ended = how
        self._leave_loop()
        self._line.close()
        assert self._supervisor.stdin
        self._supervisor.stdin.close()
        for reply in self._open.values():
            if not reply.done():
                reply.set_exception(EndedError(how))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_later(GRACE_SECONDS, self._kill)

    def bury(self) -> None:
        """Wait until nothing is left of a process that was ended."""
        try:
            self._supervisor.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()

    @property
    def gone(self) -> bool:
        """Nothing is left of it."""
        return self._supervisor.poll() is not None

    def _kill(self) -> None:
        """Where the supervisor cannot do it: it was stopped, or killed."""
        if self.gone and self._supervisor.returncode == 0:
            return
        self._supervisor.kill()
        if self._child is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGKILL)
        self._supervisor.wait()

    def _leave_loop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._line)
            self._loop.remove_writer(self._line)
