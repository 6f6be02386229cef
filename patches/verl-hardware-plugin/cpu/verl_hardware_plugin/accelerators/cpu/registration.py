"""Register the CPU's engines when imported. The platform is registered by the package."""

from verl_hardware_plugin.accelerators.cpu.engines import fsdp_cpu as fsdp_cpu
