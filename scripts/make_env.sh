#!/usr/bin/env bash
# Makes .venv from the lock files; `make` calls it when .venv is missing, unfinished or older than they are.
# An interrupted set-up starts again from an empty .venv, because pip takes a half-copied package for a whole one.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 9<"$0" && flock 9 # of two at once, the second waits
log=.venv/install.log
torch_index=https://download.pytorch.org/whl/cpu

fail() {
    echo "make_env: $*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in "$@"; do
        "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null &&
            echo "$candidate" && return
    done
    fail "needs Python 3.10, 3.11 or 3.12, and none of these is one: $*. Name one with make PYTHON=/path/to/python."
}

stage() {
    echo "  $1 ..."
    "${@:2}" >>"$log" 2>&1 || { tail -n 20 "$log" >&2 && fail "'$1' failed; the whole log is $log"; }
}

pip_install() { .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation "$@"; }

install_torch() {
    pip_install -r requirements/torch.lock ||
        pip_install -r requirements/torch.lock --timeout 30 --retries 2 --extra-index-url "$torch_index"
}

if [ ! -e .venv/.complete ]; then
    case "$(uname -sm)" in
        "Linux x86_64" | "Linux aarch64") ;;
        *) fail "vLLM has CPU builds for Linux on x86_64 and aarch64 only; this is $(uname -sm)." ;;
    esac
    if [ -e .venv/pyvenv.cfg ] && [ ! -e "$log" ]; then fail "this script did not make .venv: move it away first."; fi
    if [ -n "${1:-}" ]; then python=$(find_python "$1"); else python=$(find_python python3 python3.1{2,1,0}); fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module (Debian: python3-venv)."
    "$python" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null ||
        fail "vLLM needs the system library libnuma.so.1 (Debian: libnuma1; Fedora: numactl-libs)."
    echo "Making .venv with $("$python" -V) (3.3 GB, some minutes; log in $log):"
    rm -rf .venv/pyvenv.cfg .venv
    mkdir .venv
    stage "empty environment" "$python" -m venv .venv
fi
rm -f .venv/.complete
stage "build tools" pip_install -c requirements/cpu.lock setuptools wheel
stage "torch for CPUs" install_torch
stage "verl, vLLM and the rest" pip_install -r requirements/cpu.lock
stage "this project" pip_install -e .
stage "check" .venv/bin/python -c 'import torch; assert torch.version.cuda is None, "this torch is a CUDA build"'
touch .venv/.complete
