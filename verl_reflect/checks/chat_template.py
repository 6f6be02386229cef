"""Does the chat template tell turns apart, and does the loop write the conversation that the template would write?"""

import warnings
from typing import Any

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt
from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.chat_template import assistant, user
from verl_reflect.rollout.turn_markers import several_messages

SHOWN_CHARS = 40
"""Of what differs."""
TALK = (
    "Use the numbers 3, 5 and 8 to make 29.\nGive the answer in <answer> tags.",
    "I add first: (3 + 5) * 8 = 64.\n\n<answer>(3 + 5) * 8</answer>",
    "Your answer was wrong. Reflect on what went wrong, in one or two sentences.",
    "I should multiply 3 and 8 first, and then add 5.",
    "Use the numbers 3, 5 and 8 to make 29.\nGive the answer in <answer> tags.",
)
"""Task, attempt, request for a reflection, reflection, the task again."""


def check_chat_template(run: Run) -> str:
    """The template tells turns apart, and a user turn can follow a failed attempt without encoding it anew."""
    try:
        chat = Chat.under(run.config, run.tokenizer)
        several = several_messages(chat.template)
        written, own = written_by_the_loop(chat), written_by_the_template(chat)
        _make_verls_builder(run)
    except Exception as error:  # templates raise errors of every kind
        raise UnfitError(f"The chat template cannot hold the conversation: {error}") from error
    if several:
        raise UnfitError(
            f"A turn can be several messages in this chat template ({several}), so that the first of them would pass "
            "for the whole; use another model, or set actor_rollout_ref.model.custom_chat_template."
        )
    remark = f"a turn ends with {run.tokenizer.convert_ids_to_tokens(chat.end_of_turn)}"
    if not chat.opening.system_role:
        remark += "; it has no system role, so what a system message says goes in front of the first user turn"
    return remark if written == own else Doubt(f"{remark}; {_difference(chat, written, own)}")


def written_by_the_loop(chat: Chat) -> tuple[int, ...]:
    """The tokens of TALK as the loop puts them together, the model's answers written as the template puts them."""
    task, attempt, request, reflection, again = TALK
    _, opening = chat.open([user(task)], None)
    answers = (chat.as_answer(each)[1] for each in (attempt, reflection))
    return (*opening, *next(answers), *chat.next_turn(request), *next(answers), *chat.next_turn(again))


def written_by_the_template(chat: Chat) -> tuple[int, ...]:
    """The tokens of TALK as the template renders it anew.

    But for one thing: a thought that the generation prompt opens, or opens and closes, stays in the loop's context and
    is not rendered again. It is put in here.
    """
    text = chat.template.text([(assistant if number % 2 else user)(turn) for number, turn in enumerate(TALK)])
    header, _, opening = chat.template.pieces
    for answer in TALK[1::2]:
        text = text.replace(f"{header}{answer}", f"{opening}{chat.lead(answer)}{answer}")
    return chat.template.ids(text)


def _difference(chat: Chat, written: tuple[int, ...], own: tuple[int, ...]) -> str:
    """Where the two part, in words."""
    same = next((i for i, (one, other) in enumerate(zip(written, own, strict=False)) if one != other), None)
    start = min(len(written), len(own)) if same is None else same
    ours, its = (chat.template.tokenizer.decode(ids[start:])[:SHOWN_CHARS] for ids in (written, own))
    return f"the loop goes on with {ours!r} where the template, rendering it all anew, has {its!r}"


def _make_verls_builder(run: Run) -> Any:
    """verl makes one for every session, though the loop has no use for it. Raises what it raises."""
    from verl.utils.tokenizer import hf_processor
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    sees = "vision_config" in run.model_config.to_dict()
    with warnings.catch_warnings(action="ignore"):
        processor = hf_processor(run.model.path) if sees else None  # type: ignore[no-untyped-call]
    return create_continuous_token_builder(
        run.tokenizer, hf_model_type=run.model_config.model_type, processor=processor
    )
