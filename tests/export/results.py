"""Results and films for the tests of exporters: hand-made, small, and drawn by hypothesis."""

import io
from datetime import UTC, datetime

import pydicom
from hypothesis import strategies as st

from cxr_core.export.origin import Origin, origin_of_dicom
from cxr_core.export.result import Result
from cxr_core.gate.mend import MENDS
from cxr_core.phantom import as_dicom, phantom
from cxr_core.records import (
    LABELS,
    Assessment,
    Box,
    Finding,
    FindingReview,
    ImageFacts,
    ModelRef,
    Notice,
    Review,
    Screening,
)

WIDTH, HEIGHT = 320, 256
SHA256 = "5e" * 32
AT = datetime(2026, 11, 21, 16, 0, 0, tzinfo=UTC)
COVID_SSD = ModelRef("covid_ssd", "1.0", "c0" * 32)
NIH_SSD = ModelRef("nih_ssd", "1.0+abc", "9a" * 32)
SPEAKERS = dict.fromkeys(LABELS, NIH_SSD) | {"COVID-19": COVID_SSD}
HALF = dict.fromkeys(LABELS, 0.5)
FLAGGED = Box(10.5, 20.25, 100, 200)
UNDER = Box(0, 0, 30, 40)

PHANTOM = phantom(1, height=HEIGHT, width=WIDTH)
"""Greys of the film that all tests share."""


def film(**facts) -> bytes:
    """A DX of the shared phantom."""
    return as_dicom(PHANTOM, **facts)


def header(**changes) -> pydicom.Dataset:
    """The header of a DX as read from a file, with attributes changed, or removed where None."""
    dataset = pydicom.dcmread(io.BytesIO(film()))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return pydicom.dcmread(io.BytesIO(out.getvalue()), stop_before_pixels=True)


def origin(**changes) -> Origin:
    return origin_of_dicom(header(**changes), SHA256)


def warnings(*codes: str) -> tuple[Notice, ...]:
    return tuple(Notice(code, f"{code} said in words") for code in codes)


def screening(*findings: Finding, codes: tuple[str, ...] = (), **scores: float) -> Screening:
    """A screened film of the phantom's size; scores are 0.1 unless told."""
    found = findings or (Finding("Effusion", 0.8, FLAGGED), Finding("Mass", 0.2, UNDER))
    return Screening(
        file="ward/a.dcm",
        sha256=SHA256,
        status="screened",
        warnings=warnings(*codes),
        image=ImageFacts(WIDTH, HEIGHT, "PA", "dicom"),
        models=(COVID_SSD, NIH_SSD),
        scores=dict.fromkeys(LABELS, 0.1) | {"Effusion": 0.9} | scores,
        findings=found,
    )


def result(made: Screening | None = None, **facts) -> Result:
    """A result at thresholds of one half."""
    made = made or screening()
    flagged = tuple(label for label, score in made.scores.items() if score >= 0.5)
    lane = "soon" if flagged else "routine"
    given = {
        "key": SHA256,
        "screening": made,
        "assessment": Assessment(flagged, lane, 0.6 if flagged else 0.1, ("Effusion: above.",) if flagged else ("-",)),
        "thresholds": HALF,
        "preset": "balanced",
        "received_at": AT,
        "screened_at": AT,
        "speakers": SPEAKERS,
    }
    return Result(**(given | facts))


def refused() -> Result:
    told = Notice("lateral_view", "The film is a lateral view.")
    made = Screening("ward/a.dcm", SHA256, "refused", refusal=told, image=ImageFacts(WIDTH, HEIGHT, None, "dicom"))
    return result(made, assessment=Assessment((), "check", 0.3, ("Not screened.",)))


def review(*findings: FindingReview, **facts) -> Review:
    said = {"decision": "disagree", "comment": "", "reviewed_at": AT, "reader": "Jane Roe", "version": 1}
    return Review(findings=findings, **(said | facts))


@st.composite
def boxes(draw, width: int = WIDTH, height: int = HEIGHT) -> Box:
    """A box of half a pixel or more within the film; corners may lie between pixels."""
    x1, y1 = draw(st.floats(0, width - 1)), draw(st.floats(0, height - 1))
    x2, y2 = draw(st.floats(x1 + 0.5, width)), draw(st.floats(y1 + 0.5, height))
    return Box(x1, y1, x2, y2)


@st.composite
def results(draw) -> Result:
    """Any boxes, any mends, any flags, and perhaps a reader who speaks of some of it."""
    codes = tuple(code for code in MENDS if draw(st.booleans()))
    turned = sum(code in ("turned_90_mended", "turned_270_mended") for code in codes) % 2
    size = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    one = st.builds(Finding, st.sampled_from(LABELS), st.floats(0.05, 1.0), boxes(*size))
    findings = draw(st.lists(one, max_size=4))
    made = screening(*findings, codes=codes, **{label: draw(st.sampled_from([0.2, 0.7])) for label in LABELS[:3]})
    said = [
        FindingReview(item.label, "agree", draw(boxes(*size)), item.box, item.score)
        if draw(st.booleans())
        else FindingReview(item.label, "disagree", None, item.box, item.score)
        for item in findings[:2]
    ]
    said += [
        FindingReview(draw(st.sampled_from(LABELS)), "added", box) for box in draw(st.lists(boxes(*size), max_size=1))
    ]
    about = draw(st.none() | st.just(review(*said)))
    return result(made, review=about, every_box=draw(st.booleans()))
