"""What can be chosen about a failure set. All else (temperature, lengths, model, servers) is verl's configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MineSettings:
    """Choices of `verl-reflect mine`."""

    samples: int = 64
    """Most answers to a query [paper]."""
    keep: int = 1
    """Failures kept of a query, drawn at random from those found, no two alike."""
    stop_after: int | None = None
    """Stop sampling a query once this many failures are found. None: all `samples`, for a pass rate worth its name."""
    wave: int = 8
    """With `stop_after`: answers asked for at once, before looking whether they are enough."""
    seed: int = 0
    """Decides which failures are kept."""
    min_pass_rate: float = 0.0
    """Queries that pass less often are left out as too hard."""
    max_pass_rate: float = 1.0
    """Queries that pass more often are left out as too easy."""
    tries: int = 3
    """Requests for one answer, each to a server that lives, before its query is given up and reported."""

    def __post_init__(self) -> None:
        """Raise ValueError, in one sentence, for a value outside its range."""
        for name in ("samples", "keep", "wave", "tries"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.keep > self.samples:
            raise ValueError(f"keep is {self.keep}, and {self.samples} samples cannot have so many failures.")
        if self.stop_after is not None and self.stop_after < self.keep:
            raise ValueError(f"stop_after is {self.stop_after}, too few to keep {self.keep} failures.")
        if not 0 <= self.min_pass_rate <= self.max_pass_rate <= 1:
            raise ValueError(
                f"min_pass_rate is {self.min_pass_rate} and max_pass_rate {self.max_pass_rate}; "
                "they must be in order and between 0 and 1."
            )

    @property
    def first_wave(self) -> int:
        """Answers asked for at once."""
        return self.samples if self.stop_after is None else min(self.wave, self.samples)

    @property
    def of_sampling(self) -> dict[str, int | None]:
        """The choices that decide what is sampled and kept; the others can change while a journal is used again."""
        return {name: getattr(self, name) for name in ("samples", "keep", "stop_after", "wave", "seed")}
