"""A model of 197,000 parameters that fails, reflects and retries, so that the whole method runs on a laptop in minutes.

Its one task is a small Countdown, in `problems.py`. In `data.py` the model of `checkpoint/` tries it (`sampling.py`),
and its failures are what verl trains on, in `training.py`. `accuracies.py` says what is measured before and after, and
`curves.py` draws it. recipes/tiny_model makes the checkpoint.
"""
