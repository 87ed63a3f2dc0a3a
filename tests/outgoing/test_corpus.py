"""The torture corpus leaves too: its presentation states, on the values in the file, show each film as it was read."""

import io

import numpy as np
import pydicom

from cxr_core.corpus import depths, encodings, greys, voi
from cxr_core.export.gsps import in_colour, presentation
from cxr_core.export.objects import finished
from cxr_core.outgoing.film import Film
from cxr_core.read import read
from cxr_core.read.dataset import layout_of, looks_like_dicom, parse
from cxr_core.read.decode import first_frame
from cxr_core.records import Box, Finding
from cxr_core.settings import Settings
from tests.export.results import result, screening

SETTINGS = Settings()
ROWS = [row for part in (greys, voi, depths) for row in part.rows()]
ROWS += [row for row in encodings.rows() if "frames" in row.file or "12-bit" in row.file]


def _grey(row, data) -> bool:
    """Whether a film is one that a grayscale state is for: read, and stored in grey."""
    if row.expected.refused or not looks_like_dicom(data):
        return False
    origin = Film(data, screening(), SETTINGS).origin
    return not in_colour(origin) and not origin.made


def _shown(state: pydicom.Dataset, stored: np.ndarray) -> np.ndarray:
    """What a viewer makes of stored values by the state alone, 0 to 1; the file has no say in it (PS3.4 N.2)."""
    values = stored.astype(float) * float(state.get("RescaleSlope", 1)) + float(state.get("RescaleIntercept", 0))
    (transform,) = state.SoftcopyVOILUTSequence
    if "VOILUTSequence" in transform:
        lut = transform.VOILUTSequence[0]
        count, first, bits = lut.LUTDescriptor
        table = np.frombuffer(lut.LUTData, "<u2") if isinstance(lut.LUTData, bytes) else np.array(lut.LUTData)
        greys = table[np.clip(np.round(values - first).astype(int), 0, (count or 65536) - 1)] / (2**bits - 1)
    else:
        centre, width = float(transform.WindowCenter), float(transform.WindowWidth)
        greys = np.clip((values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5, 0, 1)
    return 1 - greys if state.PresentationLUTShape == "INVERSE" else greys


def _off(row, data) -> str:
    """How a film's state shows something else than was read, or has its box elsewhere; empty if not."""
    film = read(data, row.file, SETTINGS)
    box = Box(film.width * 0.2, film.height * 0.3, film.width * 0.6, film.height * 0.7)
    made = screening(Finding("Effusion", 0.8, box))
    leaving = Film(data, made, SETTINGS)
    dataset = presentation(result(made), leaving.origin, leaving.curve())
    state = pydicom.dcmread(io.BytesIO(finished(dataset, result().told_at)))
    source = parse(data, SETTINGS)
    stored, _ = first_frame(source, layout_of(source, SETTINGS))
    worst = float(np.abs(_shown(state, stored) - film.pixels / 65535).max())
    points = np.array(state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData).reshape(-1, 2)
    moved = float(np.abs(np.array([*points.min(0), *points.max(0)]) - box.as_tuple()).max())
    return f"{row.file}: greys off by {worst:.3f}, box by {moved:.3f}" if worst > 0.01 or moved > 1e-3 else ""


def test_a_state_shows_each_film_as_it_was_read():
    films = ((row, row.make()) for row in ROWS)
    told = [_off(row, data) for row, data in films if _grey(row, data)]
    assert len(told) >= 60
    assert [text for text in told if text] == []
