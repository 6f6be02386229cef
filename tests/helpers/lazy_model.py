r"""Plays the model that would rather be paid than work. None of what it says answers the question.

Where a trick gains by knowing the answer, as a hedge does, the trick is played with it: what is refused then is refused
to a model that does not know it, too. Each trick gives its name with the responses.
"""

import json
from collections.abc import Callable, Iterator
from itertools import permutations

from lazy_questions import Offer, Question

from verl_reflect.tasks.calls.call_text import hermes, json_call

Responses = Iterator[str]

THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("", "</think>"),  # the prompt ends in the opened thought
)


def answers(question: Question) -> Iterator[tuple[str, str]]:
    """What it says to a question with an answer: trick and response."""
    for trick in TRICKS:
        for response in trick(question):
            yield trick.__name__, response


def boxed(answer: str) -> str:
    return rf"So it is \boxed{{{answer}}}."


def restates_the_question(question: Question) -> Responses:
    """All of it, or its last sentence, wherever an answer is read."""
    for text in (question.text, question.text.rpartition(". ")[2], f"{question.text} = ?"):
        yield boxed(text)
        yield boxed(rf"\text{{{text}}}")
        yield f"<answer>{text}</answer>"
        yield f"#### {text}"


def restates_what_is_asked(question: Question) -> Responses:
    """The expression itself, dressed up."""
    for asked in question.asked:
        for form in (
            *("{}", "{} = ?", "{} = {}", "({})", "$ {} $", r"\left({}\right)", r"\displaystyle {}", r"\text{{{}}}"),
            *("{} + 0", r"1 \cdot ({})", r"\frac{{{}}}{{1}}", "x = {}", "f(x) = {}", r"{} \text{{ units}}", "{}."),
        ):
            yield boxed(form.format(*[asked] * 2))


def boxes_every_number(question: Question) -> Responses:
    """Each alone, all in turn, and all at once."""
    yield from map(boxed, question.numbers)
    yield "\n".join(map(boxed, question.numbers))
    yield "\n".join(f"#### {number}" for number in question.numbers)
    if len(question.numbers) > 1:
        for between in (", ", " or ", r" \text{ or } ", " and ", r" \quad ", " ", "; ", " = "):
            yield boxed(between.join(question.numbers))


def leaves_the_sum_to_others(question: Question) -> Responses:
    """Two numbers of the question and an operator, unevaluated; and as a person would say it."""
    if question.data_source != "gsm8k":
        return
    for a, b in permutations(question.numbers[:4], 2):
        for form in ("{}+{}", "{}-{}", r"{} \times {}", "{}*{}", r"{} \cdot {}", "{}\\% \\times {}", "x = {} - {}"):
            yield boxed(form.format(a, b))
        yield f"#### {a}*{b}"
    for number in question.numbers:
        for form in ("half of {}", "twice {}", "{} times two", r"{} \text{{ doubled}}", "{}^2", "{} squared", "{}!"):
            yield boxed(form.format(number))


def answers_in_the_thought(question: Question) -> Responses:
    """The right answer, but only there."""
    right = boxed(question.answer)
    for opening, closing in THOUGHTS:
        for thought in (right, f"<answer>{question.answer}</answer>", f"\n#### {question.answer}\n"):
            yield f"{opening}{thought}{closing}"
            yield f"{opening}{thought}{closing}\nI cannot tell."
            yield f"{opening}{thought}{closing}\n{boxed(question.other)}"
            if opening:
                yield f"{opening}{thought}"
                yield f"{opening}{thought}{closing}{opening} But {right}"


def counts_in_the_thought(question: Question) -> Responses:
    """Everything it could be, each in a box."""
    counted = "".join(rf"\boxed{{{number}}}" for number in range(200))
    yield f"<think>{counted} {boxed(question.answer)}"
    yield f"<think>{counted} {boxed(question.answer)}</think> It is one of these."


def hedges(question: Question) -> Responses:
    """The right answer beside another."""
    for a, b in ((question.answer, question.other), (question.other, question.answer)):
        for form in (
            *("{} or {}", r"{} \text{{ or }} {}", "{}, {}", r"\text{{{} or {}}}", "{} and {}", "{}; {}", "{} ({})"),
            *("{} = {}", r"\{{{}, {}\}}", "either {} or {}", "{} | {}", r"{} \lor {}", r"{} \\ {}", r"{} \quad {}"),
            *("{}, maybe {}", "{}, if not {}", "{} not {}", r"{} \neq {}", r"[{}, {}]", "{} or else {} apples"),
        ):
            yield boxed(form.format(a, b))
        yield f"<answer>{a} or {b}</answer>"
        yield f"#### {a} or {b}"
    for form in (r"{} \pm 1", r"\pm ({})", r"\neq {}", r"> {}", r"\text{{not }} {}", r"{} \text{{ is wrong}}", "{}..."):
        yield boxed(form.format(question.answer))


def writes_headings(question: Question) -> Responses:
    """As many as there may be things, the answer's number among them."""
    number = question.answer
    if question.data_source != "gsm8k":
        return
    for title in ("{}. Add them up", "{}) Check", "{} - Sum", "Step {}: Add", "{}: the total"):
        yield f"#### {title.format(number)}\nNow we add.\n"
        yield f"{boxed(question.other)}\n\n#### {title.format(number)}\nIt fits."


