"""Makes a task's data: `sources` reads records, `maker` turns them into verl's rows.

`splits` says which record goes into which file, `split_file` fills one, `rejections` keeps the list of the malformed
records. `puzzles` makes Countdown's up, `countdown` their files; `bfcl` and `game_of_24` read benchmarks.
"""
