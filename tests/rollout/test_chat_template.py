"""What a template writes around the words of a conversation, of every family in tests/helpers/families.py."""

from typing import Any

import pytest
from families import FAMILIES, Family, families

from verl_reflect.rollout.chat_template import AGAIN, ANSWER, TASK, ChatTemplate, assistant, user


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_what_follows_an_answer_has_the_tokens_of_the_whole_conversation(family: Family) -> None:
    template = ChatTemplate(family.tokenizer, family.arguments)
    said = "Reflect on it.\nIn  two sentences: <answer> 8 </answer>"
    whole = template.ids(template.text([user(TASK), assistant(ANSWER), user(said)]))
    appended = template.next_turn(said)
    assert whole[-len(appended) :] == appended
    assert template.tokenizer.decode(whole[: -len(appended)]).endswith(ANSWER)


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
def test_the_pieces_are_all_that_stands_around_the_words(family: Family) -> None:
    template = ChatTemplate(family.tokenizer, family.arguments)
    rendered = template.text([user(TASK), assistant(ANSWER), user(AGAIN)])
    header, between, opening = template.pieces
    assert rendered.endswith(f"{TASK}{header}{ANSWER}{between}{AGAIN}{opening}")


def test_a_tokenizer_that_puts_a_space_before_what_stands_alone_does_not_put_one_between_turns() -> None:
    template = ChatTemplate(FAMILIES["Llama 2"].tokenizer)
    assert template.tokenizer.decode(template.next_turn("Again")) == "</s><s> [INST] Again [/INST]"
    alone = template.ids(" </s><s>[INST] Again [/INST]")
    assert template.next_turn("Again") != alone, "encoded by itself it has another space"


WITHOUT = {
    "has no chat template": None,
    "does not write what a user and an assistant say": "{% for m in messages %}<|im_end|>{{ m.role }}{% endfor %}",
    "say as it is, one after the other": "{% for m in messages | reverse %}{{ m.content }}<|im_end|>{% endfor %}",
}


@pytest.mark.parametrize("sentence", WITHOUT)
def test_a_template_that_leaves_out_what_is_said_is_one_sentence(sentence: str) -> None:
    tokenizer: Any = FAMILIES["Phi-4"].tokenizer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "chat_template", WITHOUT[sentence])
        with pytest.raises(ValueError, match=sentence):
            _ = ChatTemplate(tokenizer).pieces