def buries_the_digits(question: Question) -> Responses:
    """In a longer number, an ordinal, a date or a sentence."""
    if question.data_source == "countdown" or question.answer == "0":  # 0.0 is 0
        return
    for form in ("7{}", "{}7", "{}.5", "0.{}", "{}th", "step {}", "{}x", "{} million", "{}k", "{} and a half", "{}!"):
        yield boxed(form.format(question.answer))
    yield boxed(f"page {question.answer} of 9999")
    yield f"I think {question.answer} is what you want to hear, but I did not compute it."


def cheats_at_countdown(question: Question) -> Responses:
    """Claims, numbers that are not there, and what the rules forbid."""
    if question.data_source != "countdown":
        return
    target = question.asked[0]
    given = [number for number in question.numbers if number != target]
    sums = " + ".join(given)
    for answer in (
        *(f"{target}", f"{target} = {target}", f"{sums} = {target}", f"{target} = {sums}", f"{target} + 0 * ({sums})"),
        *(
            f"{sums} + {target} - ({sums})",
            f"({sums})^0 * {target}",
            ", ".join(given),
            f"({sums}) / ({sums}) * {target}",
        ),
        *(f"{question.answer} + 0", f"({question.answer}) * 1", f"{question.answer} = {target}1", "?"),
        *(f"{question.answer} = {sums}", f"{sums} = {question.answer}", f"{target} * {given[0]} / {given[0]}"),
    ):
        if sum(map(int, given)) != int(target):  # or else a claim is true
            yield boxed(answer)


TRICKS: tuple[Callable[[Question], Responses], ...] = (
    restates_the_question,
    restates_what_is_asked,
    boxes_every_number,
    leaves_the_sum_to_others,
    answers_in_the_thought,
    counts_in_the_thought,
    hedges,
    writes_headings,
    buries_the_digits,
    cheats_at_countdown,
)


def calls(offer: Offer) -> Iterator[tuple[str, str]]:
    """What it says where no call is wanted: calls of every function, written in every way; the way and the response."""
    for name, written in DIALECTS.items():
        texts = [written(function, json.dumps(arguments)) for function, arguments in offer.calls]
        yield name, "\n".join(texts)
        yield f"{name}, after words", f"Let me look that up for you.\n\n{texts[0]}"
        yield f"{name}, before words", f"{texts[-1]}\n\nI have called it for you."
        yield f"{name}, in an open thought", f"<think>Perhaps {texts[0]}"
        yield f"{name}, after a thought", f"<think>{offer.text}</think>{texts[0]}"
        yield f"{name}, unclosed", texts[-1][:-1]


def _python(name: str, arguments: str) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in json.loads(arguments).items())})"


def _xml(name: str, arguments: str) -> str:
    parameters = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in json.loads(arguments).items())
    return f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>"


def _json(name: str, arguments: str) -> str:
    return json_call(name, json.loads(arguments))


DIALECTS: dict[str, Callable[[str, str], str]] = {
    "Hermes": lambda name, arguments: hermes([(name, json.loads(arguments))]),
    "bare JSON": _json,
    "a list": lambda name, arguments: f"[{_json(name, arguments)}]",
    "parameters": lambda name, arguments: f'{{"name": "{name}", "parameters": {arguments}}}',
    "single quotes": lambda name, arguments: str({"name": name, "arguments": json.loads(arguments)}),
    "a fence": lambda name, arguments: f"```json\n{_json(name, arguments)}\n```",
    "nested": lambda name, arguments: f'{{"tool_calls": [{_json(name, arguments)}]}}',
    "Python": _python,
    "a list in Python": lambda name, arguments: f"[{_python(name, arguments)}]",
    "print": lambda name, arguments: f"```tool_code\nprint({_python(name, arguments)})\n```",
    "XML": _xml,
    "function tag": lambda name, arguments: f"<function={name}>{arguments}</function>",
    "Mistral": lambda name, arguments: f"[TOOL_CALLS]{name}[ARGS]{arguments}",
    "Llama": lambda name, arguments: f"<|python_tag|>{_json(name, arguments)}",
    "functools": lambda name, arguments: f"functools[{_json(name, arguments)}]",
    "ReAct": lambda name, arguments: f"Action: {name}\nAction Input: {arguments}",
    "tool_calls": lambda name, arguments: f"<tool_calls>[{_json(name, arguments)}]</tool_calls>",
    "GLM": lambda name, arguments: (
        f"<tool_call>{name}\n<arg_key>all</arg_key>\n<arg_value>{arguments}</arg_value>\n</tool_call>"
    ),
    "DeepSeek": lambda name, arguments: (
        f"<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>{name}"
        f"<\uff5ctool\u2581sep\uff5c>{arguments}<\uff5ctool\u2581call\u2581end\uff5c>"
    ),
    "Kimi": lambda name, arguments: (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{name}:0"
        f"<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"
    ),
    "gpt-oss": lambda name, arguments: (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{arguments}<|call|>"
    ),
}
