"""`verl-reflect eval`: first try, second try after reflecting, and what else would have helped as much.

    rows ──► first attempts ──► judged ──► failures ──► reflect │ blind │ fixed │ swapped │ stored ──► judged
                                                     (each second try goes on from the same first attempt)

`conversation.py` is one item with the agent loops of the training; `command.py` does all items and goes on after a kill
(`record.py` is a line of its journal); `measures.py` counts, `table.py` shows, `transcripts.py` keeps every turn;
`compare.py` sets two evaluations side by side. `checkpoint.py` takes verl's checkpoints, `forgetting.py` asks lm-eval.
"""
