"""Losses in keras.ops. Each takes a batch and returns one scalar; what is not known has weight 0.

The network's outputs are described in network.py, the targets in targets.py and batches.py.
"""

from __future__ import annotations

from typing import Any

from keras import ops

_CORE = 0.3  # heat above which a cell answers for the box


def masked_bce(logits: Any, truth: Any, known: Any, smoothing: float) -> Any:
    """Mean binary cross-entropy of logits (N, T) over the known targets."""
    truth = truth * (1 - smoothing) + 0.5 * smoothing
    loss = ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(loss * known) / ops.maximum(ops.sum(known), 1.0)


def location(logits: Any, heat: Any) -> Any:
    """Cross-entropy (N, G, G, B) of the map's softmax to the normalised Gaussian, mean over pairs that have a box."""
    shape = (-1, logits.shape[1] * logits.shape[2], logits.shape[3])
    flat, target = ops.reshape(logits, shape), ops.reshape(heat, shape)
    mass = ops.sum(target, 1)
    has = ops.cast(mass > 0, logits.dtype)
    target = target / ops.maximum(mass, 1e-6)[:, None]
    loss = -ops.sum(target * ops.log_softmax(flat, axis=1), 1)
    return ops.sum(loss * has) / ops.maximum(ops.sum(has), 1.0)


def focal(logits: Any, heat: Any, searched: Any) -> Any:
    """Penalty-reduced focal loss (Law & Deng 2018: 2 and 4) per box centre; only over searched (N, B) classes."""
    p = ops.clip(ops.sigmoid(logits), 1e-4, 1 - 1e-4)
    peak = ops.cast(heat >= 0.999, logits.dtype)
    loss = peak * (1 - p) ** 2 * ops.log(p) + (1 - peak) * (1 - heat) ** 4 * p**2 * ops.log(1 - p)
    mask = searched[:, None, None]
    return -ops.sum(loss * mask) / ops.maximum(ops.sum(peak * mask), 1.0)


def giou(boxes: Any, truth: Any, heat: Any) -> Any:
    """1 - generalised IoU (Rezatofighi 2019) of (N, G, G, B, 4) boxes, weighted by heat where it is above 0.3."""
    weight = heat * ops.cast(heat > _CORE, heat.dtype)
    low, high = ops.maximum(boxes[..., :2], truth[..., :2]), ops.minimum(boxes[..., 2:], truth[..., 2:])
    shared = _area(ops.relu(high - low))
    union = _area(boxes[..., 2:] - boxes[..., :2]) + _area(truth[..., 2:] - truth[..., :2]) - shared
    hull = _area(ops.maximum(boxes[..., 2:], truth[..., 2:]) - ops.minimum(boxes[..., :2], truth[..., :2]))
    overlap = shared / ops.maximum(union, 1e-7)
    loss = 1 - overlap + (hull - union) / ops.maximum(hull, 1e-7)
    # one share a box, whatever its size: a heart covers fifty times the cells of a nodule
    per_class = ops.sum(loss * weight, (1, 2)) / ops.maximum(ops.sum(weight, (1, 2)), 1e-6)
    has = ops.cast(ops.max(weight, (1, 2)) > 0, heat.dtype)
    return ops.sum(per_class * has) / ops.maximum(ops.sum(has), 1.0)


def _area(sides: Any) -> Any:
    return sides[..., 0] * sides[..., 1]
