"""Answers of a real model to the leaderboard's questions, for `agree_bfcl.py --outputs`.

    python benchmarks/answer_bfcl.py FOLDER MODEL OUT.jsonl [ROWS]

Greedy, in Python's syntax, with the functions in the system message and one example. A model of 135M parameters answers
in prose all the same, so each answer is begun for it with `[` and the first function's name; what it calls with is its
own. `)]` ends an answer. ROWS rows are taken at equal distances from all Python rows. Plain transformers: a small model
on a CPU takes some seconds a row.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from transformers import AutoModelForCausalLM, AutoTokenizer

from verl_reflect.data.bfcl import bfcl_records, data_folder
from verl_reflect.tasks.bfcl import ABSTAINING

BATCH = 8
MAX_PROMPT_TOKENS = 900
MAX_NEW_TOKENS = 48
END = ")]"
INSTRUCTION = (
    "Answer with function calls only, in this form: [get_weather(city='Rome', days=2)]\nYou can call these functions:\n"
)


def messages(record: dict[str, Any]) -> list[dict[str, str]]:
    listing = "\n".join(json.dumps(function) for function in record["function"])
    return [{"role": "system", "content": INSTRUCTION + listing}, *record["question"][0]]


@torch.no_grad()
def answers(model: Any, tokenizer: Any, records: list[dict[str, Any]]) -> list[str]:
    beginnings = [f"[{record['function'][0]['name']}(" for record in records]
    prompts = [
        tokenizer.apply_chat_template(messages(record), tokenize=False, add_generation_prompt=True) + beginning
        for record, beginning in zip(records, beginnings, strict=True)
    ]
    batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    said = model.generate(**batch, do_sample=False, max_new_tokens=MAX_NEW_TOKENS, pad_token_id=tokenizer.eos_token_id)
    texts = tokenizer.batch_decode(said[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [beginning + _until_end(text) for beginning, text in zip(beginnings, texts, strict=True)]


def _until_end(text: str) -> str:
    before, end, _ = text.partition(END)
    return before + end


def main() -> None:
    folder, name, out = sys.argv[1:4]
    wanted = int(sys.argv[4]) if len(sys.argv) > 4 else 64
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(name).eval()
    records = [record for record in bfcl_records(data_folder(folder)) if record["category"] not in ABSTAINING]
    records = [r for r in records if len(tokenizer.encode(str(messages(r)))) <= MAX_PROMPT_TOKENS]
    chosen = records[:: max(1, len(records) // wanted)][:wanted]
    with Path(out).open("w", encoding="utf-8") as file:
        for start in track(range(0, len(chosen), BATCH), description="answering"):
            batch = chosen[start : start + BATCH]
            for record, text in zip(batch, answers(model, tokenizer, batch), strict=True):
                file.write(json.dumps({"id": record["id"], "text": text}, ensure_ascii=False) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
