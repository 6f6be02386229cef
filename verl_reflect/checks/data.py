"""Checks of a run's data files: columns, verdicts, lengths, and whose failures they hold."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from verl_reflect.checks.files import is_remote, open_files
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import FirstAttempt
from verl_reflect.finding import Doubt
from verl_reflect.records.model_identity import ModelIdentity, template_hash
from verl_reflect.records.parquet import card_path
from verl_reflect.rollout.chat_template import offer_tools
from verl_reflect.rollout.judge import RewardFunction
from verl_reflect.tasks.registry import task_for

ROWS_LOOKED_AT = 256


def rows_of(named: Iterable[tuple[str, str]]) -> int | None:
    """Rows of these (key, path) together; None if one of the files is fetched only when the run starts.

    Raises:
        UnfitError: one is not there, cannot be read or has no rows.
    """
    files = list(named)
    counts = [file.count for file in open_files(files)]
    return None if any(is_remote(path) for _, path in files) else sum(counts)


def check_data(run: Run) -> str:
    """Every data file is there, has the columns, and its first rows can be judged."""
    counts = []
    for key, path in run.files():
        if not os.path.isfile(path):
            raise UnfitError(f"{key}: there is no file {path}; make it (`verl-reflect data`) or set {key}.")
        if not path.endswith(".parquet"):
            counts.append(f"{os.path.basename(path)} (not looked into)")
            continue
        table = parquet.ParquetFile(path)
        _check_columns(run, key, path, set(table.schema_arrow.names))
        rows = next(table.iter_batches(batch_size=ROWS_LOOKED_AT), None)
        if rows is None or rows.num_rows == 0:
            raise UnfitError(f"{key}: {path} has no rows.")
        _check_rows(run, key, path, rows.to_pylist())
        counts.append(f"{os.path.basename(path)} ({table.metadata.num_rows} rows)")
    return ", ".join(counts)


def _check_columns(run: Run, key: str, path: str, columns: set[str]) -> None:
    needed = {run.config.data.prompt_key, "data_source", "reward_model"}
    if key == "data.train_files" and run.settings.first_attempt is FirstAttempt.dataset:
        needed.add("first_attempt")
    missing = ", ".join(sorted(needed - columns))
    if not missing:
        return
    advice = "set reflect.first_attempt=live or add the failed attempts" if missing == "first_attempt" else "add it"
    raise UnfitError(f"{key}: {path} has no column {missing}; {advice}.")


def _check_rows(run: Run, key: str, path: str, rows: list[dict[str, Any]]) -> None:
    function = RewardFunction.from_config(run.config)
    for number, row in enumerate(rows):
        place = f"{key}: row {number} of {path}"
        if "ground_truth" not in (row["reward_model"] or {}):
            raise UnfitError(f"{place} has no reward_model.ground_truth; add it.")
        if not function.judges_by_task:
            _check_wording(run, place, row["data_source"])
            continue  # a user's function is not run in the driver
        attempt = row.get("first_attempt")
        try:
            result = function.load()(
                row["data_source"], attempt or "", row["reward_model"]["ground_truth"], **function.kwargs
            )
        except ValueError as error:
            raise UnfitError(f"{place} cannot be judged: {error}") from error
        if attempt is not None and result["score"] >= run.settings.success_threshold:
            raise UnfitError(
                f"{place} has a first_attempt that passes, so there is nothing to reflect on; remove the row."
            )


def check_prompts(run: Run) -> str:
    """The first prompts of each data file are not too long."""
    for key, path in run.files():
        if path.endswith(".parquet") and os.path.isfile(path):
            rows = next(parquet.ParquetFile(path).iter_batches(batch_size=ROWS_LOOKED_AT))
            _check_prompt_lengths(run, key, path, rows.to_pylist())
    return f"data.max_prompt_length={run.config.data.max_prompt_length}"


def _check_prompt_lengths(run: Run, key: str, path: str, rows: list[dict[str, Any]]) -> None:
    """verl leaves out the rows whose messages are too long, and does not see their tools."""
    limit = run.config.data.max_prompt_length
    plain = [_prompt_tokens(run, {**row, "tools": None}) for row in rows]
    if min(plain) > limit:
        raise UnfitError(
            f"{key}: none of the first {len(rows)} prompts of {path} fits data.max_prompt_length={limit}; the shortest "
            f"takes {min(plain)} tokens."
        )
    with_tools = [_prompt_tokens(run, row) for row in rows if row.get("tools")]
    if with_tools and max(with_tools) > limit:
        raise UnfitError(
            f"{key}: a prompt of {path} takes {max(with_tools)} tokens with its functions, and "
            f"data.max_prompt_length is {limit}; raise it."
        )


def _prompt_tokens(run: Run, row: dict[str, Any]) -> int:
    tools = json.loads(row["tools"]) if row.get("tools") else None
    messages, tools = offer_tools(run.tokenizer, [dict(message) for message in row[run.config.data.prompt_key]], tools)
    kwargs = dict(run.config.data.get("apply_chat_template_kwargs") or {})
    rendered = run.tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=False, add_generation_prompt=True, **kwargs
    )
    return len(run.tokenizer.encode(rendered, add_special_tokens=False))


def _check_wording(run: Run, place: str, data_source: str) -> None:
    if run.settings.reflection_prompt is not None:
        return
    try:
        task_for(data_source, run.settings.tasks)
    except ValueError:
        raise UnfitError(
            f"{place} is of {data_source}, for which there is no task to ask for a reflection; "
            "set reflect.reflection_prompt."
        ) from None


def check_failure_set(run: Run) -> str:
    """Stored first attempts are failures of the model that is trained, in the chat template that is used."""
    if run.settings.first_attempt is FirstAttempt.live:
        return "first attempts are made by the model that is trained"
    doubts, mined = [], 0
    for path in (Path(path) for key, path in run.files() if key == "data.train_files"):
        card = _card_of_mining(path)
        mined += bool(card)
        doubts += [f"{path.name} {doubt}" for doubt in _doubts(run, card)] if card else []
    if doubts:
        return Doubt("; ".join(doubts) + ". Mine anew with `verl-reflect mine`, or know what you do.")
    return "mined from this model" if mined else "no card says which model failed"


def _card_of_mining(path: Path) -> Mapping[str, Any] | None:
    """What `verl-reflect mine` wrote beside a file; None if it is not of its making."""
    try:
        card = json.loads(card_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card.get("mined") if isinstance(card, dict) else None


def _doubts(run: Run, mined: Mapping[str, Any]) -> Iterator[str]:
    origin, trained = ModelIdentity(**mined["model"]), ModelIdentity.of(run.model.path)
    if origin.differs_from(trained):
        yield f"holds failures of another model ({origin.path}) than is trained ({trained.path})"
    template = template_hash(run.tokenizer.chat_template, run.config.data.get("apply_chat_template_kwargs") or {})
    if mined["chat_template"] != template:
        yield "was mined with another chat template"
    tokens, limit = mined["sampling"]["max_tokens"], run.settings.max_attempt_tokens
    if tokens > limit:
        yield f"has attempts of up to {tokens} tokens, which reflect.max_attempt_tokens={limit} cuts"
