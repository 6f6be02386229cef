"""The method in TRL, the paper's own way: the prompt ends with the request to reflect, the completion is the
reflection, and the reward function makes the retry and asks the verifier.

    python retry_in_trl.py course.json metrics.jsonl

Runs in TRL's environment, with this clone on the path. Generation is transformers' `generate`, on GPUs too: TRL's own
vLLM engine cannot be asked for a second turn from within a reward function.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from recipes.race.course import Course
from verl_reflect.reward import compute_score

Messages = list[dict[str, str]]


class RetryReward:
    """The reward of a reflection: whether the retry after it passes."""

    __name__ = "retry"

    def __init__(self, course: Course, tokenizer: Any):
        self.course, self.tokenizer = course, tokenizer
        self.trainer: GRPOTrainer | None = None
        self.tokens = 0
        """Generated since they were last asked for: reflections and retries."""

    def __call__(
        self, prompts: Sequence[Messages], completions: Sequence[Messages], completion_ids: Any, **columns: Any
    ) -> list[float]:
        """Scores of 0 or 1, one a completion."""
        asked = [[*prompt, *completion, prompt[0]] for prompt, completion in zip(prompts, completions, strict=True)]
        answers = self.answers(asked)
        self.tokens += sum(map(len, completion_ids))
        truths = map(json.loads, columns["ground_truth"])
        judged = zip(columns["data_source"], answers, truths, strict=True)
        return [float(compute_score(source, answer, truth)["score"]) for source, answer, truth in judged]

    @torch.no_grad()
    def answers(self, chats: Sequence[Messages]) -> list[str]:
        """What the model says next in each chat."""
        assert self.trainer is not None
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        inputs = self.tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, return_dict=True, return_tensors="pt", padding=True, padding_side="left"
        ).to(model.device)
        sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        model.eval()
        out = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=self.course.retry_tokens,
            **sampling,
        )
        model.train()
        said = out[:, inputs["input_ids"].shape[1] :]
        self.tokens += int((said != self.tokenizer.pad_token_id).sum())
        return list(self.tokenizer.batch_decode(said, skip_special_tokens=True))


class Journal(TrainerCallback):
    """A line at the end of each step, as verl's file logger writes it."""

    def __init__(self, path: Path, reward: RetryReward):
        self.path, self.reward = path, reward

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The step's number, and the tokens generated in it."""
        line = {"step": state.global_step, "data": {"generated_tokens": self.reward.tokens}}
        self.reward.tokens = 0
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def rows(course: Course) -> Dataset:
    """Each failure, with the request to reflect."""
    return Dataset.from_list(
        [
            {
                "prompt": [
                    *row["prompt"],
                    {"role": "assistant", "content": row["first_attempt"]},
                    {"role": "user", "content": course.request},
                ],
                "data_source": row["data_source"],
                "ground_truth": json.dumps(row["reward_model"]["ground_truth"]),
            }
            for row in parquet.read_table(course.data / "train.parquet").to_pylist()
        ]
    )


def settings(course: Course, out: Path) -> GRPOConfig:
    """One update a step, as large as verl's."""
    return GRPOConfig(
        output_dir=str(out),
        use_cpu=course.on_cpu,
        bf16=not course.on_cpu,
        gradient_checkpointing=not course.on_cpu,
        model_init_kwargs={"dtype": "float32"},
        per_device_train_batch_size=course.sessions,
        num_generations=course.samples,
        max_completion_length=course.reflection_tokens,
        max_steps=course.steps,
        learning_rate=course.learning_rate,
        lr_scheduler_type="constant",
        temperature=1.0,
        beta=0.0,
        save_strategy="no",
        report_to="none",
        logging_steps=1,
        disable_tqdm=True,
    )


def main(course: Course, journal: Path) -> None:
    """Train."""
    tokenizer = AutoTokenizer.from_pretrained(course.model)
    reward = RetryReward(course, tokenizer)
    trainer = GRPOTrainer(
        model=str(course.model),
        reward_funcs=reward,
        args=settings(course, journal.parent / "trl"),
        train_dataset=rows(course),
        processing_class=tokenizer,
        callbacks=[Journal(journal, reward)],
    )
    reward.trainer = trainer
    trainer.train()


if __name__ == "__main__":
    main(Course.read(Path(sys.argv[1])), Path(sys.argv[2]))
