"""Every page in both themes, filled: axe finds nothing serious that keeps a person from using it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cxr_core.detect import load_cards
from cxr_core.records import LABELS, Box, Finding, Identity, ImageFacts, Notice, Review, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from tests.browser.conftest import go, settle
from ui.frame import PAGES

pytestmark = pytest.mark.browser

AXE = (Path(__file__).resolve().parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def filled(app):
    """A film of every lane, put into the worklist past the networks, so that this takes no longer than the pages do."""
    settings = Settings(data_dir=app.data)
    store = Store(settings)
    models = tuple(card.ref() for card in load_cards(settings))
    now = datetime.now(UTC)
    facts = ImageFacts(120, 100, "PA", "png")
    doubt = Notice("inverted_mended", "The film was inverted and has been mended; compare with the original.")
    kinds = [
        {"scores": dict.fromkeys(LABELS, 0.9), "findings": (Finding("Mass", 0.9, Box(20, 20, 60, 60)),)},
        {"scores": dict.fromkeys(LABELS, 0.01), "warnings": (doubt,)},
        {"scores": dict.fromkeys(LABELS, 0.01)},
        {"scores": dict.fromkeys(LABELS, 0.02), "identity": Identity(patient_id="7", priority="STAT")},
    ]
    for number, kind in enumerate(kinds):
        key = store.add_film(fakes.film(200 + number))
        made = Screening(f"film-{number}.png", key, "screened", image=facts, models=models, **kind)
        store.save(made, now - timedelta(hours=9 * number))
    refusal = Notice("not_an_image", "This is a text. Send a picture.")
    store.save(Screening("notes.txt", "f" * 64, "refused", refusal=refusal, models=models), now)
    store.save_review(key, Review("agree", "", now))
    store.close()
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
