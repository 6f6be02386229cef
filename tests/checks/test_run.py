"""What a configuration names is read as verl reads it."""

from pathlib import Path
from shutil import copytree

import pytest
from checked import CHECKPOINT, good_config
from omegaconf import OmegaConf

from verl_reflect.checks.run import VERLS_OWN_MODEL, Run, UnfitError

MODEL = "actor_rollout_ref.model"


@pytest.fixture
def _hadoop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for `hdfs dfs -get`: what is at hdfs:// lies in a folder."""
    program = tmp_path / "hdfs"
    program.write_text(f'#!/bin/sh\nexec cp -r "{tmp_path}/far/${{3#hdfs://}}" "$4" 2>/dev/null\n')
    program.chmod(0o755)
    monkeypatch.setattr("verl.utils.hdfs_io._HDFS_BIN_PATH", str(program))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.usefixtures("_hadoop")
def test_a_model_and_data_on_hdfs_are_copied_as_verl_copies_them(tmp_path: Path) -> None:
    copytree(CHECKPOINT, tmp_path / "far" / "model")
    good_config(tmp_path)
    (tmp_path / "data.parquet").rename(tmp_path / "far" / "data.parquet")
    files = ("data.train_files=hdfs://data.parquet", "data.val_files=[hdfs://data.parquet]")
    run = Run(good_config(tmp_path, f"{MODEL}.path=hdfs://model", *files, f"+data.cache_dir={tmp_path}/cache"))
    OmegaConf.update(run.config, "data.cache_dir", f"{tmp_path}/cache")
    assert run.model_config.model_type and run.tokenizer.chat_template
    paths = [path for _, path in run.files()]
    assert len(paths) == 2 and all(path.startswith(f"{tmp_path}/cache") and Path(path).is_file() for path in paths)


@pytest.mark.usefixtures("_hadoop")
def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    run = Run(good_config(tmp_path, f"{MODEL}.path=hdfs://gone", "data.train_files=hdfs://gone.parquet"))
    with pytest.raises(UnfitError, match=rf"^{MODEL}.path: there is no hdfs://gone, or `hdfs dfs -get` cannot copy it"):
        assert run.model_config
    with pytest.raises(UnfitError, match=r"^data.train_files: there is no hdfs://gone.parquet"):
        list(run.files())


def test_other_addresses_are_left_to_verls_reader(tmp_path: Path) -> None:
    run = Run(good_config(tmp_path, "data.train_files=s3://bucket/train.parquet"))
    assert next(iter(run.files())) == ("data.train_files", "s3://bucket/train.parquet")


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (f"{MODEL}.path={VERLS_OWN_MODEL}", "Name a model: set actor_rollout_ref.model.path to a folder or a hub id"),
        (
            f"{MODEL}.path=/no/such/folder",
            "There is no model folder /no/such/folder; set actor_rollout_ref.model.path.",
        ),
        (f"{MODEL}.path={{folder}}/", "verl refuses a path that ends with /; leave that out"),
        (f"{MODEL}.path={{folder}}", "cannot be read as a model"),
        (f"{MODEL}.hf_config_path=/no/config", f"There is no model folder /no/config; set {MODEL}.hf_config_path."),
        (f"{MODEL}.path=no/such-model", "no/such-model cannot be read as a model: "),
    ],
)
def test_a_model_that_cannot_be_read_is_named(
    tmp_path: Path, assignment: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    run = Run(good_config(tmp_path, assignment.replace("{folder}", str(tmp_path))))
    with pytest.raises(UnfitError) as error:
        assert run.model_config
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert "set actor" in str(error.value).lower() or "leave that out" in str(error.value)


@pytest.mark.parametrize(
    ("assignments", "with_critic", "with_reference", "with_lora"),
    [
        ((), False, False, False),
        (("algorithm.adv_estimator=gae",), True, False, False),
        (("algorithm.adv_estimator=gae", "critic.enable=false"), False, False, False),
        (("algorithm.use_kl_in_reward=true",), False, True, False),
        (("actor_rollout_ref.actor.use_kl_loss=true", f"{MODEL}.lora.rank=4"), False, True, True),
    ],
)
def test_models_of_a_run_are_those_that_verl_loads(
    tmp_path: Path, assignments: tuple[str, ...], with_critic: bool, with_reference: bool, with_lora: bool
) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy

    run = Run(good_config(tmp_path, *assignments))
    assert (run.with_critic, run.with_reference, run.with_lora) == (with_critic, with_reference, with_lora)
    assert (need_critic(run.config), need_reference_policy(run.config)) == (with_critic, with_reference)


def test_a_hub_that_does_not_answer_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(path: str, **_: object) -> None:
        asked.append(path)
        raise OSError("no network")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", ask)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", ask)
    run = Run(good_config(tmp_path, f"{MODEL}.path=owner/name"))
    for name in ("model_config", "tokenizer", "model_config"):
        with pytest.raises(UnfitError, match="owner/name cannot be read as a model: no network"):
            getattr(run, name)
    assert asked == ["owner/name"]
