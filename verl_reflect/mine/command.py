"""`verl-reflect mine` from start to end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from omegaconf import DictConfig, ListConfig, OmegaConf
from rich.console import Console

from verl_reflect.checks.data import ROWS_LOOKED_AT
from verl_reflect.checks.doctor import USUAL_OVERRIDES, composed
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run
from verl_reflect.mine.failure_set import write_failure_set
from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.progress import shown
from verl_reflect.mine.run import mine
from verl_reflect.mine.sampling import Outcome, Sampler
from verl_reflect.mine.settings import MineSettings
from verl_reflect.plugin import register
from verl_reflect.records.model_identity import ModelIdentity, template_hash
from verl_reflect.records.parquet import file_hash
from verl_reflect.rollout.judge import Judge, RewardFunction
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet, Server, in_short
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.prompts import Prompts
from verl_reflect.serving.queries import queries, read_tables
from verl_reflect.tasks.registry import task_for

CHECKED = ("verl", "settings", "chat template", "reward function")


class StartError(RuntimeError):
    """There are no servers."""


@dataclass(frozen=True)
class Mined:
    """What came of it."""

    path: Path
    counts: dict[str, Any]
    given_up: list[Outcome]
    """Queries without answers, with the reason. The same command tries them again."""
    dead_servers: list[str]
    """Servers that died on the way. Others did their work."""
    why_unjudged: str
    """What the verifier said of an answer without a verdict; empty if there is none."""


def configuration(overrides: Sequence[str]) -> DictConfig:
    """verl's configuration with what generating alone wants, and the user's overrides, of which the last word is."""
    register()  # with verl in this process our groups are found
    config = composed([*engine.OVERRIDES, *(overrides or USUAL_OVERRIDES)])
    if OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM") == "cpu":
        from verl_reflect.cpu.callback import use_cpu

        use_cpu()
    OmegaConf.resolve(config)
    return config


def journal_path(out: Path) -> Path:
    """Where the progress of a failure set is kept: `failures.journal.jsonl` for `failures.parquet`."""
    return out.with_suffix(".journal.jsonl")


class Mining:
    """One failure set: a configuration, its input, its choices.

    Args:
        data: Parquet files; none for `data.train_files`.

    Raises:
        UnfitError, ValueError: in one sentence, for what cannot work.
    """

    def __init__(
        self, config: DictConfig, settings: MineSettings, out: Path, data: Sequence[Path] = (), in_flight: int = 0
    ):
        self.run = Run(config)
        for name in CHECKED:
            CHECKS[name](self.run)
        self.config, self.settings, self.out = config, settings, out
        self.data = list(data) or data_files(config, "train_files")
        self.table: pa.Table = read_tables(self.data, config.data.prompt_key)
        check_judgeable(config, self.table)
        self.prompts = Prompts(self.run)
        self.dead_servers: list[str] = []
        self.in_flight = in_flight or 2 * config.actor_rollout_ref.rollout.max_num_seqs * engine.count(config)

    def origin(self) -> dict[str, Any]:
        """Where the failures come from, for the card."""
        choices = {"settings": self.settings.of_sampling}
        return origin_of(self.run, self.prompts, engine.sampling_params(self.config), choices, self.data)

    def belongs_to(self, origin: Mapping[str, Any]) -> dict[str, Any]:
        """What a journal must agree with to be gone on with."""
        same = {name: origin[name] for name in ("chat_template", "sampling", "settings", "data")}
        return {**same, **answers_depend_on(self.config, origin)}

    def __call__(self, start: Callable[[DictConfig], Awaitable[list[Server]]] = engine.start) -> Mined:
        """Mine what is not mined yet, and write the failure set.

        Args:
            start: Starts the servers; not called if nothing is left to do.

        Raises:
            JournalError: the journal beside `out` is another run's.
            StartError: there are no servers.
            NoServerError: all servers died. What is done is done.
            ValueError: there is no failure at all.
        """
        with closing(MiningJournal(journal_path(self.out), self.belongs_to(self.origin()))) as journal:
            if len(journal.outcomes) < self.table.num_rows:
                try:
                    asyncio.run(self.fill(journal, start))
                finally:
                    engine.stop()
            counts = write_failure_set(self.out, self.table, journal.outcomes, self.settings, self.origin())
            outcomes = sorted(journal.outcomes.values(), key=lambda outcome: outcome.query)
            given_up = [outcome for outcome in outcomes if outcome.error]
            why_unjudged = next((outcome.unjudged_why for outcome in outcomes if outcome.unjudged), "")
            return Mined(self.out, counts, given_up, self.dead_servers, why_unjudged)

    async def fill(self, journal: MiningJournal, start: Callable[[DictConfig], Awaitable[list[Server]]]) -> None:
        """Start the servers and mine what the journal lacks."""
        fleet = Fleet(await started(start, self.config))
        flow = Flow(self.in_flight)
        with closing(Judge.from_config(self.config)) as judge, shown(self.table.num_rows, len(journal.outcomes)) as bar:
            sample = Sampler(fleet, judge, self.prompts.words, self.settings, flow, self.config.data.max_prompt_length)
            left = queries(self.table, self.config.data.prompt_key, self.prompts.encode, frozenset(journal.outcomes))
            await mine(left, sample, journal, flow, bar)
        self.dead_servers = fleet.dead


def origin_of(
    run: Run, prompts: Prompts, sampling: Mapping[str, Any], choices: Mapping[str, Any], data: Sequence[Path]
) -> dict[str, Any]:
    """Where answers come from: model, template, sampling, the command's own choices, data, versions."""
    return {
        "model": asdict(ModelIdentity.of(run.model.path)),
        "chat_template": template_hash(run.tokenizer.chat_template, prompts.template_arguments),
        "sampling": sampling,
        **choices,
        "data": [{"file": path.name, "sha256": file_hash(path)} for path in data],
        "engine": run.rollout.name,
        "verl": version("verl"),
        "verl_reflect": version("verl-reflect"),
    }


