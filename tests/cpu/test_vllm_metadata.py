"""vLLM's CPU build is known by vLLM's name, also for a moment in a process that is none for CPUs."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

LOOK = """
import sys
from verl_reflect.cpu import vllm_metadata
before = list(sys.meta_path)
with vllm_metadata.known():
    from verl.third_party.vllm import LLM
assert sys.meta_path == before
"""


@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM")
def test_verl_imports_it_where_it_is_known_and_nothing_stays() -> None:
    subprocess.run([sys.executable, "-c", LOOK], check=True, timeout=120)
