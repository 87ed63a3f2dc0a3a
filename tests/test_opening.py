"""Opening films: in a thread or in a process the same, and a film that kills its reader is refused alone."""

import numpy as np
import pytest
from pydicom import uid

from cxr_core import opening
from cxr_core.card import InputSpec
from cxr_core.opening import Opened, Opener, Unread, open_film
from cxr_core.prepare import prepare
from cxr_core.read import digest, read
from cxr_core.settings import Settings
from tests.read.films import dicom, film

SPECS = (InputSpec(32, 64), InputSpec(48, 48))
DATA = dicom(film(), PatientName="Doe^Jane", PatientID="4711")


def opened(settings, data=DATA, count=1):
    opener = Opener(SPECS, settings, 1)
    try:
        return [opener(data, "a.dcm", digest(data)) for _ in range(count)]
    finally:
        opener.close()


def check(said):
    radiograph = read(DATA, "a.dcm", Settings())
    assert isinstance(said, Opened)
    assert (said.facts.width, said.facts.height, said.identity) == (80, 96, radiograph.identity)
    for (view, placement), spec in zip(said.views, SPECS, strict=True):
        (expected,), (place,) = prepare((radiograph,), spec)
        np.testing.assert_array_equal(view, expected)
        assert placement == place


def test_a_thread_and_a_process_open_a_film_alike():
    check(open_film(DATA, "a.dcm", digest(DATA), SPECS, Settings()))
    (outside,) = opened(Settings(processes_from=0))
    check(outside)


def test_a_refused_film_still_tells_whose_it_is():
    said = open_film(dicom(film(), Modality="CT", PatientID="4711"), "a", "0" * 64, SPECS, Settings())
    assert isinstance(said, Unread)
    assert (said.refusal.code, said.identity.patient_id) == ("not_a_radiograph", "4711")
    assert open_film(b"no film", "a", "0" * 64, SPECS, Settings()).identity is None


def test_a_few_films_start_no_process(monkeypatch):
    monkeypatch.setattr(opening, "Outside", forbidden)
    for said in opened(Settings(processes_from=3), count=3):
        check(said)
    with pytest.raises(AssertionError):
        opened(Settings(processes_from=3), count=4)


def forbidden(*_arguments, **_facts):
    raise AssertionError("a process was started")


def test_one_process_is_kept_for_films_whose_decoder_might_crash(monkeypatch):
    monkeypatch.setattr(opening, "_spares", {})
    data = dicom(film(), syntax=uid.JPEGLSLossless)
    first, second = opened(Settings(), data, count=2)
    assert isinstance(first, Opened)
    assert isinstance(second, Opened)
    (spare,) = opening._spares.values()
    assert opened(Settings(), data)[0].facts == first.facts
    assert list(opening._spares.values()) == [spare]
    monkeypatch.setattr(opening, "Outside", forbidden)
    check(opened(Settings())[0])  # no compression: opened here


def with_a_decoder_that_aborts(*arguments):
    """Opens films in a process whose JPEG-LS decoder ends it, as a broken stream made one do."""
    import os  # noqa: PLC0415
    from unittest import mock  # noqa: PLC0415

    from cxr_core.read import decode  # noqa: PLC0415

    broken = {**decode.STREAMS, uid.JPEGLSLossless: (decode.STREAMS[uid.JPEGLSLossless][0], lambda _: os.abort())}
    with mock.patch.object(decode, "STREAMS", broken):
        return open_film(*arguments)


def test_a_decoder_that_aborts_costs_its_film_alone_from_the_first_one_on(monkeypatch):
    with_a_decoder_that_aborts.__module__ = "tests.test_opening"
    monkeypatch.setattr(opening, "_spares", {})
    monkeypatch.setattr(opening, "open_film", with_a_decoder_that_aborts)
    crashing, sound = (dicom(film(), syntax=syntax) for syntax in (uid.JPEGLSLossless, uid.JPEGLosslessSV1))
    opener = Opener(SPECS, Settings(), 1)
    said = [opener(data, "a.dcm", digest(data)) for data in (crashing, DATA, sound, crashing, sound)]
    assert [getattr(item, "refusal", None) and item.refusal.code for item in said] == [
        "reader_failed", None, None, "reader_failed", None,
    ]  # fmt: skip
    opener.close()


def hang(*_arguments):
    """Stands in for a decoder that never ends, in the process."""
    while True:
        pass


def crash(*_arguments):
    """Stands in for a decoder that aborts."""
    import os  # noqa: PLC0415

    os.abort()


@pytest.mark.parametrize(("way", "seconds", "said"), [(hang, 1, "longer than 1 s"), (crash, 200, "broke down")])
def test_a_film_that_kills_its_reader_is_refused_without_its_name(monkeypatch, way, seconds, said, caplog):
    way.__module__ = "tests.test_opening"
    monkeypatch.setattr(opening, "open_film", way)
    (lost,) = opened(Settings(processes_from=0, film_seconds=seconds))
    assert lost.refusal.code == "reader_failed"
    assert said in lost.refusal.message
    assert "a.dcm" not in caplog.text + lost.refusal.message


def test_where_no_process_can_be_started_the_thread_opens_the_film(monkeypatch):
    real = opening.open_film

    def elsewhere(*arguments):
        return real(*arguments)

    elsewhere.__module__ = "no.such.module"
    monkeypatch.setattr(opening, "open_film", elsewhere)
    (said,) = opened(Settings(processes_from=0))
    check(said)
