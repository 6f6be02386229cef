"""The tasks: problems whose answers a program can verify.

`base` says what a task is, `registry` finds the one that judges a row, and `contract` checks one. `answer` and
`arithmetic` read a response; `countdown` judges it; `countdown_puzzles` makes puzzles up and `countdown_data` their
files; `game_of_24` is a fixed benchmark.
"""
