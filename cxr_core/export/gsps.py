"""A result as a Grayscale Softcopy Presentation State (PS3.3 A.33.1): boxes, their labels, and the reader's window.

In: a Result, the film's Origin, and how its stored values were shown. Out: a dataset that a viewer lays over the film
in the archive, which stays as it is. Boxes are polylines in the source's pixels (PS3.3 C.10.5); a film that was mended
to be judged is turned the same way by the state (C.10.6). This module knows no store and no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from highdicom import VOILUT, PresentationLUTTransformation
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from pydicom.dataset import Dataset

from cxr_core.errors import NotExportable
from cxr_core.export.objects import common, equipment, film, person_name
from cxr_core.export.origin import Origin
from cxr_core.export.result import NOTICE, Mark, Result, Window, drawn, told
from cxr_core.export.uids import uid_of
from cxr_core.export.upright import Upright, upright

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.11.1"
_TITLE = "Chest X-ray triage boxes, research use only"
_LAYERS = (("MODELS", "Boxes of the models"), ("READER", "Boxes of the reader"), ("NOTICE", "What this is"))

_STRAIGHT = 1 / 255
"""A curve is a window if a line through it is nowhere further away than a grey of an 8-bit screen."""

_MOST_ENTRIES = 65_535  # PS3.3 C.11.2.1.1: the number of entries has 16 bits

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How the film was shown: greys in [0, 1], bone bright, of modality values, rising; both (N,), N of 2 or more.

    ``slope``, ``intercept``: the Rescale that leads from stored to modality values, None where there is none.
    """

    values: Values
    greys: Values
    slope: float | None = None
    intercept: float | None = None


def presentation(result: Result, origin: Origin, curve: Curve | None, *, replaces: str = "") -> Dataset:
    """The state; NotExportable for a film that was refused or is in colour. ``replaces`` is named in its description.

    Without a curve the viewer shows the film as its file says.
    """
    if result.screening.status == "refused":
        raise NotExportable("the film was not screened, so there is nothing to show on it; export sr, fhir or hl7")
    if in_colour(origin):
        raise NotExportable("the film is stored in colour, which a grayscale presentation state cannot show; export sc")
    turned = upright((notice.code for notice in result.screening.warnings), origin.width, origin.height)
    source = film(origin)
    layers = [GraphicLayer(name, place, said) for place, (name, said) in enumerate(_LAYERS, 1)]
    voi, falling, lift = _voi(curve, result.window or Window(), inverted=turned.inverted)
    dark = falling != bool(result.window and result.window.inverted)
    state = GrayscaleSoftcopyPresentationState(
        referenced_images=[source],
        content_label="CXR_TRIAGE",
        content_description=f"Replaces {replaces}"[:64] if replaces else "Boxes of a triage aid, research use only",
        graphic_layers=layers,
        graphic_annotations=_annotations(result, origin, source, layers, turned),
        content_creator_name=person_name(result.review.reader) if result.review and result.reviewed else None,
        presentation_lut_transformation=PresentationLUTTransformation("INVERSE" if dark else "IDENTITY"),
        voi_lut_transformations=voi,
        **common(origin, result, "gsps", _TITLE, result.digest(replaces)),
        **equipment(result),
    )
    state.BodyPartExamined = "CHEST"
    _rescaled(state, curve, lift)
    _turned(state, turned)
    return state


def in_colour(origin: Origin) -> bool:
    """Whether the film is stored in colour, so that no grayscale state can refer to it (PS3.3 A.33.1)."""
    return origin.samples != 1 or origin.photometric == "PALETTE COLOR"


def _annotations(
    result: Result, origin: Origin, source: Dataset, layers: Sequence[GraphicLayer], turned: Upright
) -> list[GraphicAnnotation]:
    """The models' boxes, the reader's, and the notice, each on its layer."""
    found: list[GraphicAnnotation] = []
    marks = drawn(result)
    for layer, by in zip(layers, ("model", "reader"), strict=False):
        mine = [(number, mark) for number, mark in enumerate(marks, 1) if mark.by == by]
        if mine:
            found.append(
                GraphicAnnotation(
                    [source],
                    layer,
                    referenced_frame_number=origin.frame,
                    graphic_objects=[_rectangle(mark, number, origin, turned) for number, mark in mine],
                    text_objects=[_words(mark, turned) for _, mark in mine],
                )
            )
    notice = TextObject(
        _notice(result, bool(marks)), AnnotationUnitsValues.DISPLAY, bounding_box=(0.01, 0.93, 0.99, 0.99)
    )
    return [*found, GraphicAnnotation([source], layers[2], referenced_frame_number=origin.frame, text_objects=[notice])]


def _notice(result: Result, marked: bool) -> str:
    said = "" if marked else " No score reaches its threshold; this is not a statement that nothing is there."
    return f"{'Generated phantom. ' if result.synthetic else ''}{NOTICE}{said}"


