"""A film and the models of a site -> where each finding's score comes from, as maps over the whole film.

Runs the models once more, film by film, when a person asks; nothing of it is part of a screening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cxr_core.answers import Voice
from cxr_core.card import InputSpec
from cxr_core.explain import Explanation, Frame, explain
from cxr_core.prepare import Placement, prepare
from cxr_core.records import Radiograph


def explained(film: Radiograph, voices: Sequence[Voice]) -> dict[str, Explanation]:
    """An explanation for each finding that a model both speaks for and can explain."""
    found: dict[str, Explanation] = {}
    for detector, labels in voices:
        if not detector.explains:
            continue
        batch, (placement,) = prepare((film,), detector.card.input)
        frame = frame_of(placement, detector.card.input)
        (said,) = detector.explain(batch)
        found |= {
            label: _over_the_film(explain(item.cells, item.score, item.constant, frame), film)
            for label, item in said.items()
            if label in labels
        }
    return found


def frame_of(placement: Placement, spec: InputSpec) -> Frame:
    """Where the part of a film that a model is shown lies in its input."""
    x, y = placement.x, placement.y
    (corners,) = placement.to_model([[x, y, x + placement.width, y + placement.height]])
    x1, y1, x2, y2 = (corners / [spec.width, spec.height, spec.width, spec.height]).tolist()
    return Frame(placement.width, placement.height, x1, y1, x2, y2)


def _over_the_film(said: Explanation, film: Radiograph) -> Explanation:
    """An explanation of a film's exposed field, carried over to the whole film: nothing was said of its border."""
    if film.field is None:
        return said
    x1, y1, x2, y2 = film.field
    rows, columns = said.raised.shape
    down, across = rows / (y2 - y1), columns / (x2 - x1)
    top, left = round(y1 * down), round(x1 * across)
    below, right = round((film.height - y2) * down), round((film.width - x2) * across)
    around = ((top, below), (left, right))
    return replace(said, raised=np.pad(said.raised, around), lowered=np.pad(said.lowered, around))
