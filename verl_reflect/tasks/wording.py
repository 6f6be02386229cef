"""Words that several tasks share (paper, section 4)."""

BOXED_ANSWER = r"Please reason step by step, and put your final answer within \boxed{}."
"""The system message of tasks whose answer stands in a box."""

REFLECT_ON_ANSWER = (
    "You tried solving the problem and got the wrong answer. Reflect on what went wrong and write a short explanation "
    "that will help you do better next time."
)
"""Asks for the reflection after a wrong answer."""

REFLECT_ON_CALLS = (
    "You tried performing the task, but failed in generating the correct tool call. Reflect on what went wrong and "
    "write a short explanation that will help you do better next time."
)
"""Asks for the reflection after calls that are not those wanted."""
