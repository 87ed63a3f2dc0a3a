"""The film in the browser: zoom, pan, window, inversion, boxes by class, keys; and the decision that follows."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import go, run_ended, settle
from tests.browser.test_main_job import files  # noqa: F401 - a fixture
from ui.frame import NOTICE

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.fixture
def page(app, new_page, files):  # noqa: F811 - the fixture above
    page = new_page()
    page.goto(app.url)
    go(page, "Screen")
    page.locator('input[type="file"]').set_input_files(files[:3])
    run_ended(page)
    go(page, "Worklist")
    page.locator('.row:not([data-lane="refused"])').first.click()
    page.locator('.viewer[data-ready="true"]').wait_for()
    settle(page)
    return page


def fact(page, name):
    return page.locator(".viewer").get_attribute(f"data-{name}")


def wait_fact(page, name, value):
    page.locator(f'.viewer[data-{name}="{value}"]').wait_for()


def greys(page):
    """Mean grey of the middle of the film as it is drawn, 0 to 255, boxes off."""
    shot = Image.open(io.BytesIO(page.locator(".viewer .stage").screenshot())).convert("L")
    width, height = shot.size
    middle = shot.crop((width * 2 // 5, height * 2 // 5, width * 3 // 5, height * 3 // 5))
    return float(np.asarray(middle).mean())


def test_the_film_is_drawn_and_inverts_to_its_complement(page, overheard):
    page.keyboard.press("b")
    wait_fact(page, "boxes", "0")
    drawn = greys(page)
    page.keyboard.press("i")
    wait_fact(page, "inverted", "true")
    page.wait_for_timeout(150)
    assert greys(page) == pytest.approx(255 - drawn, abs=4)
    assert overheard.console == []


def test_the_wheel_zooms_and_r_resets(page):
    page.locator(".viewer canvas").hover()
    page.mouse.wheel(0, -600)
    page.locator('.viewer:not([data-zoom="1.000"])').wait_for()
    assert float(fact(page, "zoom")) > 1.5
    page.keyboard.press("r")
    wait_fact(page, "zoom", "1.000")


def test_dragging_with_the_right_button_windows_and_w_makes_it_the_left_one(page):
    box = page.locator(".viewer canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x - 150, y + 60, steps=4)
    page.mouse.up(button="right")
    page.locator('.viewer:not([data-width="65535"])').wait_for()
    assert int(fact(page, "width")) < 60000
    assert int(fact(page, "centre")) > 33000
    page.keyboard.press("r")
    wait_fact(page, "width", "65535")
    page.keyboard.press("w")
    wait_fact(page, "mode", "window")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y, steps=3)
    page.mouse.up()
    page.locator('.viewer:not([data-width="65535"])').wait_for()


def test_a_class_s_boxes_can_be_shown_and_hidden(page):
    button = page.locator(".classes button:not([disabled])").first
    was = int(fact(page, "boxes"))
    pressed = button.get_attribute("aria-pressed")
    button.click()
    page.locator(f'.viewer:not([data-boxes="{was}"])').wait_for()
    assert button.get_attribute("aria-pressed") != pressed
    now = int(fact(page, "boxes"))
    assert (now < was) == (pressed == "true")


def test_question_mark_lists_the_keys_and_letters_in_a_comment_are_letters(page):
    page.keyboard.press("?")
    page.locator(".help").get_by_text("next / previous study").wait_for()
    page.keyboard.press("Escape")
    page.locator(".help").wait_for(state="hidden")
    comment = page.get_by_label("Comment")
    comment.fill("")
    comment.press_sequentially("bad jib, ok")
    assert fact(page, "inverted") == "false"
    assert comment.input_value() == "bad jib, ok"
    assert page.get_by_text("with the flags", exact=True).is_visible()


def test_j_and_k_walk_the_worklist(page):
    first = fact(page, "film")
    page.keyboard.press("j")
    page.locator(f'.viewer:not([data-film="{first}"])[data-ready="true"]').wait_for()
    settle(page)
    page.keyboard.press("k")
    wait_fact(page, "film", first)


def test_a_and_d_decide_and_undo_takes_it_back(page):
    page.keyboard.press("d")
    page.get_by_text("You disagreed").wait_for()
    settle(page)
    page.keyboard.press("a")
    page.get_by_text("You agreed").wait_for()
    settle(page)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("with the flags", exact=True).wait_for()


def test_the_first_visit_is_dark_on_a_light_computer_and_light_by_choice(app, new_page):
    page = new_page(color_scheme="light")
    page.goto(app.url)
    app_node = "document.querySelector('[data-testid=stApp]')"
    background = f"{app_node} && getComputedStyle({app_node}).backgroundColor"
    page.wait_for_function(f"({background}) === 'rgb(12, 14, 17)'")
    page.get_by_role("heading", name="What it is not").wait_for()
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_test_id("stMainMenuItem-theme-Light").click()
    page.wait_for_function(f"({background}) === 'rgb(246, 247, 248)'")
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("heading", name="What it is not").wait_for()
    page.wait_for_function(f"({background}) === 'rgb(246, 247, 248)'")


def test_every_page_is_drawn_without_a_complaint_or_a_request_elsewhere(page, overheard):
    for title in ("Home", "Screen", "Worklist", "Review", "Models"):
        go(page, title)
        page.get_by_role("note").get_by_text(NOTICE).wait_for()
    page.get_by_test_id("stPlotlyChart").first.wait_for()
    assert page.locator('[data-testid="stException"], [data-testid="stElementErrorBoundary"]').count() == 0
    assert overheard.requests == []
    assert overheard.console == []
