"""Where it looked, in the browser: off until asked for, drawn over the film, one finding at a time, off again."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import settle
from tests.browser.test_main_job import files  # noqa: F401 - a fixture
from tests.browser.test_viewer import fact, page  # noqa: F401 - the page is a fixture

pytestmark = [pytest.mark.browser, pytest.mark.models]


def colour(page):  # noqa: F811 - the fixture above
    """How far the drawn film is from grey, summed; boxes off."""
    page.wait_for_timeout(200)
    shot = Image.open(io.BytesIO(page.locator(".viewer .stage").screenshot())).convert("RGB")
    return float(np.ptp(np.asarray(shot, np.int16), axis=-1).sum())


def test_it_is_off_until_e_and_shows_one_finding_at_a_time(page, overheard):  # noqa: F811
    page.keyboard.press("b")
    page.locator('.viewer[data-boxes="0"]').wait_for()
    assert page.locator(".evidence").is_hidden()
    grey = colour(page)
    page.keyboard.press("e")
    page.locator('.viewer:not([data-evidence=""])').wait_for()
    page.get_by_text("Not an outline of disease.").wait_for()
    page.locator(".evidence .legend", has_text="raised the score").wait_for()
    assert colour(page) > grey + 1000
    assert page.locator(".classes").is_hidden()
    shown = fact(page, "evidence")
    other = page.locator(f'.evidence button:not([data-evidence="{shown}"])').first
    other.focus()
    page.keyboard.press("Enter")
    page.locator(f'.viewer:not([data-evidence="{shown}"]):not([data-evidence=""])').wait_for()
    assert fact(page, "evidence") in page.locator(".viewer canvas").get_attribute("aria-label")
    page.keyboard.press("e")
    page.locator('.viewer[data-evidence=""]').wait_for()
    assert page.locator(".evidence").is_hidden()
    assert page.locator(".classes").is_visible()
    assert colour(page) == pytest.approx(grey, abs=1000)
    assert overheard.console == []


def test_another_film_starts_without(page):  # noqa: F811
    page.keyboard.press("e")
    page.locator('.viewer:not([data-evidence=""])').wait_for()
    boxes = page.locator(".viewer canvas").get_attribute("aria-label").split("Boxes on: ")[1].split(". Where")[0]
    assert {text.rsplit(" ", 1)[0] for text in boxes.split(", ")} <= {fact(page, "evidence"), "none"}
    first = fact(page, "film")
    page.keyboard.press("j")
    page.locator(f'.viewer:not([data-film="{first}"])[data-ready="true"]').wait_for()
    settle(page)
    assert fact(page, "evidence") == ""
    assert page.locator(".evidence").is_hidden()
    page.keyboard.press("e")
    page.locator('.viewer:not([data-evidence=""])').wait_for()
