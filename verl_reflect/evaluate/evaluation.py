"""All conversations of an evaluation, each kept in the journal as it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from verl_reflect.evaluate.client import FleetClient
from verl_reflect.evaluate.conversation import Conversations
from verl_reflect.evaluate.record import FIRST_TRY, ConversationRecord, Records
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.evaluate.swap import others_reflections
from verl_reflect.records.journal import Journal
from verl_reflect.records.transcripts import Utterance
from verl_reflect.serving.fleet import Fleet, NoServerError, in_short
from verl_reflect.serving.flow import Flow, for_each
from verl_reflect.statistics import Answer

Hold = Callable[[], Awaitable[ConversationRecord]]
"""Holds one conversation."""


@dataclass
class Evaluation:
    """Every first attempt, and after each that failed every condition.

    Args:
        table: The rows; `item` counts them.
        records: What earlier runs finished. New records are added.
        flow: Counts the conversations that go on; each waits for one answer at a time.
        on_record: Called once a record is safe in the journal.
    """

    table: pa.Table
    prompt_key: str
    conversations: Conversations
    settings: EvalSettings
    fleet: Fleet
    journal: Journal[ConversationRecord]
    records: Records
    flow: Flow
    on_record: Callable[[ConversationRecord], None] = lambda record: None

    async def __call__(self) -> None:
        """Hold all conversations that the records lack. The first error of ours, or the last server's, ends it."""
        answers = [(item, sample) for item in range(self.table.num_rows) for sample in range(self.settings.samples)]
        await for_each((answer for answer in answers if self._lacks(answer)), self._answer, self.flow)
        if "swapped" in self.settings.conditions:
            await for_each(self._swaps(), self._swapped, self.flow)

    def _lacks(self, answer: Answer) -> bool:
        first = self.records.find(*answer, FIRST_TRY)
        return first is None or (first.failed and any(self._missing(answer)))

    def _missing(self, answer: Answer) -> Iterator[str]:
        at_once = (name for name in self.settings.conditions if name != "swapped")
        return (name for name in at_once if self.records.find(*answer, name) is None)

    async def _answer(self, answer: Answer) -> None:
        """A first attempt and, if it failed, its second tries at the same time."""
        row = self._row(answer[0])
        with self.fleet.route() as route:
            client = FleetClient(route, self.settings.tries)
            first = self.records.find(*answer, FIRST_TRY)
            if first is None:
                attempt = partial(self.conversations.first_try, row, *answer, client)
                [first] = await self._kept({FIRST_TRY: attempt}, answer)
            if first.failed:
                second_try = partial(self.conversations.second_try, row, first, client=client)
                await self._kept({name: partial(second_try, name) for name in self._missing(answer)}, answer)

    def _swaps(self) -> Iterator[tuple[Answer, Utterance | None]]:
        """The failures without a swapped second try, each with the reflection that it is given."""
        firsts, reflected = self.records.of(FIRST_TRY), self.records.of("reflect")
        chosen = [answer for answer in firsts if answer[1] < self.settings.samples and firsts[answer].failed]
        written = {answer: record.rounds[0].reflection for answer, record in reflected.items()}
        dealt = others_reflections(
            chosen,
            {answer: reflection for answer, reflection in written.items() if reflection is not None},
            dict(enumerate(self.table["data_source"].to_pylist())),
            {item: str(self._messages(item)) for item in {item for item, _ in firsts}},
        )
        return ((answer, given) for answer, given in dealt if self.records.find(*answer, "swapped") is None)

    async def _swapped(self, dealt: tuple[Answer, Utterance | None]) -> None:
        answer, reflection = dealt
        first = self.records.find(*answer, FIRST_TRY)
        assert first is not None

        async def second_try(client: FleetClient) -> ConversationRecord:
            if reflection is None:
                raise ValueError(
                    "No reflection on another task of its data source was written that could be swapped in."
                )
            return await self.conversations.second_try(self._row(answer[0]), first, "swapped", client, reflection)

        with self.fleet.route() as route:
            await self._kept({"swapped": partial(second_try, FleetClient(route, self.settings.tries))}, answer)

    async def _kept(self, conversations: Mapping[str, Hold], answer: Answer) -> list[ConversationRecord]:
        """Hold conversations at the same time, and keep each record as it comes. Raises the first error."""
        going_on = [self._keep(ConversationRecord(*answer, name), hold) for name, hold in conversations.items()]
        self.flow.ask(len(going_on))
        kept = await asyncio.gather(*going_on, return_exceptions=True)
        for each in kept:
            if isinstance(each, BaseException):
                raise each
        return [each for each in kept if isinstance(each, ConversationRecord)]

    async def _keep(self, lost: ConversationRecord, hold: Hold) -> ConversationRecord:
        try:
            record = await _or_given_up(lost, hold)
            await self.journal.append(record)
        finally:
            self.flow.answered()
        self.records.add(record)
        self.on_record(record)
        return record

    def _row(self, item: int) -> dict[str, Any]:
        [row] = self.table.slice(item, 1).to_pylist()
        return dict(row)

    def _messages(self, item: int) -> Any:
        return self.table[self.prompt_key][item].as_py()


async def _or_given_up(lost: ConversationRecord, hold: Hold) -> ConversationRecord:
    """The record of a conversation, or of why there is none: whatever went wrong in it ends no other."""
    try:
        return await hold()
    except NoServerError:
        raise
    except Exception as error:  # of the server, of the chat template, of the row
        return ConversationRecord(lost.item, lost.sample, lost.condition, error=in_short(error))
