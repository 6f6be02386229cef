import random
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

from recipes.tiny_model.conversations import Exchange, Mixture, conversation, encode, encode_question
from recipes.tiny_model.model import build_model
from recipes.tiny_model.reflections import every_sentence
from verl_reflect.demo.problems import all_problems

DRAWN = Mixture(short=0.0, blind=0.3, answers_right=0.5, hints_right=0.5, kinds=(1, 1, 1, 4))


def messages(turns: list[Exchange]) -> list[dict[str, str]]:
    said = [(("user", turn.user), ("assistant", turn.assistant)) for turn in turns]
    return [{"role": role, "content": content} for turn in said for role, content in turn]


@pytest.fixture(scope="module")
def conversations() -> list[list[Exchange]]:
    rng = random.Random(0)
    return [conversation(rng.choice(all_problems()).shuffled(rng), DRAWN, rng) for _ in range(50)]


def test_markers_and_the_line_end_are_one_token_each(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("\n", "<|im_start|>", "<|im_end|>"):
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 1
    assert {"<|im_start|>", "<|im_end|>"} <= set(tokenizer.all_special_tokens)
    assert tokenizer.eos_token == "<|im_end|>" != tokenizer.pad_token


def test_every_word_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    for sentence in every_sentence():
        assert len(tokenizer.encode(sentence)) == len(sentence.split())


def test_text_and_ids_survive_a_round_trip(
    tokenizer: PreTrainedTokenizerFast, conversations: list[list[Exchange]]
) -> None:
    for turns in conversations:
        text = tokenizer.apply_chat_template(messages(turns), tokenize=False)
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_a_saved_folder_gives_the_same_tokens_through_auto_tokenizer(
    tokenizer: PreTrainedTokenizerFast, conversations: list[list[Exchange]], tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    build_model(tokenizer, seed=0).config.save_pretrained(tmp_path)  # its model type decides what AutoTokenizer loads
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for turns in conversations:
        text = tokenizer.apply_chat_template(messages(turns), tokenize=False)
        assert loaded.apply_chat_template(messages(turns), tokenize=False) == text
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.decode(loaded.encode(text)) == text


def test_training_text_is_the_token_stream_that_verl_builds(
    tokenizer: PreTrainedTokenizerFast, conversations: list[list[Exchange]]
) -> None:
    builder = create_continuous_token_builder(tokenizer, hf_model_type="qwen2")
    for turns in conversations:
        chat = messages(turns)
        stream = builder.build_initial_tokens(chat[:1])
        for end in range(1, len(chat), 2):
            history = turns[: end // 2]
            assert stream == encode_question(history, turns[end // 2].user, tokenizer)
            answer = tokenizer.encode(chat[end]["content"] + "<|im_end|>")
            stream = builder.merge_assistant_tokens(stream, answer).token_ids
            if end + 1 < len(chat):
                stream = builder.merge_context_tokens(chat[: end + 1], chat[: end + 2], stream).token_ids
        assert [*stream, *tokenizer.encode("\n")] == encode(turns, tokenizer)[0]


def test_a_system_message_is_rendered_if_there_is_one_and_never_made_up(tokenizer: PreTrainedTokenizerFast) -> None:
    user = {"role": "user", "content": "Make 24 from 3 5 8 ."}
    alone = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    assert alone == "<|im_start|>user\nMake 24 from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
    system = {"role": "system", "content": "Reflect ."}
    assert (
        tokenizer.apply_chat_template([system, user], tokenize=False, add_generation_prompt=True)
        == f"<|im_start|>system\nReflect .<|im_end|>\n{alone}"
    )
