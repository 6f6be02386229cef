"""`make compare`: every credit choice and every control, over several seeds, in one table.

The trainings differ in the overrides below and in nothing else: same start, same failures, same number of updates, same
held-out items. Plain GRPO and blind retries have groups twice as large, so that a step generates about as many tokens
as with a reflection before each retry.
"""

COMPARED: dict[str, tuple[str, ...]] = {
    "reflection": (),
    "reflection+retry": ("reflect.credit=reflection+retry",),
    "retry": ("reflect.credit=retry",),
    "all": ("reflect.credit=all", "reflect.first_attempt=live"),
    "blind": ("+recipe=blind_retry_grpo", "actor_rollout_ref.rollout.n=16"),
    "grpo": ("+recipe=grpo", "actor_rollout_ref.rollout.n=16"),
    "shuffled": ("reflect.control=shuffled",),
}
SEEDS = (1, 2, 3)
STEPS = 20
SAVED = ("trainer.save_freq=20", "actor_rollout_ref.actor.checkpoint.save_contents=[hf_model]")
"""Each training leaves its model."""
