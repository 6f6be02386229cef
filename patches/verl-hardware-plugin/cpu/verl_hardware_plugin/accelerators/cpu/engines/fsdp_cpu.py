"""verl's FSDP engines, registered for the CPU.

FSDP2 over gloo needs nothing changed, so there is no subclass. FSDP1 moves modules between devices as it wraps them and
refuses the CPU, so it is not registered.
"""

from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead

for _model_type, _engine in {"language_model": FSDPEngineWithLMHead, "value_model": FSDPEngineWithValueHead}.items():
    EngineRegistry.register(model_type=_model_type, backend="fsdp2", device="cpu", vendor="cpu")(_engine)
