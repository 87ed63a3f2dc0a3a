"""The models page in a real browser: plots that are drawn, each with words and numbers beside it, nothing from afar."""

import pytest

from tests.browser.conftest import go, settle

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_plot_is_drawn_and_said_in_words(app, new_page, overheard, scheme):
    page = new_page(color_scheme=scheme)
    page.goto(app.url)
    settle(page)
    go(page, "Models")
    page.locator(".st-key-model").get_by_text("nih_ssd", exact=True).click()
    page.get_by_role("img", name="ROC of nih_ssd, Atelectasis").or_(
        page.get_by_label("ROC of nih_ssd, Atelectasis")
    ).first.wait_for()
    page.locator(".st-key-finding-nih_ssd").get_by_text("Effusion", exact=True).click()
    page.get_by_label("ROC of nih_ssd, Effusion").first.wait_for()
    page.locator(".js-plotly-plot .scatterlayer .trace path.js-line").first.wait_for()
    settle(page)
    drawn = page.locator(".js-plotly-plot")
    assert drawn.count() >= 3
    page.get_by_text("The same as a table").first.click()
    page.get_by_role("columnheader", name="1 - specificity").wait_for()
    assert overheard.requests == []
    assert overheard.console == []
