"""The tasks: problems whose answers a program can verify, and the makers of their data.

`base` says what a task is; `answer` and `arithmetic` read a response; `countdown` judges it; `countdown_puzzles`,
`countdown_source` and `countdown_data` make the rows that verl trains on.
"""