def _rectangle(mark: Mark, number: int, origin: Origin, turned: Upright) -> GraphicObject:
    x1, y1, x2, y2 = turned.box(mark.box).as_tuple()
    name = f"mark {number} {mark.label} {mark.by}"
    return GraphicObject(
        GraphicTypeValues.POLYLINE,
        np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]], np.float64),
        AnnotationUnitsValues.PIXEL,
        tracking_id=name,
        tracking_uid=uid_of("group", origin.study_uid, origin.instance_uid, name),
    )


def _words(mark: Mark, turned: Upright) -> TextObject:
    """The label at the corner that is upper left on the film as shown."""
    x, y = turned.point(mark.box.x1, mark.box.y1)
    anchor = (min(max(x, 0.0), float(turned.width)), min(max(y, 0.0), float(turned.height)))
    return TextObject(told(mark), AnnotationUnitsValues.PIXEL, anchor_point=anchor, anchor_point_visible=False)


def _voi(
    curve: Curve | None, window: Window, *, inverted: bool
) -> tuple[list[SoftcopyVOILUTTransformation] | None, bool, int]:
    """The VOI transform that shows the film through the reader's window; whether greys fall with the values; a lift.

    Falling greys are shown by an INVERSE presentation LUT: the state's own shape decides, whatever the file's
    photometric interpretation says (PS3.3 C.11.6.1.2). The lift is what has to be added to the values before the
    transform, since a table has no negative first value here.
    """
    if curve is None:
        return None, inverted, 0
    order = np.argsort(curve.values, kind="stable")
    values, greys = curve.values[order], np.clip(curve.greys[order], 0.0, 1.0)
    greys = 1.0 - greys if inverted else greys
    shown = np.clip((greys - window.low) / (window.high - window.low), 0.0, 1.0)
    falling = bool(greys[-1] < greys[0])
    rising = 1.0 - shown if falling else shown
    ends = _line(values, rising)
    if ends is None and values[-1] - values[0] < _MOST_ENTRIES:
        lift = max(0, -int(np.floor(values[0])))
        return [SoftcopyVOILUTTransformation(voi_luts=[_table(values + lift, rising)])], falling, lift
    low, high = ends or (float(values[0]), float(values[-1]))
    # PS3.3 C.11.2.1.2.1: a LINEAR window of width w and centre c leads from c - 0.5 - (w - 1) / 2 to as much above.
    centre, width = (low + high) / 2 + 0.5, high - low + 1.0
    window_of = SoftcopyVOILUTTransformation(
        window_center=[round(centre, 4)],
        window_width=[max(1.0, round(width, 4))],
        window_explanation=("As read",),
    )
    return [window_of], falling, 0


def _line(values: Values, greys: Values) -> tuple[float, float] | None:
    """Where the straight line through the greys that are neither black nor white is black and is white; else None."""
    inside = (greys > 0.0) & (greys < 1.0)
    if np.count_nonzero(inside) < 2:
        return None
    slope, start = np.polyfit(values[inside], greys[inside], 1)
    if slope <= 0:
        return None
    off = np.abs(np.clip(slope * values + start, 0.0, 1.0) - greys)
    return None if float(off.max()) > _STRAIGHT else (float(-start / slope), float((1.0 - start) / slope))


def _table(values: Values, greys: Values) -> VOILUT:
    """The greys of every whole modality value from the lowest to the highest, 16 bits (PS3.3 C.11.2.1.1)."""
    first, last = int(np.floor(values[0])), int(np.ceil(values[-1]))
    entries = np.round(np.interp(np.arange(first, last + 1), values, greys) * 65535).astype(np.uint16)
    return VOILUT(first_mapped_value=first, lut_data=entries, lut_explanation="As read")


def _rescaled(state: Dataset, curve: Curve | None, lift: int) -> None:
    """The state's own modality transform, which takes the place of the file's (PS3.4 N.2.1); lifted where asked."""
    if curve is None or (curve.slope is None and not lift):
        return
    state.RescaleSlope, state.RescaleIntercept = curve.slope or 1.0, (curve.intercept or 0.0) + lift
    state.RescaleType = "US"


def _turned(state: Dataset, turned: Upright) -> None:
    """Spatial transformation (C.10.6), and the whole film as the area on display (C.10.4): corners as turned."""
    area: Any = state.DisplayedAreaSelectionSequence[0]
    width, height = turned.shown_size
    first, last = turned.point(0.5, 0.5), turned.point(width - 0.5, height - 0.5)
    if "PixelOriginInterpretation" in area:
        del area.PixelOriginInterpretation  # of tiled images alone
    # Pixels are counted from 1 here, and the first is the one that is upper left after turning.
    area.DisplayedAreaTopLeftHandCorner = [int(first[0]) + 1, int(first[1]) + 1]
    area.DisplayedAreaBottomRightHandCorner = [int(last[0]) + 1, int(last[1]) + 1]
    if turned.rotation or turned.mirrored:
        state.ImageRotation, state.ImageHorizontalFlip = turned.rotation, "Y" if turned.mirrored else "N"
