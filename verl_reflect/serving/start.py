"""A model that is only asked: all that `verl-reflect mine` and `verl-reflect eval` have in common before the servers
start, while they answer, and in what is said of their answers afterwards.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from omegaconf import DictConfig, ListConfig, OmegaConf

from verl_reflect.checks.data import check_file
from verl_reflect.checks.doctor import USUAL_OVERRIDES, composed
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.failures import check_attempts
from verl_reflect.checks.files import DataFile, open_files
from verl_reflect.checks.prompts import prompt_lengths
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.plugin import register
from verl_reflect.progress import progress
from verl_reflect.records.model_identity import ModelIdentity, template_hash
from verl_reflect.records.parquet import file_hash
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet, Server, in_short
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.prompts import Prompts
from verl_reflect.serving.queries import read_tables

Start = Callable[[DictConfig], Awaitable[list[Server]]]
"""Starts the servers of a configuration, as `engine.start` does."""
Work = Callable[[Fleet, Flow], Awaitable[None]]
"""Asks the servers, as many answers at once as there is room for."""


class StartError(RuntimeError):
    """There are no servers."""


def configuration(overrides: Sequence[str]) -> DictConfig:
    """verl's configuration with what generating alone wants, and the user's overrides, of which the last word is."""
    register()  # with verl in this process our groups are found
    config = composed([*engine.OVERRIDES, *(overrides or USUAL_OVERRIDES)])
    if OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM") == "cpu":
        from verl_reflect.cpu.callback import use_cpu

        use_cpu()
    OmegaConf.resolve(config)
    return config


def data_files(config: DictConfig, key: str) -> list[Path]:
    """The files of `data.train_files` or `data.val_files`."""
    files = config.data[key]
    return [Path(path).expanduser() for path in (files if isinstance(files, ListConfig) else [files])]


class Serving:
    """One configuration, the rows that its model is asked about, and the servers that answer.

    Args:
        checked: What of `CHECKS` is looked at before anything else.
        data: Files of rows as verl reads them.
        reflects: The model is asked to reflect on its failures, and attempts that the rows carry are taken.
        in_flight: Answers asked for at once; 0 for twice what the servers hold.

    Attributes:
        run: The configuration, with the model's tokenizer.
        table: The rows of all files.
        dead_servers: Servers that died on the way. Others did their work.

    Raises:
        UnfitError, ValueError: in one sentence, for what cannot work.
    """

    def __init__(
        self,
        config: DictConfig,
        checked: Sequence[str],
        data: Sequence[Path],
        in_flight: int = 0,
        reflects: bool = True,
    ):
        self.run = Run(config)
        if loop := self.run.settings.attempt_loop:
            raise UnfitError(
                f"reflect.attempt_loop={loop} makes attempts of many turns, in a training alone; leave it out to mine "
                "or evaluate attempts of one answer."
            )
        for name in checked:
            CHECKS[name](self.run)
        files = list(open_files(("--data", str(path)) for path in data))
        for file in files:
            self._check(file, reflects)
        self.config, self.data = config, [Path(file.path) for file in files]
        self.table: pa.Table = read_tables(files)
        self._reward_function = RewardFunction.from_config(config)
        self.prompts = Prompts(self.run)
        self.in_flight = in_flight or 2 * config.actor_rollout_ref.rollout.max_num_seqs * engine.count(config)
        self.dead_servers: list[str] = []

    def origin(self, sampling: Mapping[str, Any], **choices: Any) -> dict[str, Any]:
        """Where answers come from: model, template, sampling, the command's own choices, data, versions."""
        return {
            "model": asdict(ModelIdentity.of(self.run.model.path)),
            "chat_template": template_hash(self.run.tokenizer.chat_template, self.prompts.template_arguments),
            "sampling": sampling,
            **choices,
            "data": [{"file": path.name, "sha256": file_hash(path)} for path in self.data],
            "engine": self.run.rollout.name,
            "verl": version("verl"),
            "verl_reflect": version("verl-reflect"),
        }

    def belongs_to(self, origin: Mapping[str, Any], *choices: str) -> dict[str, Any]:
        """What a journal must agree with to be gone on with.

        Args:
            choices: Those of the command's own in the origin that decide what an answer is.
        """
        return {
            **{name: origin[name] for name in ("chat_template", "sampling", *choices, "data")},
            "model": ModelIdentity(**origin["model"]).known_before_loading,
            "verifier": asdict(self._reward_function),
            "longest_prompt": self.config.data.max_prompt_length,
        }

    def serve(self, work: Work, start: Start) -> None:
        """Start the servers, do the work with them, and stop them. Raises StartError if there are none."""
        try:
            asyncio.run(self._served(work, start))
        finally:
            engine.stop()

    async def _served(self, work: Work, start: Start) -> None:
        fleet = Fleet(await self._started(start))
        gc.freeze()  # all that is loaded by now stays: to look through it for garbage took a third of the driver's time
        try:
            await work(fleet, Flow(self.in_flight))
        finally:
            gc.unfreeze()
        self.dead_servers = fleet.dead

    async def _started(self, start: Start) -> list[Server]:
        with progress("starting the servers (minutes)"):
            try:
                return await start(self.config)
            except Exception as error:  # of Ray, of verl, of the engine
                raise StartError(
                    f"The servers did not start: {in_short(error)} Ray's logs have more; add "
                    "++ray_kwargs.ray_init.log_to_driver=true to see them here."
                ) from error

    def _check(self, file: DataFile, reflects: bool) -> None:
        """Refuse rows that a training would refuse, too, and say what is doubtful of them."""
        doubts = check_file(self.run, file, reflects=reflects)
        prompt_lengths(self.run, file)
        if reflects:
            doubts += check_attempts(self.run, file, needed=False)
        for doubt in doubts:
            print(f"verl-reflect: warning: {doubt}", file=sys.stderr)
