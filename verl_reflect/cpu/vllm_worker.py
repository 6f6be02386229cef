"""Lets verl load new weights into a running vLLM.

After loading, vLLM 0.28.0's linear layers pack their weight for the CPU kernels and replace it by an empty parameter
(vllm/model_executor/layers/linear.py:202 passes `remove_weight=True`). verl's next weight sync then finds nothing to
load into: "'Parameter' object has no attribute 'weight_loader'". With the weight kept, at the price of a second copy,
vLLM's `process_weights_after_loading`, which verl calls after each sync (vllm_rollout/utils.py:353), packs anew.
Upstream: patches/vllm-cpu-keep-weight.patch
"""

from functools import wraps
from typing import Any

from verl_reflect.cpu import selected


def install() -> None:
    """vLLM calls this in every process that it starts, and may call it again."""
    if not selected():
        return
    from vllm.model_executor.layers import utils

    dispatch = utils.dispatch_cpu_unquantized_gemm
    if hasattr(dispatch, "verl_reflect"):
        return

    @wraps(dispatch)
    def keep_weight(layer: Any, remove_weight: bool = False) -> None:
        dispatch(layer, remove_weight=False)

    keep_weight.verl_reflect = True  # type: ignore[attr-defined]
    utils.dispatch_cpu_unquantized_gemm = keep_weight
