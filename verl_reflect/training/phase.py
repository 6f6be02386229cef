"""Where verl's trainer stands, read off the stack of the thread that it runs in: verl tells no one.

A trainer that waits for a process which died waits in one of these methods, of `PPOTrainer` or `TaskRunnerV1`. One
phase matters for more than a message: a weight sync has no time limit of verl's.
"""

import sys
from types import FrameType

WEIGHT_SYNC = "the weight sync"

PHASES = {
    "_setup": "the start",
    "init_agent_loop_manager": "the start",
    "on_init_end": WEIGHT_SYNC,
    "on_sample_begin": "generation",
    "_step_once": "generation",
    "on_sample_end": "the end of generation",
    "_compute_reward_colocate": "the rewards",
    "_balance_batch": "the division of the batch",
    "_compute_old_log_prob": "the old log-probabilities",
    "_compute_ref_log_prob": "the reference model's log-probabilities",
    "_compute_values": "the critic's values",
    "_compute_advantage": "the advantages",
    "_update_critic": "the update of the critic",
    "_update_actor": "the update",
    "_save_checkpoint": "the writing of a checkpoint",
    "_load_checkpoint": "the loading of a checkpoint",
    "on_step_end": WEIGHT_SYNC,
    "_validate": "a validation",
    "fit": "the training",
    "run": "the start or the end",
}
"""Methods of verl's trainer, and what a run does in them when in none of the others."""
TRAINERS = ("/verl/trainer/ppo/v1/trainer_", "/verl/trainer/main_ppo.py")
"""Parts of the paths of the sources that these methods are in. The second is `__main__`, and no module by its name."""


def phase(thread: int) -> str | None:
    """What verl's trainer does in a thread, by the thread's identity; None where none runs in it."""
    frame: FrameType | None = sys._current_frames().get(thread)
    while frame is not None:
        code = frame.f_code
        if code.co_name in PHASES and any(part in code.co_filename for part in TRAINERS):
            return PHASES[code.co_name]
        frame = frame.f_back
    return None
