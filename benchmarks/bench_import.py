"""What the plugin adds to `import verl`: seconds with and without it, in turn, in fresh processes.

python benchmarks/bench_import.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys

LIMIT_MS = 50


def seconds(plugins: str) -> float:
    """CPU and waiting time of the import alone, as the process itself measures it."""
    code = "import time; start = time.process_time(); import verl; print(time.process_time() - start)"
    environment = {**os.environ, "VERL_USE_EXTERNAL_PLUGINS": plugins}
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(output.stdout.splitlines()[-1])


def loading_alone() -> float:
    """Milliseconds that loading the plugin takes once verl is there, which is what verl does at its end."""
    code = (
        "import os; os.environ['VERL_USE_EXTERNAL_PLUGINS'] = 'none'\n"
        "import time, verl\n"
        "start = time.perf_counter(); import verl_reflect.plugin; print(time.perf_counter() - start)"
    )
    output = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return 1000 * float(output.stdout.splitlines()[-1])


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    pairs = [(seconds("reflect"), seconds("none")) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    alone = statistics.median(loading_alone() for _ in range(rounds))
    print(f"import verl, CPU seconds: {statistics.median(a for a, _ in pairs):.2f} with the plugin, ", end="")
    print(f"{statistics.median(b for _, b in pairs):.2f} without (median ratio {ratio:.3f})")
    print(f"loading the plugin itself: {alone:.1f} ms (limit {LIMIT_MS} ms)")
    sys.exit(alone > LIMIT_MS)


if __name__ == "__main__":
    main()
