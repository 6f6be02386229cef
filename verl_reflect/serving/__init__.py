"""verl's servers for commands that only ask (`verl-reflect mine`, `verl-reflect eval`).

    rows ──► token ids ──► servers, as many answers at once as there is room for ──► words

`start.py` has the one object that a command holds; `engine.py` starts verl's servers, `fleet.py` spreads requests over
them, and `flow.py` keeps them busy. A vLLM server steps its engine itself (`stepped_vllm.py`, `stepping.py`) and is
asked in bundles (`bundled.py`). `queries.py` reads the rows, `prompts.py` makes token ids of them. `progress.py` shows
how far it is, and `console.py` says what could not be done.
"""
