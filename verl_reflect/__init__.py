"""Reflect, retry, reward (arXiv 2505.24726) as a plugin for verl.

Where things live. A room imports only from rooms above it in this list:

    config, finding, statistics, records, cpu   settings; numbers; what a run leaves on disk; verl's CPU platform
    isolation                                   a process for code that may do anything
    tasks, reward, data, plugin                 verifiers; the reward function; making data; what verl loads
    rollout                                     one session, from a data row to a paid training row
    training                                    what a step gets, how it is credited, what it logs
    checks                                      what can be known to be wrong before a model loads
    serving                                     verl's servers, for commands that only ask
    mine, evaluate                              failure sets; first and second tries with controls
    report                                      one page of what runs and evaluations did
    demo, cli                                   the tiny model; the command `verl-reflect`
"""

__version__ = "0.1.0"
