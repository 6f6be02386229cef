#!/usr/bin/env bash
# Does the plugin work on this machine? Ends in an answer within a quarter of an hour on one GPU or eight, and leaves
# runs/gpu_check/gpu_check.md and .json. Further words are overrides: another model, '+hardware=[one_gpu,no_flash_attn]'.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-runs/gpu_check}
data=${DATA:-$out-data}
[ -e "$data/train.parquet" ] || verl-reflect data countdown --out "$data" --train 5000 --validation 64 --test 1 --max-numbers 3

PYTHONPATH=$root exec python -m recipes.gpu_check --out "$out" --data "$data" \
    actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct "$@"
