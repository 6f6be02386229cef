"""The conversations of an evaluation, each by the very agent loop that training would use.

A first attempt is made once and kept with its token ids. Every second try goes on from these, in a loop of its own: so
all conditions see the same failure, and a run that was killed goes on from the failures that it had.
"""

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig
from verl.experimental.agent_loop.agent_loop import DictConfigWrap
from verl.utils.dataset.rl_dataset import RLHFDataset

from verl_reflect.checks.run import Run
from verl_reflect.evaluate.client import FleetClient
from verl_reflect.evaluate.record import FIRST_TRY, ConversationRecord, Round
from verl_reflect.evaluate.settings import CONDITIONS, EvalSettings
from verl_reflect.records.transcripts import Episode, Utterance
from verl_reflect.rollout.controls import FirstTryAgentLoop, StoredReflectionAgentLoop
from verl_reflect.rollout.dialogue import Turn
from verl_reflect.rollout.loop import RetryAgentLoop
from verl_reflect.rollout.session import Session, StoredTurn, item_index

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0}


def sampling_params(config: DictConfig, greedy: bool) -> dict[str, Any]:
    """As in verl's validation (`rollout.val_kwargs`), or always the likeliest token."""
    validation = config.actor_rollout_ref.rollout.val_kwargs
    if greedy or not validation.do_sample:
        return dict(GREEDY)
    chosen = {name: validation[name] for name in ("temperature", "top_p", "top_k")}
    return {**chosen, "repetition_penalty": 1.0}


def index_of(row: Mapping[str, Any]) -> int | str:
    """`extra_info.index` of a row, as transcripts have it; 0 if it has none."""
    return item_index((row.get("extra_info") or {}).get("index"))


class Conversations:
    """Makes first attempts, and second tries after them.

    Args:
        run: The configuration, with the model's tokenizer.
    """

    def __init__(self, run: Run, settings: EvalSettings):
        self._run = run
        self._settings = settings
        self._sampling_params = sampling_params(run.config, settings.greedy)
        self._config = deepcopy(run.config)
        # A turn may take several requests, each with the whole time that one is given.
        self._config.reflect.generation_timeout *= settings.tries + 1

    async def first_try(
        self, row: Mapping[str, Any], item: int, sample: int, client: FleetClient
    ) -> ConversationRecord:
        """The first attempt at a row, or the one that it carries, judged."""
        loop = self._loop(FirstTryAgentLoop, client)
        [output] = await loop.run(self._sampling_params, **self._loop_row(row, item, sample))
        episode: Episode = output.extra_fields["episode"]
        return ConversationRecord(
            item, sample, FIRST_TRY, attempt=episode.attempt, verdict=episode.first_try, stored=not episode.own_attempt
        )

    async def second_try(
        self,
        row: Mapping[str, Any],
        first: ConversationRecord,
        condition: str,
        client: FleetClient,
        reflection: Utterance | None = None,
    ) -> ConversationRecord:
        """Go on from a failed first attempt.

        Args:
            condition: One of CONDITIONS.
            reflection: The one that is swapped in.
        """
        if reflection is not None:
            row = {**row, "reflection": reflection.text, "reflection_ids": reflection.token_ids}
        loop_row = self._loop_row(row, first.item, first.sample)
        session = Session.from_row(loop_row, self._sampling_params, own_attempt=True)
        loop = self._loop(_loop_of(condition), client)
        rounds = 1 if CONDITIONS[condition].given else self._settings.rounds
        return ConversationRecord(
            first.item, first.sample, condition, rounds=await self._rounds(loop, session, first.attempt, rounds)
        )

    async def _rounds(
        self, loop: RetryAgentLoop, session: Session, attempt: Utterance | None, most: int
    ) -> tuple[Round, ...]:
        assert attempt is not None
        turn, rounds = await self._taken(loop, session, attempt), list[Round]()
        while len(rounds) < most:
            second = await loop.second_try(session, turn)
            verdicts = await asyncio.gather(*(loop.judge(session, retry) for retry in second.retries))
            reflection = second.reflection.utterance if second.reflection else None
            rounds.append(Round(reflection, tuple(retry.utterance for retry in second.retries), tuple(verdicts)))
            if not second.retries or any(verdict.passed or verdict.error for verdict in verdicts):
                break
            turn = second.retries[-1]
        return tuple(rounds)

    async def _taken(self, loop: RetryAgentLoop, session: Session, attempt: Utterance) -> Turn:
        """The first attempt as the turn that it was."""
        task = await loop.open(session.messages, session.tools)
        stored = StoredTurn(attempt.text, list(attempt.token_ids))
        return loop.stored_turn(task, stored, loop.settings.max_attempt_tokens)

    def _loop_row(self, row: Mapping[str, Any], item: int, sample: int) -> dict[str, Any]:
        """A row as verl hands it to an agent loop."""
        return {
            **row,
            "raw_prompt": row[self._config.data.prompt_key],
            "uid": str(item),
            "session_id": sample,
            "index": index_of(row),
            "global_steps": 0,
            "is_validation": True,
        }

    def _loop(self, cls: type[RetryAgentLoop], client: FleetClient) -> RetryAgentLoop:
        """verl, too, makes a loop for each session."""
        return cls(
            trainer_config=DictConfigWrap(self._config),
            server_manager=client,
            tokenizer=self._run.tokenizer,
            processor=None,
            dataset_cls=RLHFDataset,
            data_config=DictConfigWrap(self._config.data),
            hf_model_type=self._run.model_config.model_type,
        )


def _loop_of(condition: str) -> type[RetryAgentLoop]:
    """`swapped` is given a reflection that was written under `reflect`, so here it is a stored one."""
    if condition == "swapped":
        return StoredReflectionAgentLoop
    loop: type[RetryAgentLoop] = get_class(CONDITIONS[condition].target)
    return loop
