"""The whole product in a real Chromium: the app as users start it, a data folder of its own, loopback alone."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from ui.theme import slug

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The first three let it run without a screen and as root in a container; the others keep it from calling its makers.
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class App:
    """A running app."""

    port: int
    data: Path
    process: subprocess.Popen

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass
class Overheard:
    """What a page did that it should not have done."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


def start(data: Path, port: int, **environment: str) -> App:
    """The app as ``make app`` starts it; returns once it answers."""
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    with (data.parent / "app.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"CXR_DATA_DIR": str(data)} | environment, stdout=log, stderr=log
        )
    app = App(port, data, process)
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return app
        except OSError:
            time.sleep(0.2)
    stop(app)
    raise AssertionError((data.parent / "app.log").read_text())


def stop(app: App) -> None:
    app.process.terminate()
    app.process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One for each file of tests: films, thresholds and reviews of another would change which film is the first."""
    running = start(tmp_path_factory.mktemp("site") / "data", free_port())
    yield running
    stop(running)


@pytest.fixture(scope="session")
def chromium():
    """CXR_CHROMIUM, else one from the PATH, else Playwright's own."""
    path = os.environ.get("CXR_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def overheard() -> Overheard:
    return Overheard()


@pytest.fixture
def new_page(chromium, overheard):
    """Opens a page in a session of its own; whatever it asks of another host or complains of is overheard."""
    contexts = []

    def open_page(**facts) -> Page:
        context = chromium.new_context(
            **({"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark", "accept_downloads": True} | facts)
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: _note_request(request.url, overheard))
        page.on("console", lambda said: overheard.console.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: overheard.console.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()


def _note_request(url: str, overheard: Overheard) -> None:
    if not url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
        overheard.requests.append(url)


def settle(page: Page) -> None:
    """Wait until the server has said all it has to say."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def go(page: Page, title: str) -> None:
    """Follow a link of the frame."""
    page.locator(".st-key-frame").get_by_role("link", name=title, exact=True).click()
    page.wait_for_function(f"document.title.startsWith({title!r})")
    settle(page)


def run_ended(page: Page) -> None:
    page.get_by_text("Finished").wait_for()
    settle(page)


def order(page: Page) -> list[str]:
    """Names in the worklist, first rank first."""
    return page.locator(".listing .row .name > span:first-child").all_inner_texts()


def slider(page: Page, label: str) -> Locator:
    """The slider of a class: the native range input that keys and screen readers use."""
    return page.locator(f".st-key-threshold_{slug(label)}").locator('input[type="range"]')


def set_slider(page: Page, label: str, key: str) -> None:
    """Move a slider with the keyboard, as a hand would: End is 1, Home is 0."""
    slider(page, label).press(key)
