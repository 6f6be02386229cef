"""An agent loop of a user's own: the method's, noting on which node it runs, from where, and who answers.

It stands in a folder of the user's on every node, and imports nothing of the tests.
"""

import json
import os
from typing import Any

import verl_reflect
from verl_reflect.rollout.loop import ReflectRetryAgentLoop


class WitnessAgentLoop(ReflectRetryAgentLoop):
    async def model_answers(self, *arguments: Any, server: str, **more: Any) -> Any:
        turn = await super().model_answers(*arguments, server=server, **more)
        answered, _ = await self.server_manager._acquire_server(server)  # sticky: the one that has just answered
        self.server_manager._release_server(answered, server)
        note = {"node": os.environ["NODE"], "package": verl_reflect.__file__, "group": server, "server": answered}
        with open(os.path.join(os.environ["WITNESS"], f"{os.getpid()}.jsonl"), "a") as file:
            file.write(json.dumps(note) + "\n")
        return turn
