"""From a store to files: every kind of film, the same bytes twice, boxes where they are in the film as received."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import highdicom
import numpy as np
import pydicom
import pytest

from cxr_core.card import thresholds_of
from cxr_core.detect import load_cards
from cxr_core.errors import NotExportable
from cxr_core.export import sr
from cxr_core.export.origin import PICTURE
from cxr_core.outgoing import FORMATS, Outgoing, Window, result_version
from cxr_core.outgoing.thresholds import site_thresholds
from cxr_core.phantom import as_dicom, as_png, phantom
from cxr_core.read import identify
from cxr_core.records import LABELS, Box, Finding, FindingReview, ImageFacts, Notice, Review, Screening, models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.export.peers import complaints, dumped
from tests.export.results import review, warnings

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WIDTH, HEIGHT = 200, 160
FILM = phantom(3, height=HEIGHT, width=WIDTH)
BOX = Box(20, 30, 90, 110)
CARDS = load_cards(Settings())
HIGH = {label: value + (1 - value) / 2 for label, value in thresholds_of(CARDS, "balanced").items()}


@pytest.fixture
def store(tmp_path):
    made = Store(Settings(data_dir=tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def outgoing(store, tmp_path):
    return Outgoing(store, Settings(data_dir=tmp_path / "data"))


def keep(store, data: bytes, *codes: str, source="dicom", size=(WIDTH, HEIGHT), refusal=None, flagged=("Effusion",)):
    """A film in the store with a screening made by hand, as the shipped models would sign it."""
    sha256 = store.add_film(data)
    scores = {label: HIGH[label] if label in flagged else 0.001 for label in LABELS}
    facts = {
        "identity": identify(data, Settings()),
        "image": ImageFacts(*size, "PA", source),
        "models": tuple(card.ref() for card in CARDS),
    }
    if refusal:
        made = Screening("a", sha256, "refused", refusal=Notice(refusal, "said in words"), **facts)
    else:
        found = tuple(Finding(label, 0.8, BOX) for label in flagged)
        made = Screening("a", sha256, "screened", scores=scores, findings=found, warnings=warnings(*codes), **facts)
    return store.save(made, AT)


def exported(outgoing, key, *formats, **more) -> dict[str, bytes]:
    return {made.format: made.data for made in outgoing.export(key, formats or FORMATS, **more).made}


def read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def without(data: bytes, **changes) -> bytes:
    dataset = read(data)
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


RGB = np.repeat((FILM >> 8).astype(np.uint8)[..., None], 3, axis=2)
BMP = cv2.imencode(".bmp", RGB)[1].tobytes()


def colour() -> bytes:
    dataset = read(as_dicom(FILM))
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelData = 7, RGB.tobytes()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    for keyword in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "PresentationLUTShape"):
        del dataset[keyword]
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


FILMS = {
    "dicom": lambda: (as_dicom(FILM), "dicom"),
    "monochrome1": lambda: (as_dicom(FILM, photometric="MONOCHROME1", bits=16), "dicom"),
    "png": lambda: (as_png(FILM), "png"),
    "png of 8 bits": lambda: (as_png(FILM, bits=8), "png"),
    "bmp": lambda: (BMP, "bmp"),
    "dicom without study": lambda: (without(as_dicom(FILM), StudyInstanceUID=None), "dicom"),
}


@pytest.mark.parametrize("kind", FILMS)
def test_every_format_of_every_kind_of_film_twice_the_same_and_without_error(kind, store, outgoing, tmp_path):
    data, source = FILMS[kind]()
    entry = keep(store, data, source=source)
    one, other = (outgoing.export(entry.key, FORMATS) for _ in range(2))
    assert one == other
    new = kind not in ("dicom", "monochrome1")
    assert [made.format for made in one.made] == (["source"] if new else []) + list(FORMATS)
    assert bool(one.notices) == new
    assert outgoing.offered(entry.key).new_identity == new
    films = {made.format: made for made in one.made if made.media_type == "application/dicom"}
    instance = films["source"].identifier if new else str(read(data).SOPInstanceUID)
    for made in films.values():
        assert complaints(made.data, tmp_path) == []
        assert made.identifier == read(made.data).SOPInstanceUID
        assert made.name == f"{made.format}-{entry.key[:12]}.dcm"
        assert made.format == "source" or instance in str(read(made.data))
    assert len({made.study_uid for made in films.values()}) == 1
    assert len({made.series_uid for made in films.values()}) == len(films)
    dumped(films["sr"].data, tmp_path)
    assert "SYNTHETIC^PHANTOM" not in str([(made.name, made.identifier) for made in one.made])


def test_the_box_round_a_mark_lies_round_it_in_a_film_that_came_upside_down(store, outgoing):
    """The gate turned it, the models saw it upright, the archive has it as it came: the box goes back there."""
    shown = np.full((HEIGHT, WIDTH), 20_000, np.uint16)
    shown[:40, :60] = 30_000  # not the same from all sides
    shown[30:110, 20:90] = 60_000
    data = as_dicom(np.ascontiguousarray(np.rot90(shown, 2)))
    entry = keep(store, data, "turned_180_mended")
    (group,) = highdicom.sr.srread(
        io.BytesIO(exported(outgoing, entry.key, "sr")["sr"])
    ).content.get_planar_roi_measurement_groups()
    x1, y1, x2, y2 = (int(value) for value in sr.box_of(group.roi).as_tuple())
    stored = read(data).pixel_array
    bright = stored == stored.max()
    assert bright[y1:y2, x1:x2].all()
    assert bright.sum() == (y2 - y1) * (x2 - x1)
    state = read(exported(outgoing, entry.key, "gsps")["gsps"])
    assert state.ImageRotation == 180
    assert state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData[:2] == [x1, y1]


def test_a_presentation_state_shows_what_was_shown(store, outgoing):
    """Window and polarity of the state, on the stored values: the greys that the reader judged by."""
    entry = keep(store, as_dicom(FILM, photometric="MONOCHROME1"))
    state = read(exported(outgoing, entry.key, "gsps", window=Window(0.2, 0.7))["gsps"])
    voi = state.SoftcopyVOILUTSequence[0]
    stored = read(store.film(entry.key)).pixel_array.astype(float)
    shown = np.clip((stored - (voi.WindowCenter - 0.5)) / (voi.WindowWidth - 1) + 0.5, 0, 1)
    assert state.PresentationLUTShape == "INVERSE"
    expected = np.clip((FILM / 65535 - 0.2) / 0.5, 0, 1)
    assert np.abs((1 - shown) - expected).max() < 0.01


def test_a_colour_film_has_all_but_a_grey_state(store, outgoing, tmp_path):
    entry = keep(store, colour())
    assert set(outgoing.offered(entry.key).not_possible) == {"gsps"}
    done = outgoing.export(entry.key, FORMATS)
    assert [made.format for made in done.made] == ["sr", "sc", "fhir", "hl7"]
    assert [notice.code for notice in done.notices] == ["not_exportable"]
    assert complaints(done.made[1].data, tmp_path) == []
    with pytest.raises(NotExportable, match="in colour"):
        outgoing.export(entry.key, ("gsps",))


def test_a_refused_film_leaves_with_its_refusal(store, outgoing, tmp_path):
    entry = keep(store, as_dicom(FILM), refusal="lateral_view")
    assert set(outgoing.offered(entry.key).not_possible) == {"gsps", "sc"}
    made = exported(outgoing, entry.key)
    assert set(made) == {"sr", "fhir", "hl7"}
    assert complaints(made["sr"], tmp_path) == []
    assert "lateral_view" in dumped(made["sr"], tmp_path)


def test_what_is_no_picture_leaves_nothing_and_says_why(store, outgoing):
    sha256 = store.add_film(b"a letter")
    store.save(Screening("a", sha256, "refused", refusal=Notice("not_an_image", "text")), AT)
    assert set(outgoing.offered(sha256).not_possible) == set(FORMATS)
    with pytest.raises(NotExportable, match="no picture"):
        outgoing.export(sha256, FORMATS)
    with pytest.raises(NotExportable, match="not in the worklist"):
        outgoing.export("0" * 64, FORMATS)
    with pytest.raises(NotExportable, match="formats are sr"):
        outgoing.export(sha256, ("pdf",))


def test_a_version_follows_screening_and_review_and_not_the_sliders(store, outgoing):
    entry = keep(store, as_dicom(FILM))
    first = outgoing.export(entry.key, ("hl7",))
    key = outgoing._key
    store.put_setting(f"thresholds/{key}", {"preset": "mine", "mine": dict.fromkeys(LABELS, 0.9999)})
    moved = outgoing.export(entry.key, ("hl7",))
    assert moved.version == first.version == result_version(entry)
    assert moved.made[0].identifier != first.made[0].identifier
    assert b"NOT_FLAGGED" in moved.made[0].data.split(b"60046008")[3]
    store.save_review(entry.key, review(FindingReview("Mass", "added", BOX)), of=entry.screening, expected=0)
    reviewed = outgoing.export(entry.key, ("hl7",), replaces={"hl7": moved.made[0].identifier})
    assert reviewed.version == result_version(store.entry(entry.key)) != first.version
    assert f"Replaces message {moved.made[0].identifier}".encode() in reviewed.made[0].data


def test_a_signed_review_keeps_the_thresholds_it_was_given_under(store, outgoing):
    entry = keep(store, as_dicom(FILM))
    given = Review("agree", "", AT, reader="Jane Roe", thresholds=dict.fromkeys(LABELS, 0.9999), preset="specific")
    store.save_review(entry.key, given, of=entry.screening, expected=0)
    bundle = json.loads(exported(outgoing, entry.key, "fhir")["fhir"])
    assert '"FLAGGED"' not in json.dumps(bundle)
    assert "0.9999" in json.dumps(bundle)


def test_a_study_is_found_by_its_uid_or_the_beginning_of_a_key(store, outgoing):
    one = keep(store, as_dicom(FILM))
    other = keep(store, as_png(FILM), source="png")
    assert outgoing.find(str(read(store.film(one.key)).StudyInstanceUID)) == (one.key,)
    assert outgoing.find(other.key[:10].upper()) == (other.key,)
    assert outgoing.find("%") == outgoing.find(one.key[:3]) == outgoing.find("ffff" * 3) == ()


def test_the_sites_thresholds_are_the_sliders_and_nonsense_falls_back():
    balanced = thresholds_of(CARDS, "balanced")
    assert site_thresholds(None, CARDS, "balanced") == ("balanced", balanced)
    assert site_thresholds({"preset": "specific"}, CARDS, "balanced") == ("specific", thresholds_of(CARDS, "specific"))
    mine = {"preset": "mine", "mine": {"Mass": 0.25, "Nodule": 7, "Effusion": "x"}}
    assert site_thresholds(mine, CARDS, "balanced") == ("mine", balanced | {"Mass": 0.25})
    assert site_thresholds({"preset": "mine", "mine": []}, CARDS, "balanced") == ("balanced", balanced)
    assert site_thresholds("?", CARDS, "balanced") == ("balanced", balanced)
    kept = {"preset": "night shift", "mine": {}, "values": dict.fromkeys(LABELS, 0.3)}
    assert site_thresholds(kept, CARDS, "balanced") == ("night shift", balanced | dict.fromkeys(LABELS, 0.3))
    assert site_thresholds(kept | {"values": {"Mass": 0.3}}, CARDS, "balanced") == ("balanced", balanced)


def test_what_earlier_models_screened_keeps_the_thresholds_that_the_site_had_for_them(store, outgoing):
    entry = keep(store, as_dicom(FILM))
    earlier = tuple(replace(ref, sha256="00" * 32) for ref in entry.screening.models)
    other = store.add_film(as_dicom(FILM, seed=1))
    old = store.save(replace(entry.screening, sha256=other, models=earlier), AT)
    store.put_setting(f"thresholds/{models_key(earlier)}", {"preset": "mine", "values": dict.fromkeys(LABELS, 0.77)})
    assert "0.77" in exported(outgoing, old.key, "hl7")["hl7"].decode()
    assert "0.77" not in exported(outgoing, entry.key, "hl7")["hl7"].decode()


def test_a_picture_says_that_its_identity_was_made(store, outgoing):
    entry = keep(store, as_png(FILM), source="png")
    done = outgoing.export(entry.key, ("sr",))
    assert done.notices == (PICTURE,)
    assert hashlib.sha256(as_png(FILM)).hexdigest()[:12].upper() in str(read(done.made[0].data).PatientID)


def test_a_box_outside_the_film_is_an_error_of_this_film_alone(store, outgoing):
    entry = keep(store, as_dicom(FILM))
    outside = replace(entry.screening, findings=(Finding("Effusion", 0.8, Box(500, 500, 600, 600)),))
    store.save(outside, AT)
    done = outgoing.export(entry.key, ("sc", "sr"))
    assert [made.format for made in done.made] == ["sc"]
    assert "outside the film" in done.notices[0].message
