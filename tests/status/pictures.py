"""The README's pictures of the status page: `make pictures` runs the demo and takes them while it works.

python -m tests.status.pictures [FOLDER]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import chromium_path

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")
DESKTOP, PHONE = (1180, 960), (390, 844)
PATIENCE_S = 150.0


def main(folder: Path) -> int:
    """Leaves `status.png` and `status-phone.png` in the folder. Ends with the demo, or as soon as it has both."""
    with tempfile.TemporaryDirectory(prefix="tidemark-pictures-") as report:
        command = [sys.executable, "-m", "agent", "demo", "--folder", report]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            url = _address(demo)
            _wait_for_growth(url, demo)
            folder.mkdir(parents=True, exist_ok=True)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=chromium_path())
                _take(browser, url, folder / "status.png", DESKTOP, "light")
                _take(browser, url, folder / "status-phone.png", PHONE, "dark")
                browser.close()
        finally:
            demo.terminate()
            demo.communicate()
    return 0


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    for line in demo.stdout:
        if "status page" in line and (found := ADDRESS.search(line)):
            return found[0]
    raise SystemExit("the demo has ended without telling the address of its page")


def _wait_for_growth(url: str, demo: subprocess.Popen[str]) -> None:
    """Until what was bought has been there for a while, and executors work on it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and demo.poll() is None:
        time.sleep(1.0)
        try:
            state: dict[str, Any] = requests.get(f"{url}state.json", timeout=5).json()
        except requests.RequestException:
            continue
        grown = [each for each in state.get("decisions", ()) if each["outcome"] == "applied"]
        executors = state.get("executors") or {"reporting": 0}
        if grown and executors["reporting"] >= 3 and state["at"] - grown[-1]["began"] > 20:
            return
    raise SystemExit("the demo did not come so far")


def _take(browser: Browser, url: str, file: Path, size: tuple[int, int], scheme: Any) -> None:
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    page.screenshot(path=file)
    page.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"))
