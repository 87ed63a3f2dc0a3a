"""Screen: uploads become results one by one; what cannot be screened says why; what is known is recognised."""

import io
import threading
import time
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from cxr_core.phantom import as_dicom, as_png, phantom
from tests import fakes
from tests.app.conftest import ROOT, components, open_page, words
from ui import state


def send(app, *files):
    """Drop files and run on until their run has ended."""
    app.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files]).run()
    return finish(app)


def finish(app):
    for _ in range(1200):
        job = state.board().job(app.session_state["job"])
        if not job.running:
            break
        time.sleep(0.05)
    assert job.state == "done", job.error
    return app.run()


def rows(app) -> dict[str, dict]:
    return {row["name"]: row for part in components(app, "cxr_listing") for row in part["rows"]}


@pytest.fixture
def page(models):
    return open_page("pages/1_Screen.py")


def zipped(**files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"ward/{name}.img", data)
    return stream.getvalue()


def test_a_png_a_dicom_a_zip_and_a_broken_file_each_get_their_answer(page):
    small = phantom(3, height=128, width=128)
    app = send(
        page,
        ("bright.png", fakes.film(240)),
        ("no-extension", as_dicom(small)),
        ("two.zip", zipped(first=as_png(small), second=fakes.film(100))),
        ("broken.png", fakes.film(200)[:90]),
        ("notes.png", b"this is text"),
    )
    assert not app.exception
    assert set(rows(app)) == {
        "bright.png", "no-extension", "two.zip/ward/first.img", "two.zip/ward/second.img", "broken.png", "notes.png",
    }  # fmt: skip
    assert rows(app)["bright.png"]["lane"] == "urgent"
    assert rows(app)["notes.png"]["lane"] == "refused"
    assert "Send the film as DICOM, PNG, JPEG, TIFF or BMP" in rows(app)["notes.png"]["reasons"][0]
    assert rows(app)["broken.png"]["scores"] is None
    assert "<b>4</b> screened" in words(app)
    assert "<b>2</b> refused" in words(app)


def test_the_same_film_sent_again_is_known_by_its_bytes_and_not_by_its_name(page):
    app = send(page, ("first.png", fakes.film(240)))
    app = send(app, ("renamed.png", fakes.film(240)))
    assert "<b>1</b> known" in words(app)
    assert rows(app)["first.png"]["tags"][0] == "known"
    assert len(state.store().entries()) == 1


def test_the_same_film_twice_in_one_upload_becomes_one_entry(page):
    send(page, ("a.png", fakes.film(240)), ("b.png", fakes.film(240)))
    assert len(state.store().entries()) == 1


def test_the_uploader_is_emptied_and_nothing_is_left_of_the_upload(page):
    app = send(page, ("a.png", fakes.film(240)))
    assert app.file_uploader[0].value == []
    for _ in range(100):
        left = list((state.settings().data_dir / "incoming").iterdir())
        if not left:
            break
        time.sleep(0.02)
    assert left == []


def test_an_upload_beyond_the_limit_is_refused_as_a_whole(monkeypatch, models):
    monkeypatch.setenv("CXR_MAX_UPLOAD_MB", "1")
    app = open_page("pages/1_Screen.py")
    files = [(f"{n}.bin", b"\0" * 600_000, "") for n in range(2)]
    app.file_uploader[0].set_value(files).run()
    assert not app.exception
    assert "one upload may be at most 1 MB" in words(app)
    assert "job" not in app.session_state
    assert state.store().entries() == ()


def test_more_films_than_the_limit_are_left_out_and_counted(monkeypatch, models):
    monkeypatch.setenv("CXR_MAX_FILES", "3")
    app = send(open_page("pages/1_Screen.py"), *((f"{n}.png", fakes.film(100 + n)) for n in range(5)))
    assert "2 files were beyond the limit" in words(app)
    assert [entry.screening.status for entry in state.store().entries()] == ["screened"] * 3 + ["refused"] * 2


def test_sample_studies_are_labelled_synthetic(page):
    page.button[0].click().run()
    app = finish(page)
    entries = state.store().entries()
    assert len(entries) == 12
    assert all(entry.synthetic for entry in entries)
    assert all("synthetic" in row["tags"] for row in rows(app).values())


def test_a_page_that_is_reloaded_knows_its_run_by_the_address(page):
    page.button[0].click().run()
    token = state.board().job(page.session_state["job"]).token
    assert page.query_params["run"] in (token, [token])
    again = AppTest.from_file(str(ROOT / "pages/1_Screen.py"), default_timeout=60)
    again.query_params["run"] = token
    again.run()
    assert again.session_state["job"] == page.session_state["job"]
    assert "begun in another window" not in words(again)
    finish(again)


def test_a_run_of_somebody_else_is_shown_and_cannot_be_stopped(page, networks):
    held = threading.Event()
    answer = networks[0].run

    def slow(batch):
        assert held.wait(60)
        return answer(batch)

    networks[0].run = slow
    page.button[0].click().run()
    other = open_page("pages/1_Screen.py")
    assert "begun in another window" in words(other)
    assert "Stop" not in [button.label for button in other.button]
    assert "Stop" in [button.label for button in page.run().button]
    assert "job" not in other.session_state
    assert "run" not in other.query_params
    held.set()
    finish(page)


def test_a_run_can_be_stopped_and_keeps_what_it_has(page):
    page.button[0].click().run()
    job = state.board().job(page.session_state["job"])
    while not job.arrivals:
        time.sleep(0.02)
    stop = next(button for button in page.run().button if button.label == "Stop")
    stop.click().run()
    for _ in range(400):
        if not job.running:
            break
        time.sleep(0.05)
    app = page.run()
    assert job.state == "stopped"
    assert 0 < len(state.store().entries()) < 12
    assert "Stopped" in app.get("progress")[0].proto.text
