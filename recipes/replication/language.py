"""The language of both worlds: one token a word, in the chat format of the tiny model."""

from transformers import Qwen2Tokenizer

from recipes.replication.calls import Calls
from recipes.replication.countdown import Countdown
from recipes.replication.world import World
from recipes.tiny_model.reflections import REFLECTION_REQUEST, VAGUE
from recipes.tiny_model.tokenizer import build_tokenizer

WORLDS: dict[str, World] = {world.name: world for world in (Countdown(), Calls())}


def words() -> list[str]:
    """Every word that can be said, each once."""
    texts = [REFLECTION_REQUEST, *VAGUE, *(text for world in WORLDS.values() for text in world.texts())]
    return list(dict.fromkeys(["user", "assistant", *(word for text in texts for word in text.split())]))


def tokenizer() -> Qwen2Tokenizer:
    """The tokenizer, the same every time. It serves Llama's architecture as well as Qwen's."""
    return build_tokenizer(words())
