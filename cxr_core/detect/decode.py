"""Raw boxes and scores of a network to the few boxes worth drawing; numpy only.

In: raw boxes (N, K, Q, 4) and final box scores (N, K, C). Out, an image: boxes in model pixels, their classes and their
scores. This module knows no runtime, no label's name and no picture.

Two steps. Candidates below the floor, without area or not finite are dropped. Then each label on its own, from its best
score down: the winner and the remaining candidates that overlap it above the IoU limit become one box, their
score-weighted mean (box voting, Gidaris & Komodakis 2015), with the winner's score. A mean that comes to lie on an
earlier box of its label says nothing new and is dropped, so that no two boxes of a label overlap above the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.card import Decoding, InputSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# An untrained or broken network puts every anchor above the floor; the best thousand of a label hold its few best boxes
MOST_CANDIDATES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The boxes of one image, best first.

    ``boxes`` (M, 4) float64 [x1, y1, x2, y2] model pixels; ``classes`` (M,) from 0; ``scores`` (M,) in [floor, 1].
    """

    boxes: Floats
    classes: Ints
    scores: Floats


def decode(
    raw_boxes: npt.NDArray[np.float32],
    raw_scores: npt.NDArray[np.float32],
    spec: InputSpec,
    decoding: Decoding,
    floor: float,
) -> tuple[Boxes, ...]:
    """The boxes of each image of a batch.

    ``raw_boxes`` (N, K, Q, 4) [ymin, xmin, ymax, xmax], fractions of the model's input, Q = 1 (all labels share a box)
    or C; ``raw_scores`` (N, K, C) in [0, 1]. Boxes are clipped to the model's input.
    """
    side = np.array([spec.width, spec.height] * 2, np.float64)
    return tuple(
        _decode_image(boxes, scores, side, decoding, floor) for boxes, scores in zip(raw_boxes, raw_scores, strict=True)
    )


def overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of ``box`` (..., 4) with ``others`` (..., 4), broadcast; 0 where both have no area."""
    low = np.maximum(box[..., :2], others[..., :2])
    high = np.minimum(box[..., 2:], others[..., 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=-1)
    union = _area(box) + _area(others) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def _decode_image(
    raw_boxes: npt.NDArray[np.float32],
    raw_scores: npt.NDArray[np.float32],
    side: Floats,
    decoding: Decoding,
    floor: float,
) -> Boxes:
    # A NaN fails both comparisons and falls out here; a score of 0 has no weight in a vote.
    anchors, classes = np.nonzero((raw_scores >= floor) & (raw_scores > 0))
    scores = raw_scores[anchors, classes].astype(np.float64)
    queries = classes if raw_boxes.shape[1] > 1 else np.zeros_like(classes)
    boxes = raw_boxes[anchors, queries][:, [1, 0, 3, 2]].astype(np.float64)
    finite = np.isfinite(boxes).all(axis=1)
    boxes = np.clip(boxes, 0.0, 1.0) * side
    sound = finite & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return merge(boxes[sound], classes[sound], scores[sound], decoding)


def merge(boxes: Floats, classes: Ints, scores: Floats, decoding: Decoding) -> Boxes:
    """Non-maximum suppression with box voting, each label on its own.

    ``boxes`` (M, 4) [x1, y1, x2, y2] with area, any unit; ``classes`` (M,) from 0; ``scores`` (M,) above 0. The order
    of the candidates does not matter.
    """
    # Ties are broken by the box itself, so that the order in which a runtime lists its anchors cannot show.
    order = np.lexsort((*boxes.T[::-1], -scores))
    kept = [
        _merge_label(boxes[chosen], scores[chosen], int(label), decoding)
        for label in np.unique(classes)
        for chosen in [order[classes[order] == label][:MOST_CANDIDATES]]
    ]
    if not kept:
        return Boxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    found = [np.concatenate([getattr(one, name) for one in kept]) for name in ("boxes", "classes", "scores")]
    best_first = np.lexsort((*found[0].T[::-1], found[1], -found[2]))
    return Boxes(*(column[best_first] for column in found))


def _merge_label(boxes: Floats, scores: Floats, label: int, decoding: Decoding) -> Boxes:
    """Merge the candidates of one label, best first; at most ``max_per_label`` stay."""
    kept = np.empty((decoding.max_per_label, 4))
    kept_scores = np.empty(decoding.max_per_label)
    count = 0
    while len(boxes) and count < decoding.max_per_label:
        together = overlap(boxes[0], boxes) > decoding.iou
        together[0] = True
        # A box alone stays bit for bit what it is, so that merging merged boxes changes nothing.
        alone = np.count_nonzero(together) == 1
        voted = boxes[0] if alone else np.average(boxes[together], axis=0, weights=scores[together])
        if not (overlap(voted, kept[:count]) > decoding.iou).any():
            kept[count], kept_scores[count] = voted, scores[0]
            count += 1
        boxes, scores = boxes[~together], scores[~together]
    return Boxes(kept[:count], np.full(count, label, np.int64), kept_scores[:count])
