"""Every logger of `trainer.logger` is one that verl has, is installed, and has its key."""

import netrc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Tracker:
    """What a logger of verl's needs before it can start. verl starts it after the models are loaded."""

    package: str | None = None
    """Python's name of it."""
    has_key: Callable[[Environment], bool] = lambda environment: True
    way_out: str = ""
    """What to do where there is no key."""


def check_loggers(run: Run) -> str:
    """Every logger is one that verl has, is installed, and has its key."""
    loggers = run.get("trainer.logger")
    names = [loggers] if isinstance(loggers, str) else loggers
    for name in names:
        if name not in TRACKERS:
            raise UnfitError(
                f"trainer.logger names {name}; choose among {', '.join(known for known in TRACKERS)}, such as "
                "trainer.logger=[console,file]."
            )
        if (lack := _lack(name, TRACKERS[name], run.environment)) and isinstance(doubt := run.refuse(lack), Doubt):
            return doubt
    return ", ".join(names) or "no logger"


def _lack(name: str, tracker: Tracker, environment: Environment) -> str | None:
    if tracker.package and find_spec(tracker.package) is None:
        return (
            f"trainer.logger names {name}, and the package {tracker.package} is not installed; install it, or leave "
            f"{name} out: trainer.logger=[console,file]."
        )
    if not tracker.has_key(environment):
        return f"trainer.logger names {name}, which has no key here; {tracker.way_out}, or leave {name} out: " + (
            "trainer.logger=[console,file]."
        )
    return None


def _wandb_has_key(environment: Environment) -> bool:
    offline = environment.get("WANDB_MODE", "online") in ("offline", "dryrun", "disabled")
    disabled = environment.get("WANDB_DISABLED", "").lower() in ("true", "1")
    named = any(environment.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"))
    host = urlsplit(environment.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    return offline or disabled or named or _logged_in(environment, str(host))


def _logged_in(environment: Environment, host: str) -> bool:
    """`wandb login` leaves the key in a file of that name, as other programs do."""
    home = Path.home()
    for path in (environment.get("NETRC"), home / ".netrc", home / "_netrc"):
        try:
            if path and netrc.netrc(os.path.expanduser(path)).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _swanlab_has_key(environment: Environment) -> bool:
    elsewhere = environment.get("SWANLAB_MODE", "cloud") != "cloud"
    folder = Path(environment.get("SWANLAB_SAVE_DIR", Path.home() / ".swanlab"))
    return elsewhere or bool(environment.get("SWANLAB_API_KEY")) or (folder / ".netrc").exists()


def _clearml_has_key(environment: Environment) -> bool:
    offline = environment.get("CLEARML_OFFLINE_MODE", "").lower() in ("1", "true")
    keys = all(environment.get(name) for name in ("CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"))
    file = environment.get("CLEARML_CONFIG_FILE", str(Path.home() / "clearml.conf"))
    return offline or keys or os.path.exists(file)


VOLCANO = ("VOLC_ACCESS_KEY_ID", "VOLC_SECRET_ACCESS_KEY", "MLP_TRACKING_REGION")
_WANDB = Tracker("wandb", _wandb_has_key, "set WANDB_API_KEY, run `wandb login`, or set WANDB_MODE=offline")

TRACKERS = {
    "console": Tracker(),
    "file": Tracker(),
    "wandb": _WANDB,
    "tracking": _WANDB,  # verl's old name for it
    "mlflow": Tracker("mlflow"),
    "swanlab": Tracker("swanlab", _swanlab_has_key, "set SWANLAB_API_KEY, or SWANLAB_MODE=local"),
    "tensorboard": Tracker("tensorboard"),
    "trackio": Tracker("trackio"),
    "clearml": Tracker("clearml", _clearml_has_key, "run `clearml-init`, or set CLEARML_OFFLINE_MODE=1"),
    "vemlp_wandb": Tracker(
        "volcengine_ml_platform",
        lambda environment: all(environment.get(name) for name in VOLCANO),
        f"set {', '.join(VOLCANO)}",
    ),
    "rl_insight": Tracker("rl_insight"),
}
"""By verl's name (`verl.utils.tracking.Tracking.supported_backend`)."""
