"""The tiny model's tokenizer: one token a word, one token a number, and Qwen's ChatML markers.

It has to be a `Qwen2Tokenizer`, because that is what `AutoTokenizer`, and with it verl, makes of any folder whose model
is a Qwen2. Underneath is a byte-level vocabulary without merges, so any text can be encoded; on top of it every word of
the tiny language is an added token, with and without the space before it. Encoding and decoding give any text back
exactly.
"""

from collections.abc import Sequence

from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer

from recipes.tiny_model.reflections import REFLECTION_REQUEST, every_sentence
from verl_reflect.demo.problems import LARGEST_TARGET

PAD, TURN_START, TURN_END = "<pad>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def words() -> list[str]:
    """Every word of the tiny language, numbers included."""
    roles = ["system", "user", "assistant", "tool"]
    answer = ["<answer>", "</answer>", "(", ")", "+", "-", "*"]
    numbers = [str(n) for n in range(LARGEST_TARGET + 1)]
    sentences = ["Make from .", REFLECTION_REQUEST, *every_sentence()]
    spoken = sorted({word for sentence in sentences for word in sentence.split()})
    return list(dict.fromkeys([*roles, *answer, *numbers, *spoken]))


def build_tokenizer(language: Sequence[str] = ()) -> Qwen2Tokenizer:
    """The tokenizer of these words, those of the tiny language if none are given; the same every time."""
    tokenizer = Qwen2Tokenizer(
        vocab={byte: index for index, byte in enumerate(sorted(ByteLevel.alphabet()))},
        merges=[],
        unk_token=None,  # type: ignore[arg-type]  # bytes cover everything
        eos_token=TURN_END,
        pad_token=PAD,
        extra_special_tokens=[TURN_START],
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    spaced = [text for word in language or words() for text in (word, f" {word}")]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in spaced])
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
