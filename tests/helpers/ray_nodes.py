"""A Ray cluster of two nodes on this machine, each with folders of its own for Python to look in."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

NAMES = ("first", "second")


@contextmanager
def two_nodes(folders: dict[str, Sequence[Path]], **resources: Any) -> Iterator[str]:
    """Its address.

    Args:
        folders: PYTHONPATH of `first` and `second`.
    """
    nodes = [
        {
            "node_name": name,
            "include_dashboard": False,
            "env_vars": {"PYTHONPATH": os.pathsep.join(map(str, folders[name])), "NODE": name},
            **resources,
        }
        for name in NAMES
    ]
    cluster = Cluster(initialize_head=True, head_node_args=nodes[0])
    try:
        cluster.add_node(**nodes[1])
        yield cluster.address
    finally:
        cluster.shutdown()
