#!/usr/bin/env bash
# Install the plugin from a clone, where it is not installed yet. On a cluster: on every node.
set -euo pipefail

python -c 'import verl_reflect' 2> /dev/null ||
    python -m pip install "${VERL_REFLECT:?name a clone of verl-reflect: VERL_REFLECT=/path/to/clone bash $0}"
