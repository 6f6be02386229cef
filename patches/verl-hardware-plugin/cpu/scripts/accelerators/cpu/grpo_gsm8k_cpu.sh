#!/usr/bin/env bash
# GRPO on GSM8K on this machine's CPUs, two steps: it shows that the parts fit. MODEL is best a model of a few million
# parameters; DATA is what examples/data_preprocess/gsm8k.py of verl writes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
: "${MODEL:?name a small model}" "${DATA:=$HOME/data/gsm8k}"
export VERL_PLATFORM=cpu

exec python3 -m verl.trainer.main_ppo "hydra.searchpath=[file://$here]" +platform=cpu \
    algorithm.adv_estimator=grpo \
    actor_rollout_ref.model.path="$MODEL" \
    data.train_files="$DATA/train.parquet" \
    data.val_files="$DATA/test.parquet" \
    data.train_batch_size=8 data.max_prompt_length=256 data.max_response_length=64 \
    actor_rollout_ref.rollout.n=4 \
    actor_rollout_ref.actor.ppo_mini_batch_size=8 \
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8 \
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8 \
    trainer.total_training_steps=2 trainer.val_before_train=false trainer.test_freq=-1 trainer.save_freq=-1 \
    'trainer.logger=[console]' "$@"
