"""Whose the folders are that a run writes to: looked at before a model loads, claimed when the trainer starts.

A folder with results belongs to the run that left them. That run may go on in it: after its last checkpoint, or, killed
before its first one (`trainer.resume_mode=auto` and `trainer.save_freq` set), from its beginning. Any other run is
refused: verl would overwrite some files and leave others, and nobody could tell afterwards which are whose.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from verl_reflect.records.growing_file import GrowingFile, LockedError, is_locked
from verl_reflect.records.metrics_log import keep_earlier, parts_of
from verl_reflect.records.run import FILE_NAME, Start, differences, line_of, read_starts

LOGGER_VARIABLE = "VERL_FILE_LOGGER_PATH"
SHOWN = 3
"""Of what differs from another run."""
_SECTIONS = ("reflect", "algorithm", "data", "reward", "critic", "actor_rollout_ref")


class RunFolderError(RuntimeError):
    """A run cannot write where it is told to. The message says why, in one sentence, and what to do."""


@dataclass(frozen=True)
class Place:
    """Somewhere a run writes.

    Args:
        key: The setting that says where.
        path: A folder, or the file of verl's `file` logger.
        starts: The file that says whose it is.
        results: What shows that a run was there, as patterns.
    """

    key: str
    path: Path
    starts: Path
    results: tuple[str, ...]

    @property
    def has_results(self) -> bool:
        """A run has left something that another one would be mixed with."""
        if not self.results:
            return bool(parts_of(self.path))
        return any(next(self.path.glob(pattern), None) is not None for pattern in self.results)

    @cached_property
    def last(self) -> Start | None:
        """The last start there. None without any: of an earlier version of this package, or of stock verl."""
        try:
            return next(reversed(read_starts(self.starts)), None)
        except ValueError as error:
            raise RunFolderError(str(error)) from error


def places(config: DictConfig) -> Iterator[Place]:
    """Everywhere that this configuration writes results."""
    trainer, guarded = config.trainer, config.reflect.guards
    for key in ("rollout_data_dir", "validation_data_dir"):
        if trainer[key]:
            folder = Path(os.path.expanduser(trainer[key]))
            yield Place(f"trainer.{key}", folder, folder / FILE_NAME, ("transcripts/*.jsonl", "[0-9]*.jsonl"))
    if _saves(config) or guarded:
        folder = Path(str(trainer.default_local_dir))
        yield Place("trainer.default_local_dir", folder, folder / FILE_NAME, ("global_step_*",))
    if "file" in ([trainer.logger] if isinstance(trainer.logger, str) else trainer.logger or ()):
        path = metrics_file(config)
        yield Place(LOGGER_VARIABLE, path, path.with_suffix(f".{FILE_NAME}"), ())


def metrics_file(config: DictConfig) -> Path:
    """Where verl's `file` logger writes."""
    for_ray = OmegaConf.select(config, f"ray_kwargs.ray_init.runtime_env.env_vars.{LOGGER_VARIABLE}")
    if path := for_ray or os.environ.get(LOGGER_VARIABLE):
        return Path(path)
    root = os.path.expanduser(os.environ.get("VERL_FILE_LOGGER_ROOT", "."))
    return Path(root, config.trainer.project_name, f"{config.trainer.experiment_name}.jsonl")


def step_gone_on_from(config: DictConfig) -> int:
    """The step of the checkpoint that verl will load; -1 for none."""
    trainer = config.trainer
    if trainer.resume_mode == "resume_path":
        found = re.search(r"global_step_(\d+)/?$", str(trainer.resume_from_path))
        return int(found[1]) if found else -1
    return -1 if trainer.resume_mode == "disable" else latest_checkpoint(config)


def latest_checkpoint(config: DictConfig) -> int:
    """The step of the last checkpoint in `trainer.default_local_dir`; -1 without any."""
    folder = Path(str(config.trainer.default_local_dir))
    latest = folder / "latest_checkpointed_iteration.txt"
    step = latest.read_text().strip() if latest.is_file() else ""
    return int(step) if step.isdecimal() and (folder / f"global_step_{step}").exists() else -1


def next_start(config: DictConfig) -> Start:
    """What this configuration starts: a run of its own, or once more the one whose results are there.

    Raises RunFolderError where it would be mixed with another.
    """
    after = step_gone_on_from(config)
    new = Start.first(plain(config), None if config.trainer.val_only else after)
    begins_again = config.trainer.resume_mode == "auto" and _saves(config)
    earlier: dict[str, tuple[Place, Start]] = {}
    for place in places(config):
        if is_locked(place.starts):
            raise RunFolderError(f"{_at(place)} is being written to by another training; wait for it, or {_OR_ELSE}.")
        if place.has_results:
            last = place.last
            if after < 0 and not (begins_again and last):
                raise RunFolderError(_mixed(place, last, config, new))
            if last:
                _check_same(place, last, new)
                earlier[last.run] = place, last
    if len(earlier) > 1:
        (one, first), (other, second), *_ = earlier.values()
        raise RunFolderError(
            f"{_at(one)} holds {first.in_words}, and {_at(other)} {second.in_words}; name the folders of one run."
        )
    went_before = next((last for _, last in earlier.values()), None)
    return went_before.next(new.after_step) if went_before else new


class Claim:
    """The places of a run, for as long as its trainer lives.

    Attributes:
        start: What the trainer starts.

    Raises:
        RunFolderError: another run's results are there, or another trainer is at work.
        OSError: in one sentence, it cannot be written there.
    """

    def __init__(self, config: DictConfig):
        self.start = next_start(config)
        self._files = []
        for place in places(config):
            try:
                file = GrowingFile(place.starts)
            except LockedError as error:
                raise RunFolderError(f"{error} Wait for it, or {_OR_ELSE}.") from error
            self._files.append(file)
            file.lines()  # cuts off what a dying process left
            file.append([line_of(self.start)])
            if place.key == LOGGER_VARIABLE:
                keep_earlier(place.path)


def plain(config: DictConfig) -> dict[str, Any]:
    """What a run's identity is made of."""
    found = {name: config[name] for name in _SECTIONS if name in config}
    return {name: _plain_section(section) for name, section in found.items()}


def _plain_section(section: Any) -> Any:
    """What is no section stays as it is: other checks say so."""
    return OmegaConf.to_container(section, resolve=True) if OmegaConf.is_config(section) else section


def _saves(config: DictConfig) -> bool:
    return bool(config.trainer.save_freq and config.trainer.save_freq > 0)


_OR_ELSE = "choose another place"


def _at(place: Place) -> str:
    return f"{place.key}={place.path}"


def _mixed(place: Place, last: Start | None, config: DictConfig, new: Start) -> str:
    whose = f"the results of {last.in_words}" if last else "results of an earlier run"
    same = last is not None and not _changed(last, new)
    saved = same and latest_checkpoint(config) >= 0
    to_go_on = ", or set trainer.resume_mode=auto to go on with it" if saved else ""
    return f"{_at(place)} has {whose}, and this run would be mixed with them; {_OR_ELSE}, or move them away{to_go_on}."


def _check_same(place: Place, last: Start, new: Start) -> None:
    if changed := _changed(last, new):
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise RunFolderError(
            f"{_at(place)} has the results of {last.in_words}, of which this one differs in "
            f"{', '.join(changed[:SHOWN])}{more}; set that back to go on with it, or {_OR_ELSE}."
        )


def _changed(last: Start, new: Start) -> Sequence[str]:
    return differences(_all(new), _all(last))


def _all(start: Start) -> Mapping[str, Any]:
    return {**start.settings, **start.seeds}
