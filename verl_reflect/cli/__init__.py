"""The command `verl-reflect`."""

from verl_reflect.cli.app import app

__all__ = ["app"]
