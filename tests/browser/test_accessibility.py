"""Every page in both themes, filled: axe finds nothing serious that keeps a person from using it."""

from pathlib import Path

import pytest

from tests.browser.conftest import go, run_ended, settle
from ui.frame import PAGES

pytestmark = pytest.mark.browser

AXE = (Path(__file__).resolve().parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def filled(app, chromium):
    """The generated samples in the worklist."""
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{app.url}/Screen")
    settle(page)
    page.get_by_role("button", name="Load sample studies").click()
    run_ended(page)
    context.close()
    return app


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_no_serious_violation_on_any_page(theme, filled, new_page):
    page = new_page(color_scheme=theme.lower())
    page.add_init_script(f"localStorage.setItem('cxr-appearance', '\"{theme}\"')")
    page.goto(filled.url)
    settle(page)
    found = {}
    for title in PAGES.values():
        go(page, title)
        page.wait_for_timeout(500)  # what is drawn by scripts of the page itself
        page.evaluate(AXE)
        told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        bad = [(item["id"], item["nodes"][0]["html"][:200]) for item in told if item["impact"] in SERIOUS]
        if bad:
            found[title] = bad
    assert found == {}
