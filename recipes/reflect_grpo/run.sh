#!/usr/bin/env bash
# Countdown with live first attempts on GPUs: bash run.sh +hardware=one_gpu, eight_gpus or eight_gpus_7b, and any further
# override. Without flash-attn: '+hardware=[one_gpu,no_flash_attn]'.
set -euo pipefail

data=${DATA:-data/countdown}
out=${OUT:-$PWD/runs/countdown}
[ -e "$data/train.parquet" ] || verl-reflect data countdown --out "$data" --train 100000

export VERL_FILE_LOGGER_PATH=$out/metrics.jsonl
exec python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown \
    data.train_files="$data/train.parquet" \
    data.val_files="$data/validation.parquet" \
    reflect.first_attempt=live \
    trainer.total_training_steps=400 trainer.total_epochs=1000 trainer.test_freq=25 trainer.save_freq=50 \
    trainer.logger=[console,file] trainer.default_local_dir="$out/checkpoints" \
    trainer.rollout_data_dir="$out/rollout" trainer.validation_data_dir="$out/validation" hydra.run.dir="$out/hydra" "$@"
