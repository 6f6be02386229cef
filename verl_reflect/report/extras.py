"""What `pip install verl-reflect` leaves out."""

from importlib.util import find_spec


def need_matplotlib() -> None:
    """Raise ValueError, in one sentence, if it is not installed."""
    if find_spec("matplotlib") is None:
        raise ValueError("Curves are drawn by matplotlib, which is not installed; pip install verl-reflect[plot].")
