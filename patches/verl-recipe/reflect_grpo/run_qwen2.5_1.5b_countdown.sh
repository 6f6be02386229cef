#!/usr/bin/env bash
# Qwen2.5-1.5B-Instruct on Countdown; 8 GPUs of 80 GB, or as many as GPUS says. Further overrides are passed on.
set -euo pipefail

bash "$(dirname "$0")/install_plugin.sh"
data=${DATA:-data/countdown}
[ -e "$data/train.parquet" ] || verl-reflect data countdown --out "$data" --train 100000

exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown \
    actor_rollout_ref.model.path="${MODEL:-Qwen/Qwen2.5-1.5B-Instruct}" \
    data.train_files="$data/train.parquet" \
    data.val_files="$data/validation.parquet" \
    reflect.first_attempt=live \
    trainer.n_gpus_per_node="${GPUS:-8}" \
    actor_rollout_ref.rollout.tensor_model_parallel_size=1 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5 \
    trainer.total_training_steps=400 trainer.total_epochs=1000 \
    trainer.test_freq=25 trainer.save_freq=50 'trainer.logger=[console]' "$@"
