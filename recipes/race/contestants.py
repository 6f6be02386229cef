"""Who runs, as command lines: all of them train with GRPO, one update a step, at the same limits.

- `trl`: the retry in TRL's reward function, the paper's own way (retry_in_trl.py).
- `single_turn`: stock verl, its `single_turn_agent` at the tasks themselves, with no retry. The least that verl costs.
- `transcripts`: stock verl, the obvious way: whole transcripts as rows, each session its own first attempt
  (transcript_loop.py).
- `reflect`: recipe=reflect_grpo as it is.
- `reflect_one_forward`: the same with the two overrides of docs/performance.md that spare the pass for old log-probs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from recipes.race.course import Course

HERE = Path(__file__).parent
ONE_FORWARD = (
    "algorithm.rollout_correction.bypass_mode=True",
    "actor_rollout_ref.actor.policy_loss.loss_mode=gpg",
)
"""With one update a step the gradient is what it is without them (tests/recipes/race/test_contestants.py)."""


def trl(course: Course, folder: Path, interpreter: Path) -> list[str]:
    """TRL's script, in TRL's environment."""
    course.write(folder / "course.json")
    return [str(interpreter), str(HERE / "retry_in_trl.py"), str(folder / "course.json"), str(folder / "metrics.jsonl")]


def verl(course: Course, folder: Path, *overrides: str) -> list[str]:
    """What every contestant on verl is told."""
    return [
        *(sys.executable, "-m", "verl.trainer.main_ppo"),
        *(override for override in overrides if override.startswith("+")),
        f"+hardware={course.hardware}",
        f"actor_rollout_ref.model.path={course.model.resolve()}",
        f"data.train_files={(course.data / 'train.parquet').resolve()}",
        f"data.val_files={(course.data / 'validation.parquet').resolve()}",
        f"data.train_batch_size={course.groups}",
        f"data.max_prompt_length={course.prompt_tokens}",
        f"actor_rollout_ref.rollout.n={course.samples}",
        f"actor_rollout_ref.rollout.max_model_len={course.context}",
        "actor_rollout_ref.rollout.temperature=1.0",
        "actor_rollout_ref.rollout.agent.num_workers=2",
        f"actor_rollout_ref.actor.optim.lr={course.learning_rate}",
        "actor_rollout_ref.actor.optim.lr_scheduler_type=constant",
        "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio=0",
        "actor_rollout_ref.actor.use_kl_loss=False",
        f"trainer.total_training_steps={course.steps}",
        *("trainer.total_epochs=1000000", "trainer.test_freq=-1", "trainer.save_freq=-1"),
        *("trainer.val_before_train=False", "trainer.resume_mode=disable", "trainer.logger=[console,file]"),
        f"hydra.run.dir={(folder / 'hydra').resolve()}",
        *(override for override in overrides if not override.startswith("+")),
    ]


def stock(course: Course, folder: Path, response_tokens: int, *overrides: str) -> list[str]:
    """verl with its own defaults, and what the recipe sets too that concerns its speed."""
    return verl(
        course,
        folder,
        f"data.max_response_length={response_tokens}",
        "algorithm.adv_estimator=grpo",
        f"actor_rollout_ref.actor.ppo_mini_batch_size={course.groups}",
        "actor_rollout_ref.actor.use_dynamic_bsz=True",
        "actor_rollout_ref.rollout.name=vllm",
        "actor_rollout_ref.rollout.calculate_log_probs=True",
        "reward.custom_reward_function.path=pkg://verl_reflect.reward",
        "reward.custom_reward_function.name=compute_score",
        "trainer.use_v1=True",
        "trainer.v1.trainer_mode=sync",
        *overrides,
    )


def single_turn(course: Course, folder: Path, interpreter: Path) -> list[str]:
    """First attempts alone."""
    return stock(course, folder, course.retry_tokens)


def transcripts(course: Course, folder: Path, interpreter: Path) -> list[str]:
    """Attempt, reflection and retry in one row, and all of them trained."""
    loop = HERE / "transcript_loop.yaml"
    return stock(
        course,
        folder,
        course.context - course.prompt_tokens,
        "actor_rollout_ref.rollout.agent.default_agent_loop=transcript",
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={_written_loop(course, loop, folder)}",
    )


def _written_loop(course: Course, template: Path, folder: Path) -> Path:
    """The loop's settings, for verl to read."""
    values = {
        "ATTEMPT": course.attempt_tokens,
        "REFLECTION": course.reflection_tokens,
        "RETRY": course.retry_tokens,
        "REQUEST": course.request,
    }
    text = template.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"<{name}>", str(value))
    path = folder.resolve() / template.name
    path.write_text(text, encoding="utf-8")
    return path


def reflect(course: Course, folder: Path, interpreter: Path, *overrides: str) -> list[str]:
    """The method."""
    return verl(
        course,
        folder,
        "+recipe=reflect_grpo",
        "+task=countdown",
        f"reflect.reflection_prompt='{course.request}'",
        f"reflect.max_attempt_tokens={course.attempt_tokens}",
        f"reflect.max_reflection_tokens={course.reflection_tokens}",
        f"reflect.max_retry_tokens={course.retry_tokens}",
        *overrides,
    )


def reflect_one_forward(course: Course, folder: Path, interpreter: Path) -> list[str]:
    """The method, without a forward pass for old log-probabilities."""
    return reflect(course, folder, interpreter, *ONE_FORWARD)


CONTESTANTS: dict[str, Callable[[Course, Path, Path], list[str]]] = {
    "trl": trl,
    "single_turn": single_turn,
    "transcripts": transcripts,
    "reflect": reflect,
    "reflect_one_forward": reflect_one_forward,
}
"""Command lines by name, from course, folder of the run and TRL's interpreter."""
