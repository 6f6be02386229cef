#!/usr/bin/env bash
# The tiny model on a CPU, without the table and the picture of `make demo`: what that command runs underneath.
set -euo pipefail

data=${DATA:-data/countdown_toy}
model=$(python -c 'from verl_reflect.demo.data import CHECKPOINT; print(CHECKPOINT)')
[ -e "$data/train.parquet" ] || verl-reflect data countdown-toy --out "$data"

exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown_toy +hardware=cpu \
    actor_rollout_ref.model.path="$model" \
    data.train_files="$data/train.parquet" \
    data.val_files="$data/validation.parquet" \
    trainer.total_training_steps=40 trainer.total_epochs=1000000 trainer.test_freq=20 trainer.logger=[console] "$@"
