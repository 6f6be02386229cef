"""Checks of prompts as the model will see them: the chat template renders them, and they are not too long."""

from typing import Any

from verl_reflect.checks.files import DataFile, Row, open_files
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.rollout.chat_template import offer_tools
from verl_reflect.rollout.session import functions_of, messages_of

ROWS_RENDERED = 256


def check_prompts(run: Run) -> str:
    """The first prompts of each data file are not too long."""
    for file in open_files(run.files()):
        check_prompts_of(run, file)
    return f"data.max_prompt_length={run.config.data.max_prompt_length}"


def check_prompts_of(run: Run, file: DataFile) -> None:
    """The first prompts of a file can be rendered, and fit.

    verl leaves out the rows whose messages are too long, and does not see their tools.
    """
    limit, (plain, with_tools) = run.config.data.max_prompt_length, prompt_lengths(run, file)
    if min(plain) > limit:
        raise UnfitError(
            f"{file.key}: none of the first {len(plain)} prompts of {file.path} fits data.max_prompt_length={limit}; "
            f"the shortest takes {min(plain)} tokens."
        )
    if not run.config.data.filter_overlong_prompts and max(plain) > limit:
        raise UnfitError(
            f"{file.place(plain.index(max(plain)))} has a prompt of {max(plain)} tokens, and data.max_prompt_length is "
            f"{limit}; raise it, or set data.filter_overlong_prompts=True to leave such rows out."
        )
    if with_tools and max(with_tools) > limit:
        raise UnfitError(
            f"{file.key}: a prompt of {file.path} takes {max(with_tools)} tokens with its functions, and "
            f"data.max_prompt_length is {limit}; raise it."
        )


def prompt_lengths(run: Run, file: DataFile) -> tuple[list[int], list[int]]:
    """Tokens of the first prompts without their functions, and of those that have some with them.

    Raises:
        UnfitError: the chat template cannot render one.
    """
    rows = list(enumerate(file.first(ROWS_RENDERED)))
    plain = [_tokens(run, file, number, {**row, "tools": None}) for number, row in rows]
    return plain, [_tokens(run, file, number, row) for number, row in rows if row.get("tools")]


def _tokens(run: Run, file: DataFile, number: int, row: Row) -> int:
    try:
        return len(run.tokenizer.encode(_rendered(run, row), add_special_tokens=False))
    except Exception as error:  # templates raise errors of every kind
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnfitError(
            f"{file.place(number)} has a {run.config.data.prompt_key} that the chat template cannot render ({said}); "
            "change the row, or set actor_rollout_ref.model.custom_chat_template."
        ) from error


def _rendered(run: Run, row: Row) -> Any:
    """As the loop asks, or where verl leaves out long prompts as verl does: the contents as they stand in the row."""
    column = row[run.config.data.prompt_key]
    as_verl = run.config.data.filter_overlong_prompts
    messages = [dict(message) for message in column] if as_verl else messages_of(column)
    messages, tools = offer_tools(run.tokenizer, messages, functions_of(row))
    kwargs = dict(run.config.data.get("apply_chat_template_kwargs") or {})
    return run.tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=False, add_generation_prompt=True, **kwargs
    )
