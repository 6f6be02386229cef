#!/usr/bin/env bash
# Qwen2.5-7B-Instruct on 8 GPUs of 80 GB, with the paper's batch of 256 failures.
set -euo pipefail

data=${DATA:-data/countdown}
[ -e "$data/train.parquet" ] || verl-reflect data countdown --out "$data" --train 100000

exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown \
    actor_rollout_ref.model.path="${MODEL:-Qwen/Qwen2.5-7B-Instruct}" \
    data.train_files="$data/train.parquet" \
    data.val_files="$data/validation.parquet" \
    reflect.first_attempt=live \
    trainer.n_gpus_per_node=8 \
    actor_rollout_ref.rollout.tensor_model_parallel_size=2 \
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5 \
    actor_rollout_ref.actor.strategy=fsdp2 actor_rollout_ref.ref.strategy=fsdp2 \
    actor_rollout_ref.actor.fsdp_config.optimizer_offload=true \
    trainer.total_training_steps=400 trainer.total_epochs=1000 trainer.test_freq=25 trainer.save_freq=50 trainer.logger=[console] "$@"