def answers_depend_on(config: DictConfig, origin: Mapping[str, Any]) -> dict[str, Any]:
    """What every journal must agree with to be gone on with, besides its command's own choices."""
    return {
        "model": ModelIdentity(**origin["model"]).known_before_loading,
        "verifier": asdict(RewardFunction.from_config(config)),
        "longest_prompt": config.data.max_prompt_length,
    }


async def started(start: Callable[[DictConfig], Awaitable[list[Server]]], config: DictConfig) -> list[Server]:
    """The servers. Raises StartError if there are none."""
    with Console(stderr=True).status("Starting the servers (minutes) ..."):
        try:
            return await start(config)
        except Exception as error:  # of Ray, of verl, of the engine
            raise StartError(
                f"The servers did not start: {in_short(error)} Ray's logs have more; add "
                "++ray_kwargs.ray_init.log_to_driver=true to see them here."
            ) from error


def check_judgeable(config: DictConfig, table: pa.Table) -> None:
    """Raise ValueError, in one sentence, for a data source without a task and for a malformed one of the first rows."""
    function = RewardFunction.from_config(config)
    if not function.judges_by_task:
        return  # a user's function is not run in the driver
    for source in table["data_source"].unique().to_pylist():
        task_for(source, config.reflect.tasks)
    for index, row in enumerate(table.select(["data_source", "reward_model"]).slice(0, ROWS_LOOKED_AT).to_pylist()):
        try:
            function.load()(row["data_source"], "", row["reward_model"]["ground_truth"], **function.kwargs)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"Row {index} cannot be judged: {error}") from error


def data_files(config: DictConfig, key: str) -> list[Path]:
    """The files of `data.train_files` or `data.val_files`."""
    files = config.data[key]
    return [Path(path).expanduser() for path in (files if isinstance(files, ListConfig) else [files])]
