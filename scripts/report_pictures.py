"""`make pictures`: writes the report's pictures in docs/ from the trainings of `make results`, in a headless Chromium.

Each picture is a page of frames, side by side, and each frame shows the report at one address: the page keeps in its
address what is chosen.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from verl_reflect.report.command import write_report
from verl_reflect.report.reading import read_sources

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "runs" / "results"
SOURCES = [
    *(f"trained={RUNS}/trained-{seed}" for seed in (1, 2)),
    *(f"rewards shuffled={RUNS}/shuffled-{seed}" for seed in (1, 2)),
]
GAP = 30
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"),
    "--virtual-time-budget=20000",  # ms in which the frames may load
)
PICTURES = {
    "report-desktop.png": (1280, 2000, ("",)),
    "report-transcript.png": (1280, 1720, ("#items.status=fixed",)),
    "report-phone.png": (450, 1400, ("", "#learning", "#items.status=fixed", "#groups.status=mixed")),
}
"""By file: width and height of a frame in pixels, and the address of each frame."""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("There is no chromium to take the pictures with; on Debian: apt-get install chromium.")
    with tempfile.TemporaryDirectory() as folder:
        list(write_report(read_sources(SOURCES), Path(folder, "report.html"), None, None))
        for name, (width, height, addresses) in PICTURES.items():
            page = Path(folder, "frames.html")
            page.write_text(_frames(width, height, addresses), encoding="utf-8")
            size = f"--window-size={len(addresses) * (width + GAP) - GAP},{height}"
            picture, profile = ROOT / "docs" / name, f"--user-data-dir={folder}/profile"
            command = [chromium, *FLAGS, profile, size, f"--screenshot={picture}", page.as_uri()]
            subprocess.run(command, check=True, capture_output=True)
            print(picture)


def _frames(width: int, height: int, addresses: tuple[str, ...]) -> str:
    style = f"border: 0; width: {width}px; height: {height}px; background: #fff"
    frames = "".join(f'<iframe style="{style}" src="report.html{address}"></iframe>' for address in addresses)
    return f'<body style="margin: 0; display: flex; gap: {GAP}px; background: #bbb">{frames}</body>'


if __name__ == "__main__":
    main()
