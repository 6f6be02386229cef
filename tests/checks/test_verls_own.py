"""What verl itself refuses is said in a sentence, with the section."""

from pathlib import Path

import pytest
from checked import good_config, refusal


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("actor_rollout_ref.actor.no_such_key=1", "verl refuses actor_rollout_ref.actor.no_such_key: "),
        ("actor_rollout_ref.rollout.mode=sync", "verl refuses actor_rollout_ref.rollout: Rollout mode 'sync' has been"),
        ("actor_rollout_ref.rollout.expert_parallel_size=4", "expert_parallel_size must be equal to"),
    ],
)
def test_in_one_sentence(tmp_path: Path, assignment: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = str(refusal(good_config(tmp_path, assignment), "verl's own"))
    assert sentence in found and "\n" not in found and found.endswith(".")
    assert capsys.readouterr().out == ""


def test_a_good_configuration_makes_it_content(tmp_path: Path) -> None:
    assert refusal(good_config(tmp_path), "verl's own") is None
