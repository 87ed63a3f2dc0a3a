"""The export menu: files that are whole, noted, without names unless asked for, and a bundle that can be stopped."""

import os
import threading
import time
from datetime import UTC, datetime

import pytest
from streamlit.runtime.download_data_util import convert_data_to_bytes_and_infer_mime
from streamlit.testing.v1 import AppTest

from cxr_core.errors import StoreError
from cxr_core.export.bundle import check
from cxr_core.export.table import read_csv
from cxr_core.export.worklist import read_worklist
from cxr_core.records import FindingReview, Review
from cxr_core.takeout import queue_of
from cxr_core.triage import Policy
from tests.app.conftest import words
from training.reviews import parse
from ui import exports, state
from ui.bundling import Bundling, forget_old

SECRET = "Zebedee"
MENU = """
from datetime import UTC, datetime
from cxr_core.takeout import queue_of
from cxr_core.triage import Policy
from ui import exports, state

site = state.site()
queue = queue_of(site.store, site.screener.cards, "balanced", Policy(), datetime.now(UTC))
exports.export_menu(site, queue, queue.order.rows, "balanced")
"""


@pytest.fixture
def queue(models, stored):
    """A flagged film with a review, one that is not flagged, and a refused one."""
    keys = stored({f"{SECRET}.png": 250, "dim.png": 100, "broken.png": b"none"})
    said = Review("agree", SECRET, datetime.now(UTC), (FindingReview("Mass", "agree", None),), role="resident")
    state.store().save_review(keys[f"{SECRET}.png"], said)
    return queue_of(state.store(), models.cards, "balanced", Policy(), datetime.now(UTC))


def maker(queue, *, identity=False):
    return exports._Maker(state.site(), queue, queue.order.rows, "balanced", identity)


def menu(**session) -> AppTest:
    """The menu as a page would place it."""
    app = AppTest.from_string(MENU, default_timeout=60)
    for name, value in session.items():
        app.session_state[name] = value
    return app.run()


def test_each_file_is_whole_and_holds_what_it_says(queue, tmp_path):
    with maker(queue).flagged() as stream:
        assert len(read_csv(stream.read())) == 1
    with maker(queue).worklist() as stream:
        assert len(read_worklist(stream.read())) == 3
    with maker(queue).reviews() as stream:
        (tmp_path / "reviews.jsonl").write_bytes(stream.read())
    assert [item.truth() for item in parse(tmp_path / "reviews.jsonl")] == [{"Mass": 1}]
    with (tmp_path / "b.zip").open("wb") as stream:
        said = maker(queue).bundle(stream, lambda _: None)
    assert said == "3 films, 2 pictures, 1 reviews. 1 films have none; the manifest says why."
    assert check(tmp_path / "b.zip") == ()


@pytest.mark.parametrize("what", ["flagged", "worklist", "reviews"])
def test_a_name_leaves_only_where_it_is_asked_for(queue, what):
    with getattr(maker(queue), what)() as stream:
        assert SECRET.encode() not in stream.read()
    with getattr(maker(queue, identity=True), what)() as stream:
        assert SECRET.encode() in stream.read()


@pytest.mark.parametrize("what", ["flagged", "worklist", "reviews"])
def test_streamlit_takes_what_a_button_gives(queue, what):
    fault = AssertionError("Streamlit cannot send this")
    with getattr(maker(queue), what)() as stream:
        sent, _ = convert_data_to_bytes_and_infer_mime(stream, unsupported_error=fault)
    assert sent


def test_what_left_is_in_the_audit_trail_and_nothing_stays_on_the_disk(queue):
    maker(queue, identity=True).worklist().close()
    (row, *_), _ = state.store().audit(action="exported")
    assert dict(row.facts) == {"what": "worklist", "films": 3, "identity": True, "by": "page"}
    assert list((state.settings().data_dir / "exports").iterdir()) == []


def test_the_menu_names_every_file_and_makes_a_bundle(queue):
    app = menu()
    assert not app.exception
    labels = [item.proto.label for item in app.get("download_button")]
    assert labels == [
        "Flagged films shown (CSV, 1)",
        "The whole worklist (CSV, 3)",
        "Reviews for training (JSON lines)",
        "DICOM reports of the flagged films",
    ]
    app.button(key="export-make").click()
    app.run()
    assert not app.exception
    app.session_state["bundle"].wait()
    app.run()
    assert "3 films, 2 pictures, 1 reviews" in words(app)
    assert [item.proto.label for item in app.get("download_button")][-1] == "Download the bundle"
    assert len(list((state.settings().data_dir / "exports").glob("bundle-*.zip"))) == 1


def test_an_empty_worklist_offers_nothing(models):
    app = menu()
    assert not app.exception
    assert all(item.proto.disabled for item in app.get("download_button"))
    assert app.button(key="export-make").disabled


def test_too_many_pictures_for_a_browser_are_said(queue, monkeypatch):
    monkeypatch.setattr(exports, "MOST_PICTURES", 2)
    app = menu()
    assert "holds 2 films at most here" in words(app)
    assert not app.button


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "exports"
    made.mkdir()
    return made


def test_a_bundle_under_way_is_counted_and_stopped_and_leaves_nothing_behind(queue, folder):
    reached, go_on = threading.Event(), threading.Event()

    def write(stream, tell):
        stream.write(b"a part")
        tell(1)
        reached.set()
        go_on.wait(30)
        tell(2)
        raise AssertionError("it was not stopped")

    under_way = Bundling(write, folder, 3)
    assert reached.wait(30)
    assert (under_way.running, under_way.done) == (True, 1)
    app = menu(bundle=under_way)
    app.button(key="export-stop").click()
    app.run()
    go_on.set()
    under_way.wait()
    assert under_way.error == "It was stopped."
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("fault", [StoreError("the disk is full"), OSError(28, "No space left on device")])
def test_a_bundle_that_fails_says_why_and_leaves_nothing_behind(queue, folder, fault):
    def write(stream, _tell):
        stream.write(b"a part")
        raise fault

    under_way = Bundling(write, folder, 3)
    under_way.wait()
    app = menu(bundle=under_way)
    assert not app.exception
    assert "The bundle could not be made" in words(app)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_and_the_menu_stays(queue, monkeypatch):
    def full(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(exports, "_folder", full)
    app = menu()
    app.button(key="export-make").click()
    app.run()
    assert not app.exception
    assert "The disk is full" in words(app)


def test_bundles_of_an_hour_ago_are_forgotten(folder):
    old, new = folder / "bundle-old.zip", folder / "bundle-new.zip"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    forget_old(folder)
    assert not old.exists()
    assert new.exists()
