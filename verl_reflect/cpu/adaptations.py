"""What verl 0.9.1 needs changed in a process that runs on CPUs. `patches/` holds the fix that would retire each one."""

from verl_reflect.cpu import process_group, vllm_metadata


def install() -> None:
    """Install them all in this process. Safe to call any number of times."""
    process_group.install()
    vllm_metadata.install()
