"""What `reflect` asks for, and an estimator or a loss of verl's cannot do."""

from pathlib import Path

import pytest
from checked import good_config, refusal

KEEP = ("reflect.keep=[retry]", "actor_rollout_ref.actor.use_kl_loss=true")
SEVERAL_ROWS = ("reflect.credit=reflection+retry",)
LOOP = "actor_rollout_ref.rollout.agent.default_agent_loop"
REJECTING = "algorithm.rollout_correction.rollout_rs=token_k1"


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        ((*SEVERAL_ROWS, REJECTING), "of the several rows that reflect.credit=reflection+retry makes of a session"),
        ((*KEEP, REJECTING), "of the several rows that reflect.keep=['retry'] makes of a session; set it to null"),
        (
            (*KEEP, "actor_rollout_ref.actor.entropy_coeff=0.01"),
            "entropy_coeff=0.01 would move the turns of reflect.keep",
        ),
        *(
            (
                (f"algorithm.rollout_correction.{correction}", "actor_rollout_ref.rollout.calculate_log_probs=false"),
                "needs the log-probability of every trained token, and actor_rollout_ref.rollout.calculate_log_probs",
            )
            for correction in ("rollout_is=token", "rollout_rs=token_k1", "bypass_mode=true")
        ),
        (
            (f"{LOOP}=first_try",),
            f"{LOOP}=first_try trains first attempts, so the model must make them now",
        ),
        ((f"{LOOP}=first_try", "reflect.first_attempt=mixed"), "reflect.first_attempt is mixed; set it to live"),
    ],
)
def test_a_loss_that_would_go_wrong_is_refused(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    assert sentence in str(refusal(good_config(tmp_path, *assignments), "group"))


@pytest.mark.parametrize(
    "assignments",
    [
        (REJECTING,),
        (f"{LOOP}=first_try", "reflect.first_attempt=live"),
        (f"{LOOP}=first_try", "trainer.val_only=true"),
        ("actor_rollout_ref.rollout.calculate_log_probs=false",),
        KEEP,
        ("actor_rollout_ref.actor.entropy_coeff=0.01",),
        (*SEVERAL_ROWS, "algorithm.rollout_correction.rollout_is=token"),
        # the loss masks by itself then, after the advantages
        (*SEVERAL_ROWS, REJECTING, "algorithm.rollout_correction.bypass_mode=true"),
    ],
)
def test_what_works_is_not_refused(tmp_path: Path, assignments: tuple[str, ...]) -> None:
    assert refusal(good_config(tmp_path, *assignments), "group") is None
