"""`verl-reflect mine`: a failure set for one model, the data that the paper trains on (section 3).

    rows ──► up to 64 answers each ──► judged ──► journal ──► failures with their token ids, pass rates, a card

`sampling.py` has what happens to one query and `run.py` how many queries go on at once; `fleet.py` spreads requests
over servers and `engine.py` starts verl's; `journal.py` makes a killed run go on; `failure_set.py` writes the result.
"""
