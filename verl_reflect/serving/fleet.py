"""Spreads requests over servers. All requests of one query go to one server, whose prefix cache then has the prompt."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol


class Server(Protocol):
    """Something that answers prompts."""

    @property
    def name(self) -> str:
        """For messages."""

    async def generate(self, prompt_ids: Sequence[int], **sampling_params: Any) -> list[int]:
        """The token ids of one answer. May raise anything.

        Args:
            sampling_params: Where this request wants something else than the server gives to all.
        """

    async def alive(self) -> bool:
        """Whether it can answer at all. Asked after an error, to know whose fault that was. Never raises."""


class RequestError(RuntimeError):
    """Servers that live failed one request again and again."""


class NoServerError(RuntimeError):
    """No server is left."""


@dataclass(eq=False)
class _Member:
    """A server as the fleet sees it."""

    server: Server
    dead: bool = False
    queries: int = 0
    requests: int = 0
    examination: "asyncio.Task[bool] | None" = None


@dataclass
class Fleet:
    """The servers, and which of them have died."""

    servers: Sequence[Server]
    _members: list[_Member] = field(init=False)

    def __post_init__(self) -> None:
        self._members = [_Member(server) for server in self.servers]

    @property
    def dead(self) -> list[str]:
        """Names of the servers that were found dead."""
        return [member.server.name for member in self._members if member.dead]

    @contextmanager
    def route(self) -> Iterator["Route"]:
        """The way of one query's requests, for as long as the query lasts."""
        route = Route(self)
        try:
            yield route
        finally:
            route.close()

    def least_busy(self) -> _Member:
        """The living server with the least to do. Raises NoServerError without any."""
        living = [member for member in self._members if not member.dead]
        if not living:
            raise NoServerError(f"No server is left; {', '.join(self.dead)} died.")
        return min(living, key=lambda member: (member.requests, member.queries))

    async def examine(self, member: _Member) -> None:
        """Find out whether a server that failed a request lives. Many may ask; it is examined once at a time."""
        if member.examination is None:
            member.examination = asyncio.create_task(member.server.alive())
        examination = member.examination
        member.dead = not await asyncio.shield(examination)
        if member.examination is examination:
            member.examination = None


class Route:
    """To one server while it lives, then to another."""

    def __init__(self, fleet: Fleet):
        self._fleet = fleet
        self._member: _Member | None = None

    async def generate(self, prompt_ids: Sequence[int], tries: int, **sampling_params: Any) -> list[int]:
        """The token ids of an answer. See `Server.generate`.

        A server that dies is nobody's fault: its requests go to another, however many die.

        Raises:
            RequestError: servers that live failed this request `tries` times.
            NoServerError: no server lives.
        """
        errors = 0
        while True:
            member = self._living()
            member.requests += 1
            try:
                return await member.server.generate(prompt_ids, **sampling_params)
            except Exception as error:  # of a server in another process, so of any kind
                await self._fleet.examine(member)
                errors += not member.dead
                if errors == tries:
                    raise RequestError(f"{tries} requests failed, the last with {in_short(error)}") from error
            finally:
                member.requests -= 1

    def close(self) -> None:
        """The query is done."""
        if self._member is not None:
            self._member.queries -= 1
            self._member = None

    def _living(self) -> _Member:
        if self._member is None or self._member.dead:
            self.close()
            self._member = self._fleet.least_busy()
            self._member.queries += 1
        return self._member


def in_short(error: Exception) -> str:
    """The kind of an error and the last line of its message, where Ray puts what happened in the other process."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1][:300]}"
