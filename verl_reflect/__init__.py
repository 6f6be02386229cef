"""Reflect, retry, reward (arXiv 2505.24726) as a plugin for verl.

Where things live: the rollout in `agent_loop.py`, the training row in `row.py`, the reward in `reward_manager.py`,
the tasks and their verifiers in `tasks/`, the settings in `config.py` and `conf/`.
"""

__version__ = "0.1.0"
