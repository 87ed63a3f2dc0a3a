"""Simulator, operations and exports in a real browser: plots are drawn, figures follow, files are whole."""

import io
import zipfile

import pytest

from cxr_core.export.bundle import check
from cxr_core.export.worklist import read_worklist
from tests.browser.conftest import go, run_ended, settle

pytestmark = [pytest.mark.browser, pytest.mark.models]


def test_the_simulator_plays_again_when_a_number_changes(app, new_page, overheard):
    page = new_page()
    page.goto(app.url)
    settle(page)
    go(page, "Simulator")
    page.get_by_text("of the reading time is needed").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    rate = page.get_by_label("Films an hour")
    rate.fill("60")
    rate.press("Enter")
    page.get_by_text("More comes than can be read").wait_for()
    assert overheard.requests == []
    assert overheard.console == []


def test_the_work_is_shown_and_leaves_as_files(app, new_page, overheard):
    page = new_page()
    page.goto(app.url)
    settle(page)
    go(page, "Screen")
    page.get_by_role("button", name="Load sample studies").click()
    run_ended(page)
    go(page, "Operations")
    page.get_by_text("looked at in this period").wait_for()
    page.get_by_text("The chain holds from the first to row").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    go(page, "Worklist")
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as caught:
        page.get_by_role("button", name="The whole worklist").click()
    rows = read_worklist(caught.value.path().read_bytes())
    assert rows
    page.get_by_role("button", name="Make a bundle with pictures").click()
    ready = page.get_by_role("button", name="Download the bundle")
    ready.wait_for(timeout=120_000)
    with page.expect_download() as caught:
        ready.click()
    data = io.BytesIO(caught.value.path().read_bytes())
    assert check(data) == ()
    with zipfile.ZipFile(data) as file:
        assert any(name.startswith("pictures/0001_") for name in file.namelist())
    assert overheard.requests == []
    assert overheard.console == []
