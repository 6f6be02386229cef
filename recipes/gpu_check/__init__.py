"""One command that says whether the plugin works on this machine: `bash recipes/reflect_grpo/gpu_check.sh`.

Four launches of verl, each a command that a user could type, and questions asked of what they left on disk: verl's own
GRPO; the method with live attempts until it is killed; the same going on to its end and a validation; LoRA on the
failures that it left. Nothing of a training runs in this process, so what it finds is what a user would find.
"""
