"""Makes a task's data: `sources` reads records, `maker` turns them into verl's rows, `commands` is the command line.

`splits` says which record goes into which file, `rejections` keeps the list of the malformed ones.
"""
