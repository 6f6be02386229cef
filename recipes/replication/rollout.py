"""Attempts, reflections and retries of a model in a world, at temperature 1.

Token ids are appended and never made from text again, as in the agent loop. What generation cut short gets the end of
turn that the chat format wants; a row that is trained on ends before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from recipes.replication.models import Model
from recipes.replication.world import Problem, World, passed
from recipes.tiny_model.conversations import encode_question
from recipes.tiny_model.reflections import REFLECTION_REQUEST
from verl_reflect.demo.sampling import sample, words_of

AT_ONCE = 256  # the reflections of a training step


@dataclass(frozen=True)
class Try:
    """What a model answered to a problem: at its first try, or later."""

    problem: Problem
    ids: list[int]
    passed: bool


class Rollout:
    """Lets models speak in one world."""

    def __init__(self, world: World, tokenizer: PreTrainedTokenizerFast) -> None:
        self.world = world
        self._tokenizer = tokenizer
        self._line_end: list[int] = tokenizer.encode("\n", add_special_tokens=False)
        self.request = self.question(REFLECTION_REQUEST)

    def attempt(self, model: Model, problems: Sequence[Problem]) -> list[Try]:
        """One first try at each problem."""
        return self._tries(model, problems, [self.asked(problem) for problem in problems])

    def reflect(self, model: Model, failures: Iterable[Try]) -> list[list[int]]:
        """One reflection on each failure."""
        return self._say(model, [self.before_reflection(failure) for failure in failures])

    def retry(self, model: Model, failures: Sequence[Try], reflections: Sequence[list[int]]) -> list[Try]:
        """One retry after each reflection."""
        pairs = zip(failures, reflections, strict=True)
        return self._tries(model, [f.problem for f in failures], [self.before_retry(f, said) for f, said in pairs])

    def retry_blind(self, model: Model, failures: Sequence[Try]) -> list[Try]:
        """One retry at each failed problem that follows the attempt at once."""
        contexts = [self._attempted(failure) + self.asked(failure.problem) for failure in failures]
        return self._tries(model, [failure.problem for failure in failures], contexts)

    def asked(self, problem: Problem) -> list[int]:
        """The prompt of a first try."""
        return self.question(problem.text)

    def before_reflection(self, failure: Try) -> list[int]:
        """Problem, failed attempt and request to reflect."""
        return self._attempted(failure) + self.request

    def before_retry(self, failure: Try, reflection: list[int]) -> list[int]:
        """The same, the reflection, and the problem again."""
        return self.after(self.before_reflection(failure), reflection) + self.asked(failure.problem)

    def text(self, said: list[int]) -> str:
        """What the model said, without markers."""
        return words_of(said, self._tokenizer)

    def after(self, prompt: list[int], said: list[int]) -> list[int]:
        """A prompt and what the model said to it, with the end of turn."""
        end = self._tokenizer.eos_token_id
        return prompt + said + ([] if said[-1] == end else [end]) + self._line_end

    def question(self, text: str) -> list[int]:
        """What the user says, up to where the model begins to speak."""
        return encode_question([], text, self._tokenizer)

    def _attempted(self, failure: Try) -> list[int]:
        return self.after(self.asked(failure.problem), failure.ids)

    def _tries(self, model: Model, problems: Sequence[Problem], contexts: list[list[int]]) -> list[Try]:
        said = self._say(model, contexts)
        return [Try(problem, ids, self._passed(problem, ids)) for problem, ids in zip(problems, said, strict=True)]

    def _say(self, model: Model, contexts: list[list[int]]) -> list[list[int]]:
        return sample(model, self._tokenizer, contexts, at_once=AT_ONCE)

    def _passed(self, problem: Problem, ids: list[int]) -> bool:
        return passed(self.world, problem, self.text(ids))


def failures(rollout: Rollout, model: Model, problems: Iterable[Problem], count: int) -> list[Try]:
    """`count` failed first tries at these problems, as many of which are drawn as it takes."""
    source, found = iter(problems), list[Try]()
    while len(found) < count:
        drawn = [next(source) for _ in range(count)]
        found += [attempt for attempt in rollout.attempt(model, drawn) if not attempt.passed]
    return found[:count]
