"""Requests over servers that live, die and choke."""

import asyncio
from typing import Any

import pytest
from scripted_mining import ScriptedServer, World

from verl_reflect.serving.fleet import Fleet, RequestError


def one_request(fleet: Fleet, prompt: list[int], tries: int = 3) -> Any:
    async def ask() -> list[int]:
        with fleet.route() as route:
            return await route.generate(prompt, tries)

    return ask()


def test_a_server_is_examined_once_for_all_that_wait() -> None:
    examined = []

    class Dead(ScriptedServer):
        async def generate(self, prompt_ids: Any) -> list[int]:
            await asyncio.sleep(0)
            raise RuntimeError("the engine is dead")

        async def alive(self) -> bool:
            examined.append(self.name)
            await asyncio.sleep(0.01)
            return False

    async def ask_both() -> list[Any]:
        fleet = Fleet([Dead(World(), "dead"), ScriptedServer(World(), "living")])
        with fleet.route() as route:
            answers = await asyncio.gather(*(route.generate([1], 1) for _ in range(5)))
        assert fleet.dead == ["dead"]
        return answers

    assert len(asyncio.run(ask_both())) == 5, "one try is enough, since a death is not the request's fault"
    assert examined == ["dead"]


def test_a_living_server_is_tried_so_often_and_no_more() -> None:
    server = ScriptedServer(World(), chokes_on=[1])
    fleet = Fleet([server])
    with pytest.raises(RequestError, match="2 requests failed, the last with ValueError: cannot take 1"):
        asyncio.run(one_request(fleet, [1], tries=2))
    assert server.world.most_running == 1 and fleet.dead == []
    assert asyncio.run(one_request(fleet, [2]))[0] == 2
