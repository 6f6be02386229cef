"""The language of both worlds: one token a word, in the chat format of the tiny model."""

from transformers import Qwen2Tokenizer

from verl_reflect.miniature.calls import Calls
from verl_reflect.miniature.countdown import Countdown
from verl_reflect.miniature.world import World
from verl_reflect.toy.reflections import REFLECTION_REQUEST, VAGUE
from verl_reflect.toy.tokenizer import build_tokenizer

WORLDS: dict[str, World] = {world.name: world for world in (Countdown(), Calls())}


def words() -> list[str]:
    """Every word that can be said, each once."""
    texts = [REFLECTION_REQUEST, *VAGUE, *(text for world in WORLDS.values() for text in world.texts())]
    return list(dict.fromkeys(["user", "assistant", *(word for text in texts for word in text.split())]))


def tokenizer() -> Qwen2Tokenizer:
    """The tokenizer, the same every time. It serves Llama's architecture as well as Qwen's."""
    return build_tokenizer(words())
