"""The training row: what verl's trainer sees of a session.

    prompt   = task + failed attempt + reflection request        (never trained)
    response = the reflection, verbatim as the server returned it (all of it trained)
    reward   = success of the retry, on the reflection's last token

The retry is judged but is in no row. A causal model's log-probabilities of the reflection cannot depend on what comes
after it, so leaving the retry out changes no gradient, while every token that remains is either context or trained.
Credit needs no mask, rows are as short as they can be, and every advantage estimator works as it is.

A turn that is kept in place (training/advantage.py) is such a row too, marked by a mask of 0 on its first token.
"""

from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput

from verl_reflect.records.transcripts import Episode
from verl_reflect.rollout.dialogue import Turn


def training_row(trained: Turn, episode: Episode, seconds: float, *, kept: bool = False) -> AgentLoopOutput:
    """The row that trains one turn. Its reward is left to the reward manager.

    Args:
        trained: The turn whose tokens are paid: the reflection.
        episode: The record of the session; travels in `extra_fields`.
        seconds: Time the session spent waiting for the server.
        kept: The turn is held in place instead.

    Raises:
        ValueError: the lengths of the row do not agree.
    """
    row = AgentLoopOutput(
        prompt_ids=list(trained.conversation.token_ids),
        response_ids=list(trained.token_ids),
        response_mask=[0 if kept else 1, *[1] * (len(trained.token_ids) - 1)],
        response_logprobs=list(trained.log_probs) if trained.log_probs is not None else None,
        routed_experts=trained.routed_experts,
        num_turns=len(trained.conversation.messages) + 1,
        metrics=AgentLoopMetrics(generate_sequences=seconds),
        extra_fields={**trained.extra_fields, "episode": episode},
    )
    check(row, trained, kept=kept)
    return row


def check(row: AgentLoopOutput, trained: Turn, *, kept: bool = False) -> None:
    """Raise ValueError unless the row trains exactly the tokens the server returned, each with its log-probability."""
    faults = []
    if tuple(row.response_ids) != trained.token_ids or not row.response_ids:
        faults.append("the response is not what the server returned")
    if row.response_mask[:1] != [0 if kept else 1] or row.response_mask[1:] != [1] * (len(row.response_ids) - 1):
        faults.append("the mask does not cover the response")
    if row.response_logprobs is not None and len(row.response_logprobs) != len(row.response_ids):
        faults.append(f"{len(row.response_logprobs)} log-probabilities for {len(row.response_ids)} tokens")
    if tuple(row.prompt_ids) != trained.conversation.token_ids:
        faults.append("the prompt is not what the server was given")
    if faults:
        raise ValueError("A training row is wrong: " + "; ".join(faults) + ".")
