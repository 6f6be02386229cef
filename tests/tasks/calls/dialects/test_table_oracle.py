"""The dialects against vLLM's tool parsers: on well-formed calls both must read the same names and arguments.

Where they differ, vLLM's reading is listed here, and in docs/function_calling.md with the reason.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest
from builders import ROOT
from call_dialects import DIALECTS, ONE_CALL, Calls

from verl_reflect.tasks.function_calling import FunctionCalling

WRITERS = {**DIALECTS, **ONE_CALL}
PARSERS = {
    "Hermes, Qwen": "hermes",
    "Qwen3-Coder": "qwen3_coder",
    "Qwen3-Coder without the outer tag": "qwen3_coder",
    "GLM 4.5": "glm45",
    "GLM 4.7": "glm47",
    "Granite 3": "granite",
    "Granite 3.1": "granite",
    "Granite 4": "granite4",
    "Granite 20B": "granite-20b-fc",
    "Seed-OSS": "seed_oss",
    "Jamba, Hunyuan": "jamba",
    "Phi, functools": "phi4_mini_json",
    "OLMo 3": "olmo3",
    "MiniMax M2": "minimax_m2",
    "DeepSeek V3, R1": "deepseek_v3",
    "DeepSeek V3.1": "deepseek_v31",
    "DeepSeek V3.2": "deepseek_v32",
    "DeepSeek V4": "deepseek_v4",
    "Kimi K2": "kimi_k2",
    "Mistral, list": "mistral",
    "Mistral, names": "mistral",
    "Llama 3": "llama3_json",
    "Llama 3 after its tag": "llama3_json",
    "Llama 3.2, Python": "pythonic",
    "Llama 4, Python": "llama4_pythonic",
    "LFM2": "lfm2",
    "InternLM": "internlm",
    "FunctionGemma": "functiongemma",
    "Gemma 4": "gemma4",
    "LongCat": "longcat",
    "dots": "dots",
    "xLAM": "xlam",
}
"""vLLM's name for the parser of a dialect. It has none for the others, or, as for Command R, needs another package."""

PLAIN: Mapping[str, Any] = {"town": "Bern", "nights": 3, "price": -12.5, "breakfast": True}
SETS: Mapping[str, Calls] = {
    "plain": [("book_room", PLAIN)],
    "no arguments": [("ask_time", {})],
    "Unicode": [("book_room", {"town": "Zürich 北京 😀", "notes": "«é»"})],
    "lines and quotes": [("book_room", {"line": "one\ntwo", "notes": 'say "hi", it\'s \\ here'})],
    "empty": [("book_room", {"notes": "", "ages": [], "options": {}})],
    "nested": [("book_room", {"options": {"view": {"lake": [True, None, {"floor": 2}]}}, "ages": [1, [2.5, "x"]]})],
    "digits in text": [("book_room", {"town": "3", "notes": "true"})],
    "several": [("book_room", PLAIN), ("ask_time", {"town": "Bern"}), ("book_room", {"town": "Chur"})],
    "closing marks": [("book_room", {"notes": "a </tool_call> and a } and a ]"})],
}
ENDS = "it ends the call at a closing mark within its text"
LIST = "it ends the list at the first bracket, so that an argument may hold no list"
TEXT = "it reads values only between <escape>, where the model writes text, and takes those for JSON"
DIFFER: Mapping[tuple[str, str], str] = {
    ("Hermes, Qwen", "closing marks"): ENDS,
    ("Granite 4", "closing marks"): ENDS,
    ("GLM 4.5", "closing marks"): ENDS,
    ("GLM 4.7", "closing marks"): ENDS,
    ("Phi, functools", "closing marks"): LIST,
    ("Phi, functools", "empty"): LIST,
    ("Phi, functools", "nested"): LIST,
    ("InternLM", "several"): "it reads one call",
    ("Gemma 4", "nested"): "it takes numbers and constants for text where the schema names no type for them",
    **{("FunctionGemma", calls): TEXT for calls in ("plain", "empty", "nested", "digits in text", "several")},
}
"""What vLLM does instead, by dialect and set of calls."""

Reading = list[tuple[str, object]]


@pytest.fixture(scope="module")
def theirs() -> dict[tuple[str, str], Reading]:
    """vLLM's reading of every set of calls in every dialect."""
    if find_spec("vllm") is None:
        pytest.skip("vLLM, whose tool parsers are the oracle, is not installed")
    pairs = [(dialect, calls) for dialect in PARSERS for calls in SETS]
    asked = [
        (PARSERS[dialect], ["[ARGS]"] if dialect == "Mistral, names" else [], WRITERS[dialect](SETS[calls]))
        for dialect, calls in pairs
    ]
    command = [sys.executable, str(ROOT / "tests/helpers/vllm_oracle.py")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    read = json.loads(done.stdout.splitlines()[-1])
    return {pair: [(name, arguments) for name, arguments in found] for pair, found in zip(pairs, read, strict=True)}


@pytest.mark.parametrize("dialect", PARSERS)
@pytest.mark.parametrize("calls", SETS)
def test_vllm_reads_the_same_calls(dialect: str, calls: str, theirs: dict[tuple[str, str], Reading]) -> None:
    response = WRITERS[dialect](SETS[calls])
    expected = [(name, dict(arguments)) for name, arguments in SETS[calls]]
    truth = {"answers": [{"name": name, "arguments": arguments} for name, arguments in expected]}
    assert FunctionCalling().judge(response, truth).detail == ""
    read = theirs[dialect, calls]
    assert (read == expected) == ((dialect, calls) not in DIFFER), read
