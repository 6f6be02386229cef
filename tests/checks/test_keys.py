"""Whatever stands at a key that the checks read, what comes of it is a pass or a sentence that names the key."""

import re
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from checked import good_config, leaves, refusal
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.keys import KEYS, Kind
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import default_section

ODD = (None, "text", -1, 0, 2.5, [], [1], {"a": 1}, "???", "${oc.env:NO_SUCH_VARIABLE}", "${no.such.key}")
SOURCES = sorted((ROOT / "verl_reflect" / "checks").glob("*.py"))
OF_VERL = "data|trainer|reward|algorithm|critic|rollout|model|actor_rollout_ref"
READ = re.compile(rf"\b(?:config|run)\.((?:{OF_VERL})\.[\w.]+)")
SECTIONS = {"rollout.": "actor_rollout_ref.rollout.", "model.": "actor_rollout_ref.model."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def _read_once(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The model's tokenizer and configuration, which take most of the time."""
    known = Run(good_config(folder))
    for name in ("tokenizer", "model_config"):
        monkeypatch.setattr(Run, name, getattr(known, name))


def said(folder: Path, key: str, value: Any) -> str | None:
    config = good_config(folder)
    OmegaConf.update(config, key, value, merge=False)
    return refusal(config)


def names(sentence: str, key: str) -> bool:
    """The key, or what verl's own sentence has of it, or the column that the data lack."""
    in_verls_words = sentence.startswith(f"verl refuses {key.rpartition('.')[0]}") and key.split(".")[-2] in sentence
    return key in sentence or in_verls_words or (key == "data.prompt_key" and "has no column" in sentence)


def nameless(config: DictConfig, key: str) -> list[str]:
    """What is said to odd values of a key without naming it. Only a value that fits the key is worth every check."""
    found = []
    for value in ODD:
        OmegaConf.update(config, key, value, merge=False)
        try:
            Run(config).get(key)
        except UnfitError as problem:
            sentence: str | None = str(problem)
        else:
            sentence = refusal(config)
        if sentence is not None and (not names(sentence, key) or "\n" in sentence):
            found.append(f"{value!r}: {sentence}")
    return found


@pytest.mark.usefixtures("_read_once")
@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("actor_rollout_ref.model")])
def test_a_key_may_hold_anything(folder: Path, key: str) -> None:
    assert nameless(good_config(folder), key) == []


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("actor_rollout_ref.model")])
def test_so_may_a_key_of_the_model(folder: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert nameless(good_config(folder), key) == []


@pytest.mark.parametrize("key", list(leaves(default_section(), "reflect")))
def test_a_setting_may_hold_anything(folder: Path, key: str) -> None:
    for value in ODD:
        config = good_config(folder)
        OmegaConf.update(config, key, value, merge=False)
        sentence = refusal(config, "settings")
        assert sentence is None or (key in sentence and "\n" not in sentence), f"{value!r}: {sentence}"


@pytest.mark.usefixtures("_read_once")
@pytest.mark.parametrize("section", sorted({key.partition(".")[0] for key in KEYS} | {"reflect"}))
def test_a_section_may_be_no_section(folder: Path, section: str) -> None:
    for value in (None, "text", 0, [], [1], {}):
        sentence = said(folder, section, value)
        assert sentence is None or section in sentence, f"{value!r}: {sentence}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_what_a_check_reads_by_itself_is_in_the_table_too(source: Path) -> None:
    for found in READ.findall(source.read_text()):
        short = next((short for short in SECTIONS if found.startswith(short)), "")
        key = (SECTIONS.get(short, "") + found.removeprefix(short)).removesuffix(".get")
        known = key in KEYS or any(each.startswith(f"{key}.") for each in KEYS)
        assert known, f"{source.name} reads {key}: add a row to KEYS"


def test_only_what_is_in_the_table_can_be_asked_for(folder: Path) -> None:
    with pytest.raises(KeyError):
        Run(good_config(folder)).get("trainer.no_such_key")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (
            "data.train_batch_size",
            "8",
            "data.train_batch_size is the text '8'; it must be a whole number of",
        ),
        ("trainer.nnodes", None, "trainer.nnodes is null; it must be a whole number of at least 1."),
        ("trainer.use_v1", "False", "trainer.use_v1 is the text 'False'; it must be true or false."),
        ("data.train_files", [], "data.train_files is []; it must be a file or a list of at least one"),
        ("data.val_files", None, "verl wants one even with trainer.val_before_train=false"),
        (
            "trainer.total_epochs",
            "???",
            "trainer.total_epochs is ???, which nobody has set; it must be a whole",
        ),
        (
            "trainer.n_gpus_per_node",
            "${oc.env:NO_SUCH_VARIABLE}",
            'trainer.n_gpus_per_node cannot be read (KeyError raised while resolving interpolation: "Environment '
            "variable 'NO_SUCH_VARIABLE' not found\"); it must be a whole number of at least 1.",
        ),
    ],
)
def test_the_sentence_says_what_is_there_and_what_must_be(folder: Path, key: str, value: Any, sentence: str) -> None:
    assert sentence in str(said(folder, key, value))


def test_every_kind_says_what_it_wants() -> None:
    assert all(isinstance(kind, Kind) and kind.wanted for kind in KEYS.values())
