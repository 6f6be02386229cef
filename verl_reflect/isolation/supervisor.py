"""What runs in an isolated process: a supervisor, which is ours alone, and its child, in which the other code runs.

The child's parent is the supervisor, so code that kills its parent kills no process of a training. The supervisor stops
what takes too much memory, and once the child or the process that started both is gone it ends every descendant:
orphans are handed to it (`PR_SET_CHILD_SUBREAPER`), whatever session they put themselves into.

Imports little, for it is loaded anew for each process.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from verl_reflect.isolation.channel import FAMILY, LAST_WORDS, Channel, message

LIFELINE = 0
"""Standard input: nothing is ever written to it, and it ends with the process that started this one."""

TICK_MS = 100
"""Between two looks at the memory, in which a process may take a gigabyte."""

SHOWN_BYTES = 2_048
"""Of what is printed in a second; the rest is dropped. Few enough for a pipe to take them at once or not at all."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PAGE = os.sysconf("SC_PAGE_SIZE")
GIGABYTE = 2**30

Server = Callable[[Channel], None]
"""Answers requests until there are no more. It calls the other code, and survives what that raises."""


def main() -> NoReturn:
    """Arguments: the socket's file descriptor, bytes of memory, and the server as `module:function`."""
    descriptor, memory, server = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    sys.argv[1:] = []
    line = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    printed, printing = os.pipe()
    supervisor, child = os.getpid(), os.fork()
    if not child:
        os.close(printed)
        _live_apart(supervisor, printing)
        _serve(line, server)
    os.close(printing)
    Supervisor(child, line, printed, memory).watch()


def _process_control(option: int, argument: int) -> None:
    ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)


def _live_apart(supervisor: int, printing: int) -> None:
    """In a session of its own, without our standard streams, and no longer than the supervisor."""
    os.setsid()
    _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for theirs, standard in ((nowhere, 0), (printing, 1), (printing, 2)):
        os.dup2(theirs, standard)
    os.close(nowhere)
    os.close(printing)


def _serve(line: socket.socket, server: str) -> NoReturn:
    module, _, name = server.partition(":")
    code, leave = 70, os._exit
    try:
        vars(import_module(module))[name](Channel(line))
        code = 0
    finally:  # without a traceback, and without what the other code left to be done at exit
        leave(code)


class Supervisor:
    """Watches the child.

    Args:
        child: Its process id.
        line: The socket, on which the supervisor says how the child ended.
        printed: Where what the child prints is read.
        memory: Bytes that the child and its descendants may have.
    """

    def __init__(self, child: int, line: socket.socket, printed: int, memory: int):
        self._child, self._line, self._printed, self._memory = child, line, printed, memory
        self._shown, self._second = 0, 0.0

    def watch(self) -> NoReturn:
        """Until the child has ended, or the process that started this one; then see to it that nothing is left."""
        self._say(FAMILY, str(self._child))
        woken, poll = _woken_by_children_alone(), select.poll()
        for descriptor in (LIFELINE, self._printed, woken):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll(TICK_MS):
                if descriptor == LIFELINE:
                    self._end("was ended")
                if descriptor == self._printed and not self._show():
                    poll.unregister(self._printed)
                if descriptor == woken:
                    os.read(woken, 4096)
            if how := self._reap() or self._excess():
                self._end(how)

    def _say(self, ticket: int, words: str) -> None:
        with suppress(OSError):
            self._line.send(message(ticket, words.encode()), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _reap(self) -> str:
        """Bury the dead. Says how the child ended; nothing if it lives."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return "was lost"
            if pid == self._child:
                return ending(os.waitstatus_to_exitcode(status))
            if not pid:
                return ""

    def _excess(self) -> str:
        """Says that they have more memory than they may; nothing if they have not."""
        family = list(descendants(self._child))
        if sum(map(resident, family)) <= self._memory or sum(map(proportional, family)) <= self._memory:
            return ""
        return excess(self._memory)

    def _show(self) -> bool:
        """Pass on what was printed, within limits. Says whether there can be more."""
        text = os.read(self._printed, 2**16)
        if (now := time.monotonic()) - self._second >= 1:
            self._shown, self._second = 0, now
        shown = text[: SHOWN_BYTES - self._shown]
        self._shown += len(shown)
        if shown and select.select([], [2], [], 0)[1]:  # what nobody reads must not hold the supervisor up
            with suppress(OSError):
                os.write(2, shown)
        return bool(text)

    def _end(self, how: str) -> NoReturn:
        """Kill all descendants, orphans included, and say how it came to this."""
        with suppress(ChildProcessError):
            while True:
                for pid in [self._child, *children(os.getpid())]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)
        self._say(LAST_WORDS, how)
        os._exit(0)


def _woken_by_children_alone() -> int:
    """Heed no signal that can be ignored but that of a child's death, which can be read from this descriptor."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with suppress(OSError):  # of the C library's own
            signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return woken


def excess(memory: int) -> str:
    """That a process had more than these bytes of memory, as the end of a sentence."""
    return f"took more than {memory / GIGABYTE:.3g} GB of memory"


def ending(code: int) -> str:
    """How a process ended, as the end of a sentence. Minus a number is a signal."""
    if code >= 0:
        return f"ended its process with exit code {code}"
    try:
        return f"ended its process by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended its process by signal {-code}"


def children(pid: int) -> list[int]:
    """Process ids of a process's children; none if the kernel does not tell."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """A process and all that come from it."""
    yield pid
    for child in children(pid):
        yield from descendants(child)


def resident(pid: int) -> int:
    """Bytes of memory that a process has, with what it shares; 0 if it is gone."""
    with suppress(OSError), open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE
    return 0


def proportional(pid: int) -> int:
    """Bytes of memory that a process has, of what it shares its part; 0 if it is gone."""
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident(pid)
