"""What a validation of the tiny model measures: three accuracies, each on items that are the same at every step."""

from collections.abc import Iterable
from dataclasses import dataclass

from verl_reflect.records.transcripts import Transcript, outcomes
from verl_reflect.statistics import Estimate, gain, rate


@dataclass(frozen=True)
class ToyAccuracy:
    """One accuracy: the rows of one `data_source` of the validation data, and which success counts."""

    name: str
    data_source: str
    metric: str

    def successes(self, transcripts: Iterable[Transcript]) -> dict[int | str, bool]:
        """Success by item."""
        return outcomes(transcripts, self.data_source, self.metric)

    def rate(self, transcripts: Iterable[Transcript]) -> Estimate:
        """The accuracy of one validation."""
        return rate(list(self.successes(transcripts).values()))

    def gain(self, before: Iterable[Transcript], after: Iterable[Transcript]) -> Estimate:
        """What changed from one validation to another."""
        return gain(self.successes(before), self.successes(after))


FIRST_TRY = ToyAccuracy("first try, new tasks", "countdown/first_try", "first_try")
REFLECT = ToyAccuracy("second try after reflecting", "countdown/reflect", "second_try")
BLIND = ToyAccuracy("second try without reflecting", "countdown/blind", "second_try")
MEASURES = (FIRST_TRY, REFLECT, BLIND)
