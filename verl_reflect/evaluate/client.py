"""What an agent loop asks of verl's server manager, from a fleet that outlives its servers."""

from typing import Any

from verl.workers.rollout.replica import TokenOutput

from verl_reflect.serving.fleet import Route


class FleetClient:
    """`generate` of verl's `LLMServerClient`. All requests of a conversation go to one server, while it lives.

    Args:
        tries: Requests for one answer, see `Route.generate`.
    """

    def __init__(self, route: Route, tries: int):
        self._route = route
        self._tries = tries

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any
    ) -> TokenOutput:
        """One answer. Raises RequestError and NoServerError as the route does."""
        return TokenOutput(token_ids=await self._route.generate(prompt_ids, self._tries, **sampling_params))
