"""Puts this package's config groups (`recipe`, `task`, `hardware`) on the search path of verl's Hydra apps, and the
defaults of its `reflect` section into Hydra's store.

Hydra finds modules of the namespace package `hydra_plugins` by itself. Registering from verl's own plugin hook instead
would make every `import verl` pay for importing Hydra, 45 ms.
"""

import sys

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin


class VerlReflectSearchPath(SearchPathPlugin):
    """Appends our groups after verl's, so that no file of ours can hide one of verl's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if "verl" in sys.modules:  # other Hydra apps of this environment are none of our business
            search_path.append(provider="verl-reflect", path="pkg://verl_reflect.conf")
            from verl_reflect.config import default_section

            ConfigStore.instance().store(group="reflect", name="defaults", node=default_section())
