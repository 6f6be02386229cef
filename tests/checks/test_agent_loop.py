"""The agent loop of a run is one that there is, and that leaves a record."""

from pathlib import Path

import pytest
from checked import good_config, refusal

NAME = "actor_rollout_ref.rollout.agent.default_agent_loop"
FILE = "actor_rollout_ref.rollout.agent.agent_loop_config_path"


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (
            (f"{NAME}=reflect_rety",),
            f"{NAME} is reflect_rety, and there is no such agent loop; did you mean reflect_retry",
        ),
        ((f"{NAME}=single_turn_agent",), f"{NAME} is single_turn_agent, which leaves no record of a session"),
        ((f"{FILE}=/no/such.yaml",), f"{FILE}: there is no file /no/such.yaml"),
        ((f"{FILE}={{folder}}/data.parquet",), "is not a list of agent loops, each with a name and a _target_"),
        ((f"{FILE}={{folder}}/section.yaml",), "is not a list of agent loops"),
    ],
)
def test_what_there_is_not_is_refused(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "section.yaml").write_text("name: mine\n")
    changes = [assignment.replace("{folder}", str(tmp_path)) for assignment in assignments]
    assert sentence in str(refusal(good_config(tmp_path, *changes), "agent loop"))


def test_a_loop_of_ones_own_is_known(tmp_path: Path) -> None:
    (tmp_path / "loops.yaml").write_text("- name: mine\n  _target_: my_loops.Mine\n")
    config = good_config(tmp_path, f"{FILE}={tmp_path}/loops.yaml", f"{NAME}=mine")
    assert refusal(config, "agent loop") is None
    assert refusal(good_config(tmp_path, f"{NAME}=blind_retry"), "agent loop") is None
