"""An agent loop of a user's own makes attempts and retries in verl's trainer, and reflections on them are trained."""

from pathlib import Path

import pytest
from two_answers import CHECK

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.transcripts import read_transcripts

pytestmark = pytest.mark.e2e

SMALL = (
    *("data.train_batch_size=4", "actor_rollout_ref.rollout.n=4", "reflect.first_attempt=live"),
    *("trainer.val_before_train=false", "trainer.test_freq=2"),
    *("reflect.attempt_loop=two_answers", "reflect.max_attempt_tokens=64", "reflect.max_retry_tokens=64"),
)


def test_reflections_on_attempts_of_many_turns_are_trained(tmp_path: Path) -> None:
    make_data(tmp_path / "data", CHECKPOINT, train=64, held_out=8, seed=0)
    loops = tmp_path / "loops.yaml"
    loops.write_text("- name: two_answers\n  _target_: two_answers.TwoAnswers\n")
    helpers = Path(__file__).parents[1] / "helpers"
    overrides = (
        *SMALL,
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={loops}",
        f"+ray_kwargs.ray_init.runtime_env.env_vars.PYTHONPATH={helpers}:{helpers.parents[1]}",
    )
    training = ToyTraining(tmp_path, tmp_path / "data", CHECKPOINT, 1, 2, 2, overrides)
    steps = [record["data"] for record in training.run() if record["step"]]
    assert len(steps) == 2
    assert max(step["training/rollout_probs_diff_mean"] for step in steps) < 1e-4
    said = read_transcripts(training.folder / "rollout", 1)
    assert len(said) == 16 and all(CHECK in each.attempt.text and not each.first_try.passed for each in said)
    assert all(CHECK in retry.text for each in said for retry in each.retries)
    assert len({each.attempt.token_ids for each in said}) == 4
