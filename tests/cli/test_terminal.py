"""What the commands share about the terminal."""

import os
import subprocess
import sys

from verl_reflect.cli.terminal import PLAIN

SAY = """
from verl_reflect.cli.terminal import write_what_the_terminal_can
from rich.console import Console
from rich.table import Table
write_what_the_terminal_can()
table = Table("held out, %", "Δ", title="…")
table.add_row("a · b", "−1.0")
Console().print(table)
print("“ok” ✓ 漢", flush=True)
"""


def test_a_terminal_that_knows_ascii_alone_shows_every_table() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LANG": "C"}
    done = subprocess.run([sys.executable, "-c", SAY], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    said = done.stdout.decode("ascii")
    assert "change" in said and "a - b" in said and "-1.0" in said and '"ok" ok ?' in said


def test_what_stands_for_a_sign_is_ascii() -> None:
    assert all(plain.isascii() and not sign.isascii() for sign, plain in PLAIN.items())
