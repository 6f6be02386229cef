#!/usr/bin/env bash
# The same trainer on a laptop's CPU, ten minutes: a model of 200,000 parameters that ships with the plugin.
set -euo pipefail

bash "$(dirname "$0")/install_plugin.sh"
data=${DATA:-data/countdown_toy}
model=$(python -c 'from verl_reflect.demo.data import CHECKPOINT; print(CHECKPOINT)')
[ -e "$data/train.parquet" ] || verl-reflect data countdown-toy --out "$data"

exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown_toy +hardware=cpu \
    actor_rollout_ref.model.path="$model" \
    data.train_files="$data/train.parquet" \
    data.val_files="$data/validation.parquet" \
    trainer.total_training_steps=40 trainer.total_epochs=1000000 \
    trainer.test_freq=20 'trainer.logger=[console]' "$@"
