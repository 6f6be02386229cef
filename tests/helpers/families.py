# ruff: noqa: RUF001
"""Twenty-odd families of models, each as small as can be: a chat template in its own words (families/), the tokens that
its tokenizer has for markers, and a vocabulary of bytes.

The templates are short forms, written after the public ones, of what matters here: how turns open and end, what is
done with a system message, functions and thoughts, and what is refused.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
TEMPLATES = Path(__file__).parent / "families"


@dataclass(frozen=True)
class Family:
    """One family."""

    name: str
    template: str
    """File in families/, without `.jinja`."""
    markers: tuple[str, ...]
    """Special tokens."""
    eos: str
    bos: str | None = None
    words: tuple[str, ...] = ()
    """Added tokens that are not special."""
    ends: tuple[str, ...] = ()
    """`eos_token_id` of `generation_config.json`."""
    tool_use: str = ""
    """File of its named template for tools."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """`data.apply_chat_template_kwargs`."""
    sentencepiece: bool = False
    """A space is put before a text that stands alone."""
    model_type: str = "llama"

    @property
    def chat_template(self) -> str | dict[str, str]:
        default = template(self.template)
        return {"default": default, "tool_use": template(self.tool_use)} if self.tool_use else default

    @property
    def tokenizer(self) -> Any:
        return build(self)

    def id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))

    @property
    def eos_ids(self) -> list[int]:
        return [self.id(token) for token in self.ends]

    def save(self, folder: Path) -> Path:
        """As a model folder, without weights."""
        self.tokenizer.save_pretrained(folder)
        config = {"model_type": self.model_type, "vocab_size": len(self.tokenizer), "max_position_embeddings": 8192}
        (folder / "config.json").write_text(json.dumps({**config, **SHAPE}))
        if self.ends:
            (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": self.eos_ids}))
        return folder


def template(name: str) -> str:
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8").removesuffix("\n")


@cache
def _built(name: str) -> PreTrainedTokenizerFast:
    family = FAMILIES[name]
    core = _sentencepiece() if family.sentencepiece else _byte_level()
    tokens = dict.fromkeys([*family.markers, family.eos, *([family.bos] if family.bos else [])])
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
    core.add_tokens([AddedToken(word, normalized=False) for word in family.words])
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=family.bos, eos_token=family.eos, clean_up_tokenization_spaces=False
    )
    made.chat_template = family.chat_template
    return made


def build(family: Family) -> PreTrainedTokenizerFast:
    return _built(family.name)


def _byte_level() -> Tokenizer:
    """Bytes, and merges of none. Digits and punctuation with line ends after it stand alone, as in Llama 3 and Qwen."""
    core = Tokenizer(
        models.BPE(vocab={byte: i for i, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    )
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return core


def _sentencepiece() -> Tokenizer:
    """Letters with `▁` for the space, which is put before any text: as Llama 2's, with one joined token for a test."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["▁", *(f"<0x{byte:02X}>" for byte in range(256)), *letters, *(f"▁{letter}" for letter in letters)]
    core = Tokenizer(
        models.BPE(
            vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))},
            merges=[("▁", letter) for letter in letters],
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return core


CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
QWEN_WORDS = ("<tool_call>", "</tool_call>", "<think>", "</think>")
LLAMA3 = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>"),
)
MISTRAL = ("<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]")
MISTRAL_TEKKEN = (*MISTRAL, "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]")
DEEPSEEK = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")
DEEPSEEK_WORDS = ("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", "<｜tool▁calls▁begin｜>")
GRANITE = ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>", "<tool_call>", "</tool_call>")
COMMAND = (
    *("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
    *("<|SYSTEM_TOKEN|>", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    *("<|START_ACTION|>", "<|END_ACTION|>"),
)
HARMONY = (
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|return|>",
    "<|call|>",
    "<|endoftext|>",
)
GLM = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>")
GEMMA = ("<bos>", "<eos>", "<pad>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>")
PHI = ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|tool|>", "<|/tool|>", "<|tool_call|>")
KIMI = ("[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>")

_ALL = (
    Family("Qwen2.5", "qwen2_5", CHATML, "<|im_end|>", words=QWEN_WORDS, model_type="qwen2"),
    Family("Qwen3", "qwen3", CHATML, "<|im_end|>", words=QWEN_WORDS, model_type="qwen3"),
    Family(
        "Qwen3, thinking off",
        *("qwen3", CHATML, "<|im_end|>"),
        words=QWEN_WORDS,
        arguments={"enable_thinking": False},
        model_type="qwen3",
    ),
    Family("Qwen3-Thinking-2507", "qwen3_thinking", CHATML, "<|im_end|>", words=QWEN_WORDS, model_type="qwen3"),
    Family("Qwen3-Instruct-2507", "qwen3_instruct", CHATML, "<|im_end|>", words=QWEN_WORDS, model_type="qwen3"),
    Family("Llama 2", "llama2", ("<s>", "</s>"), "</s>", "<s>", sentencepiece=True),
    Family(
        "Llama 3.1, 3.2",
        "llama3",
        LLAMA3,
        "<|eot_id|>",
        "<|begin_of_text|>",
        ends=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
    ),
    Family(
        "Llama 4",
        "llama4",
        (
            "<|begin_of_text|>",
            "<|header_start|>",
            "<|header_end|>",
            "<|eot|>",
            "<|eom|>",
            "<|python_start|>",
            "<|python_end|>",
        ),
        "<|eot|>",
        "<|begin_of_text|>",
        ends=("<|eot|>", "<|eom|>"),
    ),
    Family("Mistral 7B v0.3", "mistral_v03", MISTRAL, "</s>", "<s>", sentencepiece=True, model_type="mistral"),
    Family("Mistral Small 3", "mistral_small", MISTRAL_TEKKEN, "</s>", "<s>", model_type="mistral"),
    Family("Magistral", "magistral", MISTRAL_TEKKEN, "</s>", "<s>", model_type="mistral"),
    Family("Mixtral", "mixtral", ("<s>", "</s>"), "</s>", "<s>", sentencepiece=True, model_type="mixtral"),
    Family("Gemma 2", "gemma2", GEMMA, "<eos>", "<bos>", model_type="gemma2"),
    Family("Gemma 3", "gemma3", GEMMA, "<eos>", "<bos>", ends=("<eos>", "<end_of_turn>"), model_type="gemma3_text"),
    Family("Phi-3.5", "phi3_5", PHI, "<|endoftext|>", model_type="phi3"),
    Family("Phi-4", "phi4", (*CHATML, "<|im_sep|>"), "<|im_end|>", model_type="phi3"),
    Family("Phi-4-mini", "phi4_mini", PHI, "<|endoftext|>", ends=("<|end|>", "<|endoftext|>"), model_type="phi3"),
    Family("SmolLM2", "smollm2", CHATML, "<|im_end|>", "<|im_start|>"),
    Family("SmolLM3", "smollm3", CHATML, "<|im_end|>", words=QWEN_WORDS),
    Family(
        "SmolLM3, thinking off", "smollm3", CHATML, "<|im_end|>", words=QWEN_WORDS, arguments={"enable_thinking": False}
    ),
    Family(
        "DeepSeek-R1 distills",
        "r1_distill",
        DEEPSEEK,
        DEEPSEEK[1],
        DEEPSEEK[0],
        words=DEEPSEEK_WORDS,
        model_type="qwen2",
    ),
    Family("DeepSeek-V3", "deepseek_v3", DEEPSEEK, DEEPSEEK[1], DEEPSEEK[0], words=DEEPSEEK_WORDS),
    Family("Hermes 3", "chatml", CHATML, "<|im_end|>", "<|endoftext|>", words=QWEN_WORDS, tool_use="hermes3_tool_use"),
    Family("Granite 3", "granite3", GRANITE, "<|end_of_text|>", "<|end_of_text|>"),
    Family("Granite 4", "granite4", GRANITE, "<|end_of_text|>", "<|end_of_text|>"),
    Family("OLMo 2", "olmo2", ("<|endoftext|>",), "<|endoftext|>", "<|endoftext|>"),
    Family("Falcon 3", "falcon3", ("<|endoftext|>",), "<|endoftext|>"),
    Family("Command R", "command_r", COMMAND, "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>", tool_use="command_r_tool_use"),
    Family("Command R7B", "command_r7b", COMMAND, "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>"),
    Family("gpt-oss", "gpt_oss", HARMONY, "<|return|>", ends=("<|return|>", "<|call|>")),
    Family(
        "GLM-4.5",
        *("glm4_5", GLM, "<|endoftext|>"),
        words=QWEN_WORDS,
        ends=("<|endoftext|>", "<|user|>", "<|observation|>"),
    ),
    Family(
        "GLM-4.5, thinking off",
        *("glm4_5", GLM, "<|endoftext|>"),
        words=QWEN_WORDS,
        ends=("<|endoftext|>", "<|user|>", "<|observation|>"),
        arguments={"enable_thinking": False},
    ),
    Family("Kimi K2", "kimi_k2", KIMI, "<|im_end|>", "[BOS]"),
    Family("A base model under ChatML", "chatml", CHATML, "<|endoftext|>"),
)
FAMILIES = {family.name: family for family in _ALL}


def families(*without: str) -> list[Family]:
    return [family for family in _ALL if family.name not in without]
