"""The refused lane in a real browser: what stands there, and a clinician's word that has a film screened anyway."""

import io

import pydicom
import pytest

from cxr_core.phantom import as_dicom, phantom
from tests.browser.conftest import free_port, go, run_ended, settle, start, stop

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.fixture
def lateral(tmp_path):
    """A film whose file says that it was taken from the side."""
    made = pydicom.dcmread(io.BytesIO(as_dicom(phantom(31, height=256, width=256), seed=31)))
    made.ViewPosition = "LL"
    made.save_as(tmp_path / "side.dcm")
    return str(tmp_path / "side.dcm")


def test_a_refused_film_is_explained_and_screened_on_request(tmp_path, new_page, overheard, lateral):
    (tmp_path / "site").mkdir()
    app = start(tmp_path / "site" / "data", free_port())
    try:
        page = new_page()
        page.goto(app.url)
        settle(page)
        go(page, "Screen")
        page.locator('input[type="file"]').set_input_files(lateral)
        run_ended(page)
        go(page, "Worklist")
        page.locator('.row[data-lane="refused"]').wait_for()
        page.get_by_text("Refused: 1, why and what to do").click()
        card = page.locator(".cxr-refusal")
        card.wait_for()
        assert "lateral_view" in card.inner_text()
        assert "Send the frontal film" in card.inner_text()
        page.get_by_role("button", name="Screen it anyway").click()
        row = page.locator('.row:not([data-lane="refused"])')
        row.wait_for()
        settle(page)
        assert page.get_by_text("Refused: 1").count() == 0
        assert "refused at first" in row.inner_text()
        assert overheard.requests == []
        assert overheard.console == []
    finally:
        stop(app)
