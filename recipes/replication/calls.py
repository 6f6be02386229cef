"""Function calling over a small synthetic API world, in which the right reflection depends on the failed attempt.

A request names a place, a number and two accounts. The user has one of the two in mind, and nothing in the request says
which. So no first try can pass more often than every second time, and neither can a fresh one. A failure tells: if
nothing else was wrong with the call, it is the other account.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from recipes.replication.world import SPLIT_SEED, Answer, Problem
from recipes.tiny_model.reflections import Reflection

PLACES = (
    *("Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Tokyo", "Quito"),
    *("Bonn", "Lyon", "Turin", "Kyoto", "Perth", "Accra", "Hanoi", "Sofia"),
)
NUMBERS = range(1, 21)
OFFERED = 3
HELD_OUT_SHARE = 0.25


@dataclass(frozen=True)
class Tool:
    """A function: what requests for it sound like, and the name of its number."""

    name: str
    requests: tuple[str, str]
    number: str


TOOLS = (
    Tool("get_weather", ("the weather in {} on day {}", "rain in {} on day {}"), "day"),
    Tool("book_table", ("a table in {} for {}", "a dinner in {} for {}"), "guests"),
    Tool("book_room", ("a hotel in {} for {} nights", "a stay in {} of {} nights"), "nights"),
    Tool("buy_ticket", ("a train to {} at {}", "a trip to {} at {}"), "hour"),
    Tool("find_flight", ("a flight to {} on day {}", "a plane to {} on day {}"), "date"),
    Tool("rent_car", ("a car in {} for {} days", "to drive in {} for {} days"), "days"),
)
ACCOUNTS = ("red", "blue", "green", "black", "white", "brown", "pink", "gray", "gold", "silver", "orange", "purple")


@dataclass(frozen=True)
class Call:
    """A call, in the words in which the model writes it: a JSON object between tags."""

    tool: Tool
    place: str
    number: int
    account: str

    @property
    def text(self) -> str:
        return f"<tool_call> {json.dumps({'name': self.tool.name, 'arguments': self.arguments})} </tool_call>"

    @property
    def arguments(self) -> dict[str, Any]:
        return {"city": self.place, self.tool.number: self.number, "account": self.account}

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Tool, place, number and account, in the words of the call."""
        return (
            f'"{self.tool.name}",',
            f'{{"city": "{self.place}",',
            f'"{self.tool.number}": {self.number},',
            f'"account": "{self.account}"}}}}',
        )


@dataclass(frozen=True)
class CallProblem:
    """A request, and the call that the user has in mind."""

    wanted: Call
    other_account: str
    request: str
    offered: tuple[Tool, ...]
    others: tuple[Call, ...]
    """Calls with a wrong tool, a wrong place and a wrong number, one each, for the wrong account."""

    @property
    def text(self) -> str:
        return f"Tools : {' '.join(tool.name for tool in self.offered)} . I want {self.request} ."

    @property
    def ground_truth(self) -> str:
        return json.dumps({"answers": [{"name": self.wanted.tool.name, "arguments": self.wanted.arguments}]})

    def solutions(self) -> list[Call]:
        return [self.wanted]

    def failures(self) -> list[Call]:
        """For the other account; every second one has nothing else wrong."""
        return [replace(self.wanted, account=self.other_account)] * len(self.others) + list(self.others)

    def mistakes(self) -> list[Call]:
        """The failures, and calls for the wanted account with a wrong tool, place or number."""
        return [*self.failures(), *(replace(call, account=self.wanted.account) for call in self.others)]


class Calls:
    """Make the call that the user has in mind."""

    name = "calls"
    data_source = "function_calling"

    def __init__(self) -> None:
        requests = list(product(TOOLS, PLACES, NUMBERS))
        random.Random(SPLIT_SEED).shuffle(requests)
        held_out = round(HELD_OUT_SHARE * len(requests))
        self._split = (requests[held_out:], requests[:held_out])

    def problem(self, rng: random.Random, *, held_out: bool) -> CallProblem:
        tool, place, number = rng.choice(self._split[held_out])
        account, other = rng.sample(ACCOUNTS, 2)
        wanted = Call(tool, place, number, account)
        distractors = rng.sample([other for other in TOOLS if other is not tool], OFFERED - 1)
        offered = tuple(rng.sample([tool, *distractors], OFFERED))
        named = " or ".join(rng.sample([account, other], 2))
        request = f"{rng.choice(tool.requests).format(place, number)} from {named}"
        others = _others(replace(wanted, account=other), offered, rng)
        return CallProblem(wanted, other, request, offered, others)

    def hint(self, problem: Problem, attempt: Answer) -> Reflection:
        """The first part of the call in which the attempt went wrong, as it should be."""
        assert isinstance(problem, CallProblem) and isinstance(attempt, Call)
        part = next(wanted for wanted, made in zip(problem.wanted.parts, attempt.parts, strict=True) if wanted != made)
        return Reflection(f"I should write {part} .", lambda call: part in call.parts)

    def plan(self, plan: Answer) -> Reflection:
        assert isinstance(plan, Call)
        return Reflection(f"I should use {' '.join(plan.parts)} .", lambda call: call == plan)

    def texts(self) -> list[str]:
        calls = [Call(*parts) for parts in product(TOOLS, PLACES, NUMBERS, ACCOUNTS)]
        requests = [text.format("", "") for tool in TOOLS for text in tool.requests]
        names = [tool.name for tool in TOOLS] + [*PLACES, *map(str, NUMBERS), *ACCOUNTS]
        sentences = [self.plan(calls[0]).sentence, "I should write .", "Tools : . I want from or ."]
        return [*(call.text for call in calls), *requests, *names, *sentences]


def _others(call: Call, offered: Sequence[Tool], rng: random.Random) -> tuple[Call, ...]:
    tool = rng.choice([tool for tool in offered if tool is not call.tool])
    place = rng.choice([place for place in PLACES if place != call.place])
    number = rng.choice([number for number in NUMBERS if number != call.number])
    return (
        replace(call, tool=tool),
        replace(call, place=place),
        replace(call, number=number),
    )
