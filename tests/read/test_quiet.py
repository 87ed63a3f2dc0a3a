"""Nothing of a foreign reader gets out: no warning, no log line, no quotation of a header."""

import logging
import struct
import threading
import traceback
import warnings

import cv2
import pytest
from PIL import Image
from pydicom import uid

from cxr_core.errors import DamagedImage, Refusal, StoreError, TooLarge
from cxr_core.read import read
from cxr_core.read.quiet import contain, quiet
from tests.read.films import SETTINGS, dataset, film, saved

SECRET = "DOE^JANE-0815"


def test_a_foreign_error_leaves_no_trace():
    def fails():
        raise KeyError(SECRET)

    with pytest.raises(DamagedImage) as caught:
        contain(fails, "It is broken.")
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert str(error) == "It is broken."
    assert SECRET not in "".join(traceback.format_exception(error))


def test_a_refusal_passes_and_want_of_memory_is_said():
    def refuses():
        raise TooLarge("too large")

    def starves():
        raise MemoryError

    with pytest.raises(TooLarge, match=r"^too large$"):
        contain(refuses, "It is broken.")
    with pytest.raises(TooLarge, match="memory"):
        contain(starves, "It is broken.")


@pytest.mark.parametrize("kind", [Image.DecompressionBombError, cv2.error, type("New", (Exception,), {})])
def test_any_exception_of_a_decoder_becomes_a_refusal(kind):
    """Some have no parent but Exception, and one odd file must not end the run of the others."""

    def fails():
        raise kind(SECRET)

    with pytest.raises(DamagedImage) as caught:
        contain(fails, "It is broken.")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_wish_to_stop_is_not_contained():
    def stops():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        contain(stops, "It is broken.")


def test_our_own_errors_pass_as_they_are():
    def fails():
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="disk"):
        contain(fails, "It is broken.")


def test_foreign_words_are_muted_inside_and_heard_again_outside(caplog):
    with quiet():
        warnings.warn(SECRET, UserWarning, stacklevel=1)
        logging.getLogger("pydicom").warning(SECRET)
        with quiet():
            warnings.warn(SECRET, UserWarning, stacklevel=1)
    assert SECRET not in caplog.text
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
    logging.getLogger("pydicom").warning("heard")
    assert "heard" in caplog.text


def test_threads_share_the_silence_and_the_last_one_ends_it():
    inside, leave = threading.Barrier(5), threading.Event()

    def reads():
        with quiet():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=reads) for _ in range(4)]
    before = warnings.filters[:]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert logging.getLogger("pydicom").disabled
    leave.set()
    for thread in threads:
        thread.join()
    assert not logging.getLogger("pydicom").disabled
    assert warnings.filters == before


def _labelled():
    """Films whose every text attribute holds a name, some of them where only a number or a code may stand."""
    plain = film()
    texts = {
        "PatientName": SECRET, "PatientID": SECRET, "InstitutionName": SECRET, "StudyDescription": SECRET,
        "ImageComments": SECRET, "OperatorsName": SECRET,
    }  # fmt: skip
    for broken in (
        {},
        {"PixelData": None},
        {"Rows": None},
        {"Modality": "CT"},
        {"Modality": SECRET},
        {"ViewPosition": SECRET},
        {"PhotometricInterpretation": SECRET},
        {"PresentationLUTShape": SECRET},
        {"VOILUTFunction": SECRET},
        {"SOPClassUID": SECRET},
        {"SpecificCharacterSet": SECRET},
        {"BitsAllocated": 32},
    ):
        yield saved(dataset(plain, **texts, **broken))
    for keyword in ("WindowCenter", "RescaleSlope", "NumberOfFrames"):
        made = dataset(plain, **texts)
        body = SECRET.encode() + b" "
        data = saved(made)
        at = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
        tag = {"WindowCenter": (0x28, 0x1050), "RescaleSlope": (0x28, 0x1053), "NumberOfFrames": (0x28, 0x8)}[keyword]
        vr = b"IS" if keyword == "NumberOfFrames" else b"DS"
        element = struct.pack("<HH2sH", *tag, vr, len(body)) + body
        yield data[:at] + element + data[at:]
    made = dataset(plain, **texts)
    made.file_meta.ImplementationVersionName = SECRET
    yield saved(made)[:-500]
    yield saved(dataset(plain, **texts), uid.JPEG2000Lossless)[:-500]


@pytest.mark.parametrize("data", list(_labelled()))
def test_no_patient_text_in_messages_warnings_logs_or_tracebacks(data, caplog, capfd):
    assert SECRET.encode() in data
    caplog.set_level(logging.DEBUG)
    try:
        said = repr(read(data, "film", SETTINGS).warnings)
    except Refusal as refusal:
        said = "".join(traceback.format_exception(refusal, chain=True)) + refusal.message
    captured = capfd.readouterr()
    assert SECRET not in said + caplog.text + captured.out + captured.err
