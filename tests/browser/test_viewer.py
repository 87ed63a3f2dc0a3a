"""The film in the browser: zoom, pan, window, inversion, boxes by class and by hand, keys; and what a reader says."""

import io

import numpy as np
import pytest
from PIL import Image

from cxr_core.records import LABELS
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
    assert page.get_by_text("agree or disagree with all flags", exact=False).is_visible()
    comment.fill("")
    comment.press("Tab")
    settle(page)


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
    page.keyboard.press("u")
    page.get_by_text("You disagreed").wait_for()
    settle(page)
    page.locator(".st-key-decision").get_by_role("button", name="Undo").click()
    page.get_by_text("agree or disagree with all flags").wait_for()


def pressed(page, label):
    """What stands beside a finding: the name of the button that is pressed, or None."""
    button = page.locator(f'.cxr-findings [data-label="{label}"] button[aria-pressed="true"]')
    return button.get_attribute("data-kind") if button.count() else None


def wait_pressed(page, label, kind):
    page.locator(f'.cxr-findings [data-label="{label}"] button.{kind}[aria-pressed="true"]').wait_for()


def wait_heard(page):
    """A button is pressed at once; this waits until the server has every word, and has said so."""
    page.locator('.cxr-findings[data-unheard="0"]').wait_for()
    settle(page)


def drag(page, start, end):
    """With the left button, from and to shares of the stage."""
    frame = page.locator(".viewer canvas").bounding_box()
    (x1, y1), (x2, y2) = ((frame["x"] + frame["width"] * x, frame["y"] + frame["height"] * y) for x, y in (start, end))
    page.mouse.move(x1, y1)
    page.mouse.down()
    page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2, steps=3)
    page.mouse.move(x2, y2, steps=3)
    page.mouse.up()


def test_findings_are_chosen_and_judged_by_keys_one_at_a_time(page):
    flagged = page.locator(".cxr-findings .cxr-score.flagged").first.get_attribute("data-label")
    page.keyboard.press(str(LABELS.index(flagged) + 1))
    page.keyboard.press("d")
    page.get_by_text("You disagreed").wait_for()
    wait_pressed(page, flagged, "disagree")
    page.keyboard.press("a")
    wait_pressed(page, flagged, "agree")
    other = page.locator(".cxr-findings .cxr-score:not(.flagged)").first.get_attribute("data-label")
    page.keyboard.press(str(LABELS.index(other) + 1))
    page.keyboard.press("f")
    wait_pressed(page, other, "added")
    wait_heard(page)
    page.get_by_text("You disagreed").wait_for()  # something was missed
    page.reload()
    page.locator('.viewer[data-ready="true"]').wait_for()
    page.locator(".cxr-findings[data-unheard]").wait_for()  # drawn anew
    settle(page)
    assert (pressed(page, flagged), pressed(page, other)) == ("agree", "added")


def test_whoever_leaves_before_the_server_has_heard_is_asked_first(page):
    leave = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(leave) is False
    label = page.locator(".cxr-findings .cxr-score").first.get_attribute("data-label")
    at_once = f"""() => {{
        document.querySelector('.cxr-findings [data-label="{label}"] button').click();
        return ({leave})();
    }}"""
    assert page.evaluate(at_once) is True
    wait_heard(page)
    assert page.evaluate(leave) is False


