"""Checks of prompts as the model will see them: the chat template renders them, and they are not too long.

verl's filter for long prompts (`data.filter_overlong_prompts`) counts otherwise than the loop asks: it renders the
messages as they stand in the row, without the row's functions, and leaves out without a word what it cannot render.
"""

from typing import Any

from verl_reflect.checks.files import DataFile, Row, open_files
from verl_reflect.checks.rows import messages_fault
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt
from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.session import functions_of, messages_of

ROWS_RENDERED = 256


def check_prompts(run: Run) -> str:
    """The first prompts of each data file can be rendered, and those that verl does not leave out fit."""
    for file in open_files(run.files()):
        _check_prompts_of(run, file)
    return f"data.max_prompt_length={run.get('data.max_prompt_length')}"


def _check_prompts_of(run: Run, file: DataFile) -> None:
    limit, tokens, left_out = run.get("data.max_prompt_length"), prompt_lengths(run, file), _left_out(run, file)
    if min(tokens) > limit or all(left_out):
        raise UnfitError(
            f"{file.key}: none of the first {len(tokens)} prompts of {file.path} fits data.max_prompt_length={limit}; "
            f"the shortest takes {min(tokens)} tokens, its functions included."
        )
    too_long = [row for row, count in enumerate(tokens) if count > limit and not left_out[row]]
    if too_long:
        filtered = run.get("data.filter_overlong_prompts")
        remedy = "" if filtered else ", or set data.filter_overlong_prompts=True to leave such rows out"
        raise UnfitError(
            f"{file.place(too_long[0])} has a prompt of {tokens[too_long[0]]} tokens, its functions included, and "
            f"data.max_prompt_length is {limit}; raise it{remedy}."
        )


def prompt_lengths(run: Run, file: DataFile) -> list[int]:
    """Tokens of each of the first prompts, as the loop asks them.

    Raises:
        UnfitError: one has no messages, or the chat template cannot render them.
    """
    chat, key = Chat.under(run.config, run.tokenizer), run.get("data.prompt_key")
    lengths = list[int]()
    for number, row in enumerate(file.first(ROWS_RENDERED)):
        fault = messages_fault(row.get(key), key)
        if fault and not isinstance(fault, Doubt):
            raise UnfitError(f"{file.place(number)} {fault}")
        try:
            lengths.append(len(chat.open(messages_of(row[key]), functions_of(row))[1]))
        except Exception as error:  # templates raise errors of every kind
            raise UnfitError(
                f"{file.place(number)} has a {key} that the chat template cannot render ({_in_a_line(error)}); change "
                "the row, or set actor_rollout_ref.model.custom_chat_template."
            ) from error
    return lengths


def _left_out(run: Run, file: DataFile) -> list[bool]:
    """For each of the first rows: verl's filter finds its prompt too long.

    Raises:
        UnfitError: it cannot render one, and would leave the row out.
    """
    rows, limit = file.first(ROWS_RENDERED), run.get("data.max_prompt_length")
    if not run.get("data.filter_overlong_prompts"):
        return [False] * len(rows)
    return [_counted_by_verl(run, file, number, row) > limit for number, row in enumerate(rows)]


def _counted_by_verl(run: Run, file: DataFile, number: int, row: Row) -> int:
    key, arguments = run.get("data.prompt_key"), dict(run.config.data.get("apply_chat_template_kwargs") or {})
    try:
        text: Any = run.tokenizer.apply_chat_template(
            row[key], add_generation_prompt=True, **{**arguments, "tokenize": False}
        )
    except Exception as error:  # templates raise errors of every kind
        raise UnfitError(
            f"{file.place(number)} has a {key} that verl's filter for long prompts cannot render "
            f"({_in_a_line(error)}), and would leave out without a word; set data.filter_overlong_prompts=False."
        ) from error
    return len(run.tokenizer.encode(text, add_special_tokens=False))


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
