"""Where the Ray cluster is that a run would join.

verl's `ray.init` joins the cluster that `ray_kwargs.ray_init.address` or RAY_ADDRESS names, or else one that `ray
start` began on this machine, and only without all of these starts a Ray of its own.
"""

import os

from omegaconf import DictConfig, OmegaConf


def address_of(config: DictConfig) -> str | None:
    """Address of the cluster that the run would join; None if it starts a Ray of its own.

    Raises ValueError, in one sentence, for an address that is none.
    """
    from ray._private.services import canonicalize_bootstrap_address  # there is no public way to ask without joining

    arguments = given(config)
    address = arguments.get("address") or os.environ.get("RAY_ADDRESS")
    if address and address.startswith("ray://"):
        return str(address)
    try:
        return canonicalize_bootstrap_address(address, arguments.get("_temp_dir"))  # type: ignore[arg-type]  # or None
    except (ConnectionError, ValueError) as error:
        raise ValueError(
            f"{source_of(config)}={address} leads to no Ray cluster: {first_line(error)} Correct it, or set "
            "ray_kwargs.ray_init.address=local for a Ray of the run's own."
        ) from error


def given(config: DictConfig) -> DictConfig:
    """The configuration's own arguments of `ray.init`."""
    return OmegaConf.select(config, "ray_kwargs.ray_init") or OmegaConf.create({})


def source_of(config: DictConfig) -> str:
    """What names the cluster."""
    if given(config).get("address"):
        return "ray_kwargs.ray_init.address"
    return "RAY_ADDRESS" if os.environ.get("RAY_ADDRESS") else "ray start on this machine"


def first_line(error: BaseException) -> str:
    """Of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