def test_a_box_is_drawn_named_moved_resized_deleted_and_brought_back(page, overheard):
    zoom = fact(page, "zoom")
    page.keyboard.press("n")
    wait_fact(page, "mode", "draw")
    drag(page, (0.42, 0.62), (0.52, 0.74))
    page.locator(".picker").get_by_role("button", name="Nodule").wait_for()
    page.keyboard.press(str(LABELS.index("Nodule") + 1))
    wait_fact(page, "selected", "Nodule")
    page.locator('.cxr-findings [data-label="Nodule"] button[aria-pressed="true"]').wait_for()
    drawn = place(page, "Nodule")
    drag(page, (0.47, 0.68), (0.57, 0.68))  # by its inside, since it is chosen
    settle(page)
    moved = place(page, "Nodule")
    assert moved[0] > drawn[0] + 5
    assert moved[2] - moved[0] == pytest.approx(drawn[2] - drawn[0], abs=0.5)
    drag(page, (0.62, 0.74), (0.66, 0.8))  # its lower right handle
    settle(page)
    larger = place(page, "Nodule")
    assert larger[:2] == pytest.approx(moved[:2], abs=0.5)
    assert larger[2] > moved[2] + 2
    assert larger[3] > moved[3] + 2
    page.keyboard.press("Shift+ArrowRight")
    assert place(page, "Nodule")[2] > larger[2]
    page.keyboard.press("Delete")
    wait_fact(page, "selected", "")
    own = "(root) => root.editorBoxes().filter((box) => box.score === null).length"
    assert page.locator(".viewer").evaluate(own) == 0
    page.wait_for_timeout(1500)  # both strokes are on their way: undo is the server's
    settle(page)
    page.keyboard.press("u")
    until = f"async (root) => {{ while (({own})(root) !== 1) await new Promise((done) => setTimeout(done, 50)); }}"
    page.locator(".viewer").evaluate(until)
    assert fact(page, "zoom") == zoom, "the film stood still meanwhile"
    assert overheard.console == []


def place(page, label):
    """Corners of the reader's own box of a label, in film pixels, as the viewer holds them."""
    return page.locator(".viewer").evaluate(
        "(root, label) => root.editorBoxes().find((box) => box.label === label && box.score === null).box", label
    )


def test_enter_signs_with_a_name_and_says_so_without_one(page):
    page.keyboard.press("Enter")
    page.get_by_text("a signature needs a name").wait_for()
    settle(page)
    page.get_by_role("button", name="Who reads?").click()
    page.get_by_label("Name").fill("Dr Roe")
    page.get_by_label("Name").press("Enter")
    settle(page)
    page.keyboard.press("Escape")
    page.locator(".viewer canvas").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Signed off by Dr Roe").wait_for()


def test_a_blind_reader_s_page_holds_no_score_until_the_reader_commits(app, new_page, page, overheard):
    blind = new_page()
    blind.goto(app.url)
    go(blind, "Review")
    blind.locator('.viewer[data-ready="true"]').wait_for()
    settle(blind)
    blind.get_by_text("Blind first read").click()
    blind.get_by_text("What do you see?").wait_for()
    blind.locator('.viewer[data-ready="true"][data-boxes="0"]').wait_for()
    settle(blind)
    text = blind.content() + blind.locator(".viewer").evaluate("(root) => root.innerHTML")
    for told in ("Model score", "your threshold", "rank ", "Why here", "covid_ssd"):
        assert told not in text
    assert blind.locator(".cxr-findings .cxr-score.flagged").count() == 0
    blind.keyboard.press(str(LABELS.index("Effusion") + 1))
    blind.keyboard.press("f")
    blind.locator('.cxr-findings [data-label="Effusion"] button[aria-pressed="true"]').wait_for()
    settle(blind)
    blind.locator(".viewer canvas").focus()
    blind.keyboard.press("Enter")
    blind.get_by_text("Why here").wait_for()
    blind.locator('.cxr-findings [data-label="Effusion"] button[aria-pressed="true"]').wait_for()
    assert overheard.console == []


def test_two_browsers_at_one_film_overwrite_nothing(page, app, new_page):
    """Both look at the same film; the second to speak is told, sees the first one's words, and decides."""
    other = new_page()
    other.goto(page.url)
    other.locator('.viewer[data-ready="true"]').wait_for()
    settle(other)
    comment = page.get_by_label("Comment")
    comment.fill("first reader")
    comment.press("Tab")
    settle(page)
    impression = other.get_by_label("Impression")
    impression.fill("second reader")
    impression.press("Tab")
    other.get_by_text("saved a review of this film at").wait_for()
    settle(other)
    assert impression.input_value() == "second reader"
    other.get_by_text("See theirs beside yours").click()
    other.get_by_text("Comment: first reader").wait_for()
    other.get_by_role("button", name="Put mine on top").click()
    other.get_by_text("saved a review of this film at").wait_for(state="detached")
    page.reload()
    page.locator('.viewer[data-ready="true"]').wait_for()
    settle(page)
    assert page.get_by_label("Impression").input_value() == "second reader"


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
