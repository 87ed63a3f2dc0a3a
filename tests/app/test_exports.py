"""The export menu of Review: a button a format, its file made when asked for, written into the audit trail."""

import io
import zipfile
from datetime import UTC, datetime

import pydicom
import pytest
from streamlit.testing.v1 import AppTest

from cxr_core.outgoing import Window
from cxr_core.phantom import as_dicom, phantom
from cxr_core.records import Notice, Screening
from tests import fakes
from tests.app.conftest import words
from ui import dicom_exports, state

FILM = as_dicom(phantom(5, height=100, width=120))
LABELS = list(dicom_exports._LABELS.values())


def menu(key: str) -> AppTest:
    """The opened menu of one film."""

    def script(key: str) -> None:
        from ui import dicom_exports, state  # noqa: PLC0415 - the script of a page stands alone

        site = state.site()
        dicom_exports.choices(site.store.entry(key), site)

    return AppTest.from_function(script, args=(key,), default_timeout=60).run()


def buttons(app: AppTest) -> dict[str, bool]:
    """Label -> whether it is switched off."""
    return {item.proto.label: item.proto.disabled for item in app.get("download_button")}


def test_a_film_has_every_format(stored):
    keys = stored({"a.dcm": FILM})
    app = menu(keys["a.dcm"])
    assert buttons(app) == dict.fromkeys(LABELS, False)
    assert "Research use only" in words(app)


def test_a_picture_says_that_it_gets_an_identity(stored):
    keys = stored({"a.png": fakes.film(240)})
    app = menu(keys["a.png"])
    assert not any(buttons(app).values())
    assert "derived from its content" in words(app)


def test_a_refused_film_has_its_report_and_no_picture(stored):
    stored({"a.png": fakes.film(240)})
    store = state.store()
    sha256 = store.add_film(FILM)
    store.save(Screening("b", sha256, "refused", refusal=Notice("lateral_view", "side")), datetime.now(UTC))
    off = buttons(menu(sha256))
    assert [label for label, disabled in off.items() if disabled] == [LABELS[1], LABELS[2]]


def test_the_file_behind_a_button_is_the_export_and_is_written_down(stored):
    keys = stored({"a.dcm": FILM, "b.png": fakes.film(240)})
    site = state.site()
    outgoing = dicom_exports._outgoing(site)
    data = dicom_exports._file(outgoing, site, keys["a.dcm"], "gsps", Window(0.1, 0.9))
    assert pydicom.dcmread(io.BytesIO(data)).Modality == "PR"
    zipped = dicom_exports._file(outgoing, site, keys["b.png"], "sr", None)
    names = zipfile.ZipFile(io.BytesIO(zipped)).namelist()
    assert names == [f"source-{keys['b.png'][:12]}.dcm", f"sr-{keys['b.png'][:12]}.dcm"]
    assert zipped == dicom_exports._file(outgoing, site, keys["b.png"], "sr", None)
    rows, total = site.store.audit(action="exported")
    assert total == 3
    assert {row.subject for row in rows} == set(keys.values())
    assert rows[-1].facts == {"formats": ["gsps"], "by": "page"}


def test_reports_of_many_films_say_what_is_missing(stored):
    keys = stored({"a.dcm": FILM})
    data = dicom_exports._reports((*keys.values(), "0" * 64), state.site())
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == [f"sr-{keys['a.dcm'][:12]}.dcm", "not-exported.txt"]
    assert "not in the worklist" in archive.read("not-exported.txt").decode()


@pytest.mark.parametrize("key", ["0" * 64])
def test_a_film_that_is_gone_is_told(stored, key):
    stored({"a.dcm": FILM})
    site = state.site()
    with pytest.raises(dicom_exports.CxrError, match="not in the worklist"):
        dicom_exports._outgoing(site).offered(key)
