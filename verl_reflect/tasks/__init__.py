"""The tasks: problems whose answers a program can verify.

`base` says what a task is, `record` how a record of its source becomes an item, `registry` finds the task that judges a
row, and `contract` checks one, with the responses of `hostile`. A file for each task; `expressions/`, `calls/` and
`maths/` are what these read a response with, besides `answer`, and `ground_truth` reads their rows.
"""
