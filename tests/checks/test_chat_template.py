"""What the preflight says of each family's chat template."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from families import FAMILIES, Family, families
from omegaconf import DictConfig

from verl_reflect.checks.chat_template import check_chat_template
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt


@pytest.fixture
def check(recipe_config: Callable[..., DictConfig], tmp_path: Path) -> Callable[..., str]:
    numbers = itertools.count()

    def checked(family: Family, chat_template: Any = None, **arguments: Any) -> str:
        folder = tmp_path / str(next(numbers))
        config = recipe_config(f"actor_rollout_ref.model.path={family.save(folder)}")
        config.actor_rollout_ref.model.custom_chat_template = chat_template
        config.merge_with({"data": {"apply_chat_template_kwargs": {**family.arguments, **arguments}}})
        return check_chat_template(Run(config))

    return checked


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
def test_every_family_that_works_is_in_order(family: Family, check: Callable[..., str]) -> None:
    remark = check(family)
    assert remark.startswith("a turn ends with <") and not isinstance(remark, Doubt)
    assert ("goes in front of the first user turn" in remark) == (family.name in ("Gemma 2", "Mistral 7B v0.3"))


def test_a_turn_of_several_messages_is_refused(check: Callable[..., str]) -> None:
    with pytest.raises(UnfitError, match="A turn can be several messages in this chat template"):
        check(FAMILIES["gpt-oss"])


def test_a_conversation_that_the_template_would_write_otherwise_is_doubted(check: Callable[..., str]) -> None:
    numbered = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{% if loop.index > 3 %}{{ 'Turn ' ~ loop.index ~ ': ' }}{% endif %}{{ m.content + '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    remark = check(FAMILIES["Phi-4"], numbered)
    assert isinstance(remark, Doubt)
    assert "the loop goes on with 'I should multiply" in remark
    assert "has 'Turn 4: I should multiply" in remark


UNFIT = {
    "in any words": ("{{ raise_exception('Not today.') }}", "cannot hold the conversation: Not today."),
    "two turns": (
        "{% if messages | length > 2 %}{{ raise_exception('Two turns at most.') }}{% endif %}{{ messages[0].content }}",
        "Two turns at most",
    ),
    "wrong": ("{% for m in messages %}", "cannot hold the conversation: Unexpected end of template"),
    "plain": ("{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}", "turns cannot be told apart"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_what_cannot_work_is_one_sentence(fault: str, check: Callable[..., str]) -> None:
    template, sentence = UNFIT[fault]
    with pytest.raises(UnfitError, match=sentence):
        check(FAMILIES["Phi-4"], template)


def test_named_templates_without_a_default_are_one_sentence(check: Callable[..., str]) -> None:
    family = FAMILIES["Hermes 3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family.tokenizer, "chat_template", {"tool_use": "{{ tools }}", "rag": "{{ messages }}"})
        with pytest.raises(UnfitError, match="no default specified"):
            check(family)


def test_what_verl_cannot_make_a_session_of_is_refused(check: Callable[..., str]) -> None:
    family = Family("", "chatml", ("<|im_start|>", "<|im_end|>"), "<|im_end|>", model_type="deepseek_v2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "", family)
        with pytest.raises(UnfitError, match="cannot hold the conversation"):
            check(family)
