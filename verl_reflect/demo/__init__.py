"""A model of 172,000 parameters that fails, reflects and retries, so that the whole method runs on a laptop in minutes.

Its one task is a small Countdown: reach a target with three numbers. `problems.py` has the task, `tokenizer.py` the
words, `reflections.py` what a reflection may say, `conversations.py` the training text, `warm_start.py` makes the
checkpoint that ships in `checkpoint/`, and `failures.py` the data that verl trains on.
"""
