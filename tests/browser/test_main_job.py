"""The main job from end to end: films in, rows out, a threshold moved, a table downloaded, a film read and judged."""

import io
import zipfile

import pytest
from playwright.sync_api import expect

from cxr_core.export.table import read_csv
from cxr_core.phantom import as_dicom, as_png, phantom
from cxr_core.records import LABELS
from tests.browser.conftest import free_port, go, order, run_ended, set_slider, settle, slider, start, stop
from ui.frame import NOTICE

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A site of its own: these tests count rows, and other tests' films would stand among them."""
    running = start(tmp_path_factory.mktemp("main-job") / "data", free_port())
    yield running
    stop(running)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A PNG, a DICOM without extension, a zip of two, and a broken PNG."""
    folder = tmp_path_factory.mktemp("films")
    films = [phantom(seed, height=320, width=320, signs=signs) for seed, signs in
             ((11, ()), (12, ("opacity",)), (13, ("effusion", "cardiomegaly")), (14, ("pneumothorax",)))]  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inner/three.png", as_png(films[2]))
        archive.writestr("inner/four.dcm", as_dicom(films[3], seed=4))
    contents = {
        "one.png": as_png(films[0]),
        "two": as_dicom(films[1], photometric="MONOCHROME1", seed=2),
        "pair.zip": stream.getvalue(),
        "broken.png": as_png(films[0])[:300],
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


@pytest.fixture
def page(app, new_page, files):
    """Home, with the four films and the broken one screened (known from the second test on)."""
    page = new_page()
    page.goto(app.url)
    settle(page)
    go(page, "Screen")
    page.locator('input[type="file"]').set_input_files(files)
    run_ended(page)
    return page


def test_each_upload_gets_its_answer(page, overheard):
    text = " ".join(page.locator('[data-testid="stMain"]').inner_text().split())
    assert page.locator(".row").count() == 5
    assert "1 refused" in text
    refused = page.locator('.row[data-lane="refused"]')
    assert "broken.png" in refused.inner_text()
    assert NOTICE in text
    assert overheard.requests == []
    assert overheard.console == []


def test_a_second_upload_of_the_same_films_is_recognised(page, files):
    page.locator('input[type="file"]').set_input_files(files[0])
    page.locator(".row").nth(1).wait_for(state="detached")
    run_ended(page)
    assert "1 known" in " ".join(page.locator('[data-testid="stMain"]').inner_text().split())


def test_a_slider_changes_flags_and_ranks_and_the_csv_agrees(page, overheard):
    go(page, "Worklist")
    slider(page, LABELS[-1]).wait_for(state="attached")
    settle(page)
    assert page.locator('input[type="range"]').count() == len(LABELS)
    for label in LABELS:
        set_slider(page, label, "End")
    page.locator('.row[data-flagged=""]').nth(4).wait_for()
    before = order(page)
    expect(page.get_by_role("button", name="Download flagged CSV")).to_be_disabled()
    # Everything but one class stays out of the way: the order must follow that class's scores alone.
    set_slider(page, "Nodule", "Home")
    page.locator('.row[data-flagged="Nodule"]').nth(3).wait_for()
    settle(page)
    after = order(page)
    assert sorted(after) == sorted(before)
    assert after[-1] == "broken.png" or after != before
    with page.expect_download() as download:
        page.get_by_role("button", name="Download flagged CSV").click()
    table = read_csv(download.value.path().read_bytes())
    assert [row.file for row in table] == [name for name in after if name != "broken.png"]
    assert {row.labels["Nodule"].threshold for row in table} == {0.0}
    assert all(row.flagged == ("Nodule",) for row in table)
    scores = [row.labels["Nodule"].score for row in table]
    assert scores == sorted(scores, reverse=True)
    assert overheard.requests == []
    assert overheard.console == []


def test_filters_decide_what_is_downloaded(page):
    go(page, "Worklist")
    set_slider(page, "Mass", "Home")
    page.locator('.row[data-flagged*="Mass"]').nth(3).wait_for()
    page.get_by_label("File, patient ID, accession").fill("inner/")
    page.get_by_label("File, patient ID, accession").press("Enter")
    page.get_by_text("3 of 5 films are hidden by the filters").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download flagged CSV").click()
    assert {row.file for row in read_csv(download.value.path().read_bytes())} == {
        "pair.zip/inner/three.png",
        "pair.zip/inner/four.dcm",
    }


def test_thresholds_and_films_survive_a_restart(tmp_path, new_page, files):
    port = free_port()
    first = start(tmp_path / "data", port)
    try:
        page = new_page()
        page.goto(first.url)
        go(page, "Screen")
        page.locator('input[type="file"]').set_input_files(files[0])
        run_ended(page)
        go(page, "Worklist")
        set_slider(page, "Effusion", "End")
        page.locator(".st-key-class_effusion").get_by_text("spec \u2265").wait_for()  # the server has heard of it
        settle(page)
    finally:
        stop(first)
    second = start(tmp_path / "data", port)
    try:
        page = new_page()
        page.goto(second.url)
        go(page, "Worklist")
        page.locator(".row").wait_for()
        assert order(page) == ["one.png"]
        assert slider(page, "Effusion").input_value() == "1"
    finally:
        stop(second)


def test_two_sessions_at_once_each_keep_their_place(app, page, new_page):
    other = new_page()
    other.goto(app.url)
    go(other, "Review")
    go(page, "Review")
    viewer = '.viewer[data-ready="true"]'
    page.locator(viewer).wait_for()
    other.locator(viewer).wait_for()
    first = other.locator(".viewer").get_attribute("data-film")
    page.keyboard.press("j")
    page.get_by_text("2 of 5").wait_for()
    settle(page)
    assert other.locator(".viewer").get_attribute("data-film") == first
