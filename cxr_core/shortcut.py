"""Does a COVID-19 score stand without the film's own lungs? Then it may follow the picture's origin, not the lungs.

In: prepared films and what a detector said of them. Out: a notice for each film whose score stays at or above the
card's "sensitive" operating point when average clear lungs lie where its own were. It informs and decides nothing.

- That point and not the site's threshold: a warning is stored with the screening, and a slider moved later must not
  make it untrue; and nearly every film that a site flags lies above the lowest preset.
- The lungs are where the detector's own class for them says (covid_19_negative of covid_ssd), on this very film.
- Clear lungs and not a black box: with the lungs black every film scores high, ill or not, because no film in training
  looked so; nothing could be told from that. ``clear_lungs.png`` is an average of many films that `python -m training
  origin` makes and measures; a model's folder without it raises no alarm.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.card import ModelCard
from cxr_core.detect import Detection, Detector
from cxr_core.errors import ModelError
from cxr_core.records import COVID, FOLLOWS_ORIGIN, ModelRef, Notice
from cxr_core.settings import Settings

CLEAR_LUNGS = "clear_lungs.png"
LUNGS = "covid_19_negative"
NOTICE = Notice(
    FOLLOWS_ORIGIN,
    "The COVID-19 score may follow the picture's origin, not the lungs: it stays above the sensitive threshold with "
    "average clear lungs in their place. Read the film without it.",
)

_PRESET = "sensitive"
_EDGE = 0.12  # share of the box's side over which the film passes into the clear lungs
_SPREAD = (0.5, 2.0)  # the clear lungs' contrast is fitted to the film's within these
_SMALLEST = 24  # model pixels a side: less is no pair of lungs

_log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Alarm:
    """``clear``: average clear lungs by model name, (S, S) float32 0 to 255, filling the lungs' box."""

    clear: Mapping[str, Floats]

    @property
    def ref(self) -> ModelRef:
        """What stands for these pictures: with others, a run is another run."""
        digest = hashlib.sha256()
        for name, picture in sorted(self.clear.items()):
            digest.update(name.encode() + b"\0" + picture.tobytes())
        return ModelRef(FOLLOWS_ORIGIN, "", digest.hexdigest())

    def __call__(self, detector: Detector, batch: Floats, said: Sequence[Detection]) -> tuple[Notice | None, ...]:
        """A notice, or none, for each film of ``batch`` (N, h, w, c), of which ``detector`` said ``said``.

        Only films scored at or above the sensitive point cost a second run of the network. One that fails there is
        passed over and logged: an alarm must not take a screening along.
        """
        clear, limit = self.clear.get(detector.card.name), sensitive(detector.card)
        found: list[Notice | None] = [None] * len(batch)
        asked = [place for place, item in enumerate(said) if limit is not None and item.scores.get(COVID, 0.0) >= limit]
        if clear is None or limit is None or not asked:
            return tuple(found)
        try:
            framed = _lungs(detector, batch[asked], [said[place] for place in asked])
            asked, boxes = _large(asked, framed)
            covered = [cleared(batch[place], box, clear, detector) for place, box in zip(asked, boxes, strict=True)]
            again = detector.detect(np.stack(covered)) if covered else ()
        except ModelError as exc:
            _log.warning("the shortcut alarm failed on %d films: %s", len(asked), exc)
            return tuple(found)
        for place, item in zip(asked, again, strict=True):
            found[place] = NOTICE if item.scores[COVID] >= limit else None
        return tuple(found)


def load(settings: Settings) -> Alarm | None:
    """The clear lungs of the site's models; None where no model has any."""
    found: dict[str, Floats] = {}
    for path in sorted(settings.models_dir.glob(f"*/{CLEAR_LUNGS}")):
        picture = _read(path)
        if picture is None:
            _log.warning("%s of %s is no picture; no shortcut alarm for this model", CLEAR_LUNGS, path.parent.name)
            continue
        found[path.parent.name] = picture
    return Alarm(found) if found else None


def sensitive(card: ModelCard) -> float | None:
    """The score from which on the alarm looks, and on which it is raised; None for a card without that point."""
    points = [label.operating_points.get(_PRESET) for label in card.finding_labels if label.finding == COVID]
    known = [point.threshold for point in points if point]
    return min(known) if known else None


def cleared(film: Floats, box: Corners, clear: Floats, detector: Detector) -> Floats:
    """The prepared film (h, w, c) with clear lungs in ``box`` (model pixels), their greys fitted to the box's rim.

    The rim keeps the film's own mean and spread and passes into the clear lungs without an edge.
    """
    x1, y1, x2, y2 = _whole(box, film)
    low, high = detector.card.input.value_range
    old = film[y1:y2, x1:x2, 0]
    new = np.asarray(cv2.resize(clear, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR), np.float32)
    share = _share(y2 - y1, x2 - x1)
    rim = share < 1
    grey = (high - low) / 255
    gain = min(max(float(old[rim].std()) / max(float(new[rim].std()), 1e-6), _SPREAD[0] * grey), _SPREAD[1] * grey)
    new = np.clip((new - new[rim].mean()) * np.float32(gain) + old[rim].mean(), low, high)
    out = film.copy()
    out[y1:y2, x1:x2] = (old * (1 - share) + new * share)[..., None]
    return out


def _lungs(detector: Detector, batch: Floats, said: Sequence[Detection]) -> list[Corners | None]:
    """Each film's lungs, as the detector said already, or says when it is asked for its faintest boxes too."""
    boxes = [lungs_of(item) for item in said]
    missing = [place for place, box in enumerate(boxes) if box is None]
    if missing:
        for place, item in zip(missing, detector.detect(batch[missing], floor=0.0), strict=True):
            boxes[place] = lungs_of(item)
    return boxes


def lungs_of(said: Detection) -> Corners | None:
    """The lungs' box in model pixels, if the detector knows lungs."""
    return next((region.box for region in said.anatomy if region.name == LUNGS), None)


def _large(asked: list[int], boxes: Sequence[Corners | None]) -> tuple[list[int], list[Corners]]:
    kept = [
        (place, box)
        for place, box in zip(asked, boxes, strict=True)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) >= _SMALLEST
    ]
    return [place for place, _ in kept], [box for _, box in kept]


def _whole(box: Corners, film: Floats) -> tuple[int, int, int, int]:
    """The box outwards to whole pixels of the film."""
    height, width = film.shape[:2]
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    return x1, y1, min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))


def _share(height: int, width: int) -> Floats:
    """How much of the clear lungs shows: 0 at the box's rim, 1 inside."""

    def ramp(length: int) -> npt.NDArray[np.float64]:
        steps = np.arange(length)
        return np.minimum(steps, steps[::-1]) / max(1.0, length * _EDGE)

    return np.asarray(np.clip(np.minimum.outer(ramp(height), ramp(width)), 0, 1), np.float32)


def _read(path: Path) -> Floats | None:
    try:
        stored = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE) if stored.size else None
    return None if picture is None else np.asarray(picture, np.float32)
