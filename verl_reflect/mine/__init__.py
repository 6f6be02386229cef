"""`verl-reflect mine`: a failure set for one model, the data that the paper trains on (section 3).

    rows ──► up to 64 answers each ──► judged ──► journal ──► failures with their token ids, pass rates, a card

`command.py` does it all with the servers of `verl_reflect.serving`; `sampling.py` has what happens to a query;
`journal.py` makes a killed run go on; `failure_set.py` writes the result, and `console.py` says what came of it.
"""
