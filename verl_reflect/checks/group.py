"""The groups whose reflections are compared, the estimator that compares them, and the loss that follows."""

from collections.abc import Iterator

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import CONTROLS, FirstAttempt
from verl_reflect.rollout.ways import WAYS

GROUP_RELATIVE = ("grpo", "grpo_keeping", "grpo_shuffled", "grpo_passk", "rloo", "opo", "gpg")


def check_group(run: Run) -> str:
    """A group has at least two reflections to compare, and the estimator can compare them."""
    for fault in _faults(run):
        raise UnfitError(fault)
    estimator, sessions = run.get("algorithm.adv_estimator"), run.get("actor_rollout_ref.rollout.n")
    if estimator in GROUP_RELATIVE and sessions < 2:
        raise UnfitError(
            f"{estimator} compares the reflections of a group and actor_rollout_ref.rollout.n is {sessions}; set it to "
            "2 or more."
        )
    return f"{estimator}, {sessions} reflections on each failure"


def _faults(run: Run) -> Iterator[str]:
    """What `reflect` asks for, and the estimator or the loss cannot do."""
    settings, estimator = run.settings, run.get("algorithm.adv_estimator")
    control = CONTROLS[settings.control]
    if settings.control == "shuffled" and estimator != control.estimator:
        yield (
            f"reflect.control=shuffled needs algorithm.adv_estimator={control.estimator} and it is {estimator}; "
            "remove the override."
        )
    if not control.trains and not run.get("trainer.val_only"):
        yield (
            f"reflect.control={settings.control} puts in reflections that the model did not write, which cannot be "
            "trained; set trainer.val_only=True."
        )
    if len(settings.trained_turns) > 1 and estimator != "grpo":
        yield (
            f"reflect.credit={settings.credit} makes several rows of a session, and verl's {estimator} would take "
            "them for several sessions; set algorithm.adv_estimator=grpo."
        )
    if settings.keep and not (estimator == "grpo_keeping" and run.get("actor_rollout_ref.actor.use_kl_loss")):
        yield (
            f"reflect.keep needs algorithm.adv_estimator=grpo_keeping (it is {estimator}) and a KL loss to keep with; "
            "remove any other estimator and set actor_rollout_ref.actor.use_kl_loss=true."
        )
    yield from _faults_of_the_loss(run)


def _faults_of_the_loss(run: Run) -> Iterator[str]:
    settings = run.settings
    corrections = ("rollout_is", "rollout_rs", "bypass_mode")
    wanting = [key for name in corrections if run.get(key := f"algorithm.rollout_correction.{name}")]
    if wanting and not run.get("actor_rollout_ref.rollout.calculate_log_probs"):
        yield (
            f"{wanting[0]}={run.get(wanting[0])} needs the log-probability of every trained token, and "
            "actor_rollout_ref.rollout.calculate_log_probs is false; set it to true."
        )
    attempting = run.get("actor_rollout_ref.rollout.agent.default_agent_loop") == WAYS["first_try"].loop
    if attempting and settings.first_attempt is not FirstAttempt.live and not run.get("trainer.val_only"):
        yield (
            "actor_rollout_ref.rollout.agent.default_agent_loop=first_try trains first attempts, so the model must "
            f"make them now, and reflect.first_attempt is {settings.first_attempt.value}; set it to live."
        )
    rejecting = run.get("algorithm.rollout_correction.rollout_rs")
    if rejecting and settings.rows_per_session > 1 and not run.get("algorithm.rollout_correction.bypass_mode"):
        several = f"reflect.keep={settings.keep}" if settings.keep else f"reflect.credit={settings.credit}"
        yield (
            f"algorithm.rollout_correction.rollout_rs={rejecting} rewrites the masks before advantages are read off "
            f"them, which moves those of the several rows that {several} makes of a session; set it to null."
        )
    if settings.keep and (coefficient := run.get("actor_rollout_ref.actor.entropy_coeff")):
        yield (
            f"actor_rollout_ref.actor.entropy_coeff={coefficient} would move the turns of reflect.keep too, which only "
            "the KL loss may touch; set it to 0."
        )
