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
    # A NaN fails both comparisons and falls out here; a score of 0 has no weight in a vote.
    images, anchors, classes = np.nonzero((raw_scores >= floor) & (raw_scores > 0))
    queries = classes if raw_boxes.shape[2] > 1 else np.zeros_like(classes)
    boxes = raw_boxes[images, anchors, queries][:, [1, 0, 3, 2]].astype(np.float64)
    scores = raw_scores[images, anchors, classes].astype(np.float64)
    finite = np.isfinite(boxes).all(axis=1)
    boxes = np.clip(boxes, 0.0, 1.0) * np.array([spec.width, spec.height] * 2, np.float64)
    sound = finite & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    labels = raw_scores.shape[2]
    groups = images * labels + classes
    merged, groups, scores = _merge(boxes[sound], groups[sound], scores[sound], decoding)
    ends = np.searchsorted(groups, np.arange(1, len(raw_scores)) * labels)
    parts = (np.split(column, ends) for column in (merged, groups % labels, scores))
    return tuple(_best_first(*part) for part in zip(*parts, strict=True))


def overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of ``box`` (..., 4) with ``others`` (..., 4), broadcast; 0 where both have no area."""
    wide = np.minimum(box[..., 2], others[..., 2]) - np.maximum(box[..., 0], others[..., 0])
    high = np.minimum(box[..., 3], others[..., 3]) - np.maximum(box[..., 1], others[..., 1])
    common = np.maximum(wide, 0.0) * np.maximum(high, 0.0)
    union = _area(box) + _area(others) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def _best_first(boxes: Floats, classes: Ints, scores: Floats) -> Boxes:
    order = np.lexsort((*boxes.T[::-1], classes, -scores))
    return Boxes(boxes[order], classes[order], scores[order])


def _merge(boxes: Floats, groups: Ints, scores: Floats, decoding: Decoding) -> tuple[Floats, Ints, Floats]:
    """Suppress and vote within each group, all groups at once; the rest sorted by group.

    One turn of the loop takes the best remaining candidate of every group with all that overlap it.
    """
    boxes, groups, scores = _best_of_each_group(boxes, groups, scores)
    names, groups = np.unique(groups, return_inverse=True)
    kept = np.zeros((len(names), decoding.max_per_label, 4))
    kept_scores = np.zeros((len(names), decoding.max_per_label))
    count = np.zeros(len(names), np.int64)
    places = np.arange(decoding.max_per_label)
    while len(groups):
        first = np.flatnonzero(np.diff(groups, prepend=-1))
        active = groups[first]
        ours = np.repeat(np.arange(len(first)), np.diff(first, append=len(groups)))
        together = overlap(boxes[first][ours], boxes) > decoding.iou
        together[first] = True
        voted = _vote(boxes, scores, first, ours, together)
        clash = (overlap(voted[:, None], kept[active]) > decoding.iou) & (places < count[active][:, None])
        new = ~clash.any(axis=1)
        to = active[new]
        kept[to, count[to]], kept_scores[to, count[to]] = voted[new], scores[first[new]]
        count[to] += 1
        left = ~together & (count[groups] < decoding.max_per_label)
        boxes, groups, scores = boxes[left], groups[left], scores[left]
    filled = places < count[:, None]
    return kept[filled], np.repeat(names, count), kept_scores[filled]


def _best_of_each_group(boxes: Floats, groups: Ints, scores: Floats) -> tuple[Floats, Ints, Floats]:
    """Candidates sorted by group and best first, at most MOST_CANDIDATES of each."""
    order = np.lexsort((-scores, groups))
    if ((np.diff(scores[order]) == 0) & (np.diff(groups[order]) == 0)).any():
        # Ties are broken by the box itself, so that the order in which a runtime lists its anchors cannot show.
        order = np.lexsort((*boxes.T[::-1], -scores, groups))
    boxes, groups, scores = boxes[order], groups[order], scores[order]
    place = np.arange(len(groups)) - np.searchsorted(groups, groups)
    few = place < MOST_CANDIDATES
    return boxes[few], groups[few], scores[few]


def _vote(boxes: Floats, scores: Floats, first: Ints, ours: Ints, together: npt.NDArray[np.bool_]) -> Floats:
    """Score-weighted mean of each winner's boxes: ``first`` where winners stand, ``ours`` whose turn a candidate is."""
    voters, weights = ours[together], scores[together]
    total = np.bincount(voters, weights)
    mean = np.stack([np.bincount(voters, weights * side) / total for side in boxes[together].T], axis=1)
    # A box alone stays bit for bit what it is, so that merging merged boxes changes nothing.
    alone = np.bincount(voters) == 1
    mean[alone] = boxes[first[alone]]
    return mean
