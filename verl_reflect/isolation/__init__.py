"""A process for code that may do anything: a verifier, or a task that somebody else wrote.

`process` starts one and talks to it, `supervisor` is what runs there, `channel` is the line between the two.

Whatever such code raises or does ends at the process: an exit, a signal to itself, to its process group or to its
parent, a closed file, a fork. It is no prison: code that looks for other processes of the same user finds them.
"""
