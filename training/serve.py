"""The SavedModel's serving function: letterboxing, network, and boxes as the Object Detection API names them.

In: uint8 (N, H, W, 3), any H and W. Out: the raw outputs, and detection_boxes (N, 100, 4) [ymin, xmin, ymax,
xmax] as fractions of the given picture, detection_scores, detection_classes (float, from 1), num_detections (float).
TensorFlow only. It repeats in the graph what cxr_core.prepare and cxr_core.detect.decode do in numpy; tests hold the
two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cxr_core.card import Decoding

MOST = 100  # detections an image, as the zoo's exports have
Raw = Callable[[Any], dict[str, Any]]


def serving(raw: Raw, size: int, decoding: Decoding, floor: float) -> Any:
    """A tf.function over uint8 pictures around ``raw``, which takes (N, size, size, 1) float32 greys."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "input_tensor")])
    def serve(input_tensor: Any) -> dict[str, Any]:
        film, ratio, offset = letterbox(input_tensor, size)
        outputs = raw(film)
        scores = outputs["raw_detection_scores"]
        boxes = tf.broadcast_to(outputs["raw_detection_boxes"], tf.concat([tf.shape(scores), [4]], 0))
        found, marks = suppress(boxes, scores, decoding, floor)
        return {**outputs, **_api(found, marks, ratio, offset)}

    return serve


def letterbox(pictures: Any, size: int) -> tuple[Any, Any, Any]:
    """Greys (N, size, size, 1), whole numbers 0-255; and y, x ratio and offset: model = image * ratio + offset."""
    grey = tf.reduce_mean(tf.cast(pictures, tf.float32), -1, keepdims=True)
    shape = tf.cast(tf.shape(pictures)[1:3], tf.float32)
    drawn = tf.maximum(1.0, tf.round(shape * (size / tf.reduce_max(shape))))
    whole = tf.cast(drawn, tf.int32)
    small = tf.cond(
        tf.reduce_all(tf.shape(pictures)[1:3] == whole),
        lambda: grey,
        lambda: tf.image.resize(grey, whole, antialias=True),
    )
    before = (size - whole) // 2
    after = size - whole - before
    film = tf.pad(tf.round(small), [[0, 0], [before[0], after[0]], [before[1], after[1]], [0, 0]])
    film = tf.ensure_shape(film, (None, size, size, 1))
    return film, drawn / size, tf.cast(before, tf.float32) / size


def suppress(boxes: Any, scores: Any, decoding: Decoding, floor: float) -> tuple[Any, Any]:
    """Greedy suppression with box voting, each class on its own: cxr_core.detect.decode in the graph.

    ``boxes`` (N, K, C, 4), ``scores`` (N, K, C) -> boxes (N, C, M, 4) and scores (N, C, M), M the most a label may
    have; score 0 where there is none.
    """
    most = decoding.max_per_label
    boxes, scores = tf.transpose(boxes, (0, 2, 1, 3)), tf.transpose(scores, (0, 2, 1))
    sound = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], -1)
    left = tf.where(sound & (scores >= floor) & (scores > 0), scores, 0.0)
    shape = tf.shape(scores)[:2]
    kept = tf.zeros(tf.concat([shape, [most, 4]], 0))
    marks = tf.zeros(tf.concat([shape, [most]], 0))

    def more(left: Any, kept: Any, marks: Any, count: Any) -> Any:
        del kept, marks
        return tf.reduce_any((tf.reduce_max(left, -1) > 0) & (count < most))

    def turn(left: Any, kept: Any, marks: Any, count: Any) -> Any:
        best, index = tf.reduce_max(left, -1), tf.argmax(left, -1)
        winner = tf.gather(boxes, index, batch_dims=2)
        chosen = tf.one_hot(index, tf.shape(left)[-1], on_value=True, off_value=False, dtype=tf.bool)
        together = ((_overlap(winner[..., None, :], boxes) > decoding.iou) | chosen) & (left > 0)
        weight = tf.where(together, left, 0.0)
        voted = tf.einsum("nck,nckd->ncd", weight, boxes) / tf.maximum(tf.reduce_sum(weight, -1), 1e-30)[..., None]
        said = tf.reduce_any((_overlap(voted[..., None, :], kept) > decoding.iou) & (marks > 0), -1)
        new = (best > 0) & (count < most) & ~said
        place = tf.one_hot(count, most, on_value=True, off_value=False, dtype=tf.bool) & new[..., None]
        kept = tf.where(place[..., None], voted[..., None, :], kept)
        marks = tf.where(place, best[..., None], marks)
        return tf.where(together, 0.0, left), kept, marks, count + tf.cast(new, tf.int32)

    count = tf.zeros(shape, tf.int32)
    _, kept, marks, _ = tf.while_loop(more, turn, (left, kept, marks, count))
    return kept, marks


def _overlap(one: Any, others: Any) -> Any:
    """IoU of boxes [..., 4], broadcast."""
    sides = tf.minimum(one[..., 2:], others[..., 2:]) - tf.maximum(one[..., :2], others[..., :2])
    shared = tf.reduce_prod(tf.maximum(sides, 0.0), -1)
    areas = tf.reduce_prod(one[..., 2:] - one[..., :2], -1) + tf.reduce_prod(others[..., 2:] - others[..., :2], -1)
    return tf.math.divide_no_nan(shared, areas - shared)


def _api(boxes: Any, marks: Any, ratio: Any, offset: Any) -> dict[str, Any]:
    """The best MOST boxes of all classes, best first, as fractions of the given picture."""
    shape = tf.shape(marks)
    classes = tf.broadcast_to(tf.range(1.0, tf.cast(shape[1], tf.float32) + 1)[None, :, None], shape)
    flat = tf.pad(tf.reshape(marks, (shape[0], -1)), [[0, 0], [0, MOST]])
    best, index = tf.math.top_k(flat, MOST)

    def pick(values: Any, width: int) -> Any:
        rows = tf.pad(tf.reshape(values, (shape[0], -1, width)), [[0, 0], [0, MOST], [0, 0]])
        return tf.gather(rows, index, batch_dims=1)

    there = tf.cast(best > 0, tf.float32)
    placed = (pick(boxes, 4) - tf.tile(offset, [2])) / tf.tile(ratio, [2])
    return {
        "detection_boxes": tf.clip_by_value(placed, 0.0, 1.0) * there[..., None],
        "detection_scores": best,
        # an empty place keeps class 1, which the label map knows; num_detections says how many places count
        "detection_classes": tf.maximum(pick(classes, 1)[..., 0] * there, 1.0),
        "num_detections": tf.reduce_sum(there, -1),
    }
