"""Films with frames around them, films that lie wrong, and pictures that are no chest film at all.

A reader of bytes takes them all. What a gate behind it should say is a second outcome: a set of codes of which it gives
one, as a refusal or as a warning. Shutters: PS3.3 C.7.6.11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.corpus.row import Expected, Greys, Row
from cxr_core.corpus.samples import changed, dataset, dicom, film, plain, saved
from cxr_core.phantom import phantom

_Field = tuple[int, int, int, int] | None
_Plane = npt.NDArray[np.uint8]
_SIZE = (640, 512)
_COLLIMATOR = {
    "CollimatorShape": "RECTANGULAR",
    "CollimatorLeftVerticalEdge": 20,
    "CollimatorRightVerticalEdge": 230,
    "CollimatorUpperHorizontalEdge": 20,
    "CollimatorLowerHorizontalEdge": 300,
}
_CIRCLE = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [160, 128], "RadiusOfCircularShutter": 120}
_POLYGON = {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [10, 10, 10, 240, 300, 240, 300, 10]}
_FOREIGN = ("not_a_chest_radiograph", "unlike_films")
_TURNED = ("turned_180_mended", "turned_90_mended", "turned_270_mended", "may_be_turned", *_FOREIGN)
_MIRRORED = ("mirrored_mended", "may_be_mirrored", *_FOREIGN)
_NEGATIVE = ("inverted_by_pixels", "may_be_inverted", *_FOREIGN)
_CUT = ("lungs_cut_off", *_FOREIGN)


def rows() -> Iterator[Row]:
    """Shutters and borders, then films that lie wrong, then what is no film."""
    yield from _fields()
    yield from _lying()
    yield from _foreign()


def _png(pixels: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())


def _fields() -> Iterator[Row]:
    hard = "the frame is shown, and must not weigh in a measure of the film"
    tags: tuple[tuple[str, str, dict[str, Any], _Field], ...] = (
        (
            "rectangular",
            "a rectangular shutter",
            {"ShutterShape": "RECTANGULAR", **_edges(20, 230, 20, 300)},
            (19, 19, 230, 300),
        ),
        ("circular", "a circular shutter", _CIRCLE, (7, 39, 248, 280)),
        ("polygonal", "a polygonal shutter", _POLYGON, (9, 9, 240, 300)),
        (
            "inside-out",
            "a shutter whose right edge is left of its left one",
            {"ShutterShape": "RECTANGULAR", **_edges(230, 20, 300, 20)},
            None,
        ),
        (
            "outside",
            "a shutter beside the film",
            {"ShutterShape": "RECTANGULAR", **_edges(5000, 6000, 5000, 6000)},
            None,
        ),
        (
            "all-closed",
            "a shutter that leaves no pixel",
            {"ShutterShape": "RECTANGULAR", **_edges(100, 100, 100, 100)},
            None,
        ),
        ("empty", "a shutter without edges", {"ShutterShape": "RECTANGULAR"}, None),
        ("unknown", "a shutter of the shape BITMAP", {"ShutterShape": "BITMAP"}, None),
        ("of-the-collimator", "a rectangular collimator, no shutter", _COLLIMATOR, (19, 19, 230, 300)),
    )
    for name, what, given, field in tags:
        make = partial(_shuttered, given)
        yield Row(f"fields/shutter-{name}.dcm", what, hard, Expected(pixels=plain, field=field), make)
    for name, value in (("black", 0), ("white", 4095)):
        what, expected = (
            f"a {name} border, a sixth of the film wide",
            Expected(pixels=partial(_bordered, value), field=(41, 52, 215, 268)),
        )
        yield Row(f"fields/border-{name}.dcm", what, hard, expected, partial(_border, value))
    what, expected = (
        "collimated by blades that stand askew",
        Expected(pixels=lambda: _shown(_slanted()), field=(24, 19, 242, 302)),
    )
    yield Row("fields/collimated-slanted.dcm", what, hard, expected, lambda: dicom(_slanted()))


def _edges(left: int, right: int, upper: int, lower: int) -> dict[str, int]:
    return {
        "ShutterLeftVerticalEdge": left,
        "ShutterRightVerticalEdge": right,
        "ShutterUpperHorizontalEdge": upper,
        "ShutterLowerHorizontalEdge": lower,
    }


def _shuttered(given: dict[str, Any]) -> bytes:
    return saved(changed(dataset(film()), **given))


def _framed(value: int) -> npt.NDArray[np.uint16]:
    stored = np.full(film().shape, value, np.uint16)
    stored[53:267, 42:214] = film()[53:267, 42:214]
    return stored


def _shown(stored: npt.NDArray[np.uint16]) -> Greys:
    return np.round(stored / 4095 * 65535).astype(np.uint16)


def _bordered(value: int) -> Greys:
    return _shown(_framed(value))


def _border(value: int) -> bytes:
    return dicom(_framed(value))


def _slanted() -> npt.NDArray[np.uint16]:
    mask = np.zeros(film().shape, np.uint8)
    cv2.fillPoly(mask, [np.array([[40, 20], [240, 35], [225, 300], [25, 285]], np.int32)], 1)
    return np.asarray(film() * mask, np.uint16)


def _large() -> Greys:
    return phantom(9, height=_SIZE[0], width=_SIZE[1])


def _same(change: Callable[[Greys], Greys]) -> Greys:
    return np.ascontiguousarray(change(_large()))


def _changed(change: Callable[[Greys], Greys]) -> bytes:
    return _png(_same(change))


def _lying() -> Iterator[Row]:
    changes: tuple[tuple[str, str, Callable[[Greys], Greys], tuple[str, ...]], ...] = (
        ("upright", "the film as it should lie", lambda pixels: pixels, ()),
        ("upside-down", "the film upside down", lambda pixels: np.rot90(pixels, 2), _TURNED),
        ("on-its-side", "the film on its side", np.rot90, _TURNED),
        ("mirrored", "the film mirrored", np.fliplr, _MIRRORED),
        ("inverted", "the film as a negative", lambda pixels: 65535 - pixels, _NEGATIVE),
        ("cut-off", "the upper third of the film", lambda pixels: pixels[:210], _CUT),
        ("corner", "a quarter of the film", lambda pixels: pixels[:320, :256], _CUT),
        ("dark", "the film in the lowest 2% of the range", lambda pixels: pixels // 50, ()),
        (
            "washed-out",
            "the film in the highest 10% of the range",
            lambda pixels: (pixels // 10) + np.uint16(58000),
            (),
        ),
    )
    for name, what, change, gate in changes:
        hard = "read right, and still not what the models know"
        pixels = None if name in ("dark", "washed-out") else partial(_same, change)
        said = ("range_stretched",) if pixels is None else ()
        expected = Expected(warnings=said, pixels=pixels, gate=gate)
        yield Row(f"lying/{name}.png", what, hard, expected, partial(_changed, change))
    for orientation, code in (("L\\F", ""), ("R\\F", "orientation_doubtful"), ("R\\H", "orientation_doubtful")):
        expected = Expected(pixels=plain, gate=(code,) if code else ())
        slug, make = orientation.replace("\\", "-").lower(), partial(_oriented, orientation)
        hard = "entries alone turn no film: viewers turn the picture and leave them"
        yield Row(f"lying/orientation-{slug}.dcm", f"Patient Orientation {orientation}", hard, expected, make)
    for age, code in (("008Y", "child"), ("011M", "child"), ("003W", "child"), ("044Y", "")):
        expected = Expected(pixels=plain, gate=(code,) if code else ())
        hard, make = "the models were trained on adults", partial(dicom, film(), PatientAge=age)
        yield Row(f"lying/age-{age.lower()}.dcm", f"Patient's Age {age}", hard, expected, make)


def _oriented(orientation: str) -> bytes:
    return dicom(film(), PatientOrientation=orientation.split("\\"))


def _foreign() -> Iterator[Row]:
    painters: tuple[tuple[str, str, Callable[[], _Plane]], ...] = (
        ("photograph", "a landscape in grey, as code can paint it", _photograph),
        ("drawing", "a line drawing on white", _drawing),
        ("screenshot", "a desktop with windows and text", _screenshot),
        ("page", "a page of text", _page),
        ("chart", "a bar chart", _chart),
        ("noise", "noise", _noise),
        ("ramp", "a slope of greys", _ramp),
        ("squares", "a chess board", _squares),
        ("slice", "an axial slice, as code can paint it", _slice),
    )
    for name, what, paint in painters:
        expected = Expected(gate=_FOREIGN)
        hard = "a picture without a chest in it"
        yield Row(f"foreign/{name}.png", what, hard, expected, partial(_painted, paint))
        if name in ("photograph", "page", "slice"):
            hard, make = "the header says chest", partial(_painted, paint, header=True)
            yield Row(f"foreign/{name}.dcm", f"{what}, as a DICOM film", hard, expected, make)


def _painted(paint: Callable[[], _Plane], *, header: bool = False) -> bytes:
    return dicom(paint(), 8) if header else _png(paint())


def _white() -> _Plane:
    return np.full(_SIZE, 255, np.uint8)


def _photograph() -> _Plane:
    """Sky, sun, hills and a house, with grain."""
    rng = np.random.default_rng(4)
    plane = np.repeat(np.linspace(200, 120, _SIZE[0], dtype=np.float32)[:, None], _SIZE[1], axis=1)
    cv2.circle(plane, (400, 110), 45, 250.0, -1, cv2.LINE_AA)
    x = np.arange(_SIZE[1])
    for base, high, shade in ((330, 60, 110.0), (400, 45, 80.0), (480, 30, 55.0)):
        edge = base - high * np.sin(x / (37 + base % 50)) - 0.3 * high * np.sin(x / 11)
        plane[np.arange(_SIZE[0])[:, None] > edge[None, :]] = shade
    cv2.rectangle(plane, (120, 430), (250, 540), 170.0, -1)
    cv2.fillPoly(plane, [np.array([[105, 430], [185, 360], [265, 430]], np.int32)], 60.0)
    cv2.rectangle(plane, (165, 480), (200, 540), 40.0, -1)
    return np.clip(plane + rng.normal(0, 6, _SIZE), 0, 255).astype(np.uint8)


def _drawing() -> _Plane:
    plane = _white()
    cv2.circle(plane, (256, 160), 70, 20, 3, cv2.LINE_AA)
    lines = (
        ((256, 230), (256, 430)),
        ((256, 280), (150, 350)),
        ((256, 280), (360, 350)),
        ((256, 430), (180, 580)),
        ((256, 430), (330, 580)),
    )
    for start, end in lines:
        cv2.line(plane, start, end, 20, 3, cv2.LINE_AA)
    return plane


def _write(plane: _Plane, text: str, where: tuple[int, int], shade: int = 20) -> None:
    cv2.putText(plane, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, shade, 1, cv2.LINE_AA)


def _page() -> _Plane:
    plane = _white()
    for line in range(30):
        _write(plane, "the quick brown fox jumps over a lazy dog " * 2, (24, 30 + 20 * line))
    return plane


def _screenshot() -> _Plane:
    plane = np.full(_SIZE, 90, np.uint8)
    for left, top, right, bottom in ((30, 40, 330, 330), (180, 260, 490, 600)):
        cv2.rectangle(plane, (left, top), (right, bottom), 235, -1)
        cv2.rectangle(plane, (left, top), (right, top + 26), 60, -1)
        _write(plane, "File  Edit  View", (left + 8, top + 18), 240)
        for line in range(8):
            _write(plane, "patient list, 12 entries", (left + 12, top + 56 + 24 * line))
    cv2.rectangle(plane, (0, 615), (512, 640), 0, -1)
    return plane


def _chart() -> _Plane:
    plane = _white()
    cv2.line(plane, (60, 40), (60, 580), 0, 2)
    cv2.line(plane, (60, 580), (480, 580), 0, 2)
    for place, height in enumerate((120, 260, 410, 330, 500, 190)):
        cv2.rectangle(plane, (85 + 65 * place, 578 - height), (125 + 65 * place, 578), 60 + 25 * place, -1)
    return plane


def _noise() -> _Plane:
    return np.random.default_rng(6).integers(0, 256, _SIZE, np.uint8)


def _ramp() -> _Plane:
    return np.repeat(np.linspace(0, 255, _SIZE[1]).astype(np.uint8)[None, :], _SIZE[0], axis=0)


def _squares() -> _Plane:
    y, x = np.indices(_SIZE) // 64
    return np.where((x + y) % 2, 230, 25).astype(np.uint8)


def _slice() -> _Plane:
    """A body's oval with two lungs and a spine, on black."""
    plane = np.zeros(_SIZE, np.uint8)
    cv2.ellipse(plane, (256, 320), (220, 165), 0, 0, 360, 150, -1, cv2.LINE_AA)
    for x in (160, 352):
        cv2.ellipse(plane, (x, 310), (75, 105), 0, 0, 360, 20, -1, cv2.LINE_AA)
    cv2.ellipse(plane, (256, 430), (34, 30), 0, 0, 360, 240, -1, cv2.LINE_AA)
    return plane
