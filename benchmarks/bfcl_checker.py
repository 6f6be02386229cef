"""The leaderboard's own reader and checker, from an unpacked package `bfcl-eval`, to be compared with ours.

    pip download --no-deps bfcl-eval==2026.3.23 && unzip bfcl_eval-*.whl -d FOLDER

The package pins versions that fit nothing else, so it is not installed: what its checker imports but does not need for
Python calls is replaced by stand-ins.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

MODEL = "any"
NOT_NEEDED = ("tree_sitter", "tree_sitter_java", "tree_sitter_javascript", "tenacity", "filelock", "dotenv", "tqdm")


class Checker:
    """Verdicts of the leaderboard: on calls as mappings `{name: arguments}`, and on text in Python's syntax."""

    def __init__(self, package: Path) -> None:
        sys.path.insert(0, str(package))
        config = ModuleType("bfcl_eval.constants.model_config")
        vars(config)["MODEL_CONFIG_MAPPING"] = {MODEL: SimpleNamespace(underscore_to_dot=False)}
        sys.modules.setdefault(config.__name__, config)
        for name in NOT_NEEDED:
            try:
                importlib.import_module(name)
            except ImportError:
                sys.modules[name] = MagicMock()
        self._check = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker").ast_checker
        self._python = importlib.import_module("bfcl_eval.constants.enums").Language.PYTHON
        self._decode = importlib.import_module("bfcl_eval.model_handler.utils").default_decode_ast_prompting
        self._is_empty = importlib.import_module("bfcl_eval.utils").is_empty_output

    def accepts(self, calls: list[dict[str, Any]], record: dict[str, Any]) -> bool:
        """Its checker raises for some calls; the leaderboard has no score for those then, so they do not pass."""
        try:
            verdict = self._check(
                record["function"], calls, record["ground_truth"], self._python, record["category"], MODEL
            )
        except Exception:
            return False
        return bool(verdict["valid"])

    def accepts_text(self, text: str, record: dict[str, Any]) -> bool:
        try:
            calls = self._decode(text)
        except Exception:
            return False
        return self.accepts(calls, record)

    def abstains(self, text: str) -> bool:
        """Whether it finds no call in the text, as it should where no function fits."""
        try:
            return bool(self._is_empty(self._decode(text)))
        except Exception:
            return True
