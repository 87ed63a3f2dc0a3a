"""The app in a process of its own, and a Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@contextmanager
def served(script: Path, data: Path, port: int = 0) -> Iterator[str]:
    """A Streamlit script, started and stopped; its address. Returns at once: who asks waits."""
    port = port or _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    with subprocess.Popen(  # noqa: S603  (our own interpreter and script)
        [*command, "--server.headless", "true", "--browser.gatherUsageStats", "false"],
        cwd=ROOT,
        env=os.environ | {"CXR_DATA_DIR": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def answering(address: str, seconds: float = 120) -> None:
    """Wait until a server answers; RuntimeError if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1) as answer:  # noqa: S310  (our own)
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the app did not start")


@contextmanager
def page() -> Iterator[Page]:
    """A page in a fresh Chromium: CXR_CHROMIUM, one from the PATH, or Playwright's own."""
    path = os.environ.get("CXR_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        made = browser.new_page(viewport={"width": 1280, "height": 800})
        made.set_default_timeout(120_000)
        yield made
        browser.close()


def settle(seen: Page) -> None:
    """Wait until the server has said all it has to say."""
    seen.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
