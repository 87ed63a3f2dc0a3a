"""The single-shot detector both recipes share, in keras.ops alone, so that it runs on any Keras backend.

In: float32 (N, S, S, 1), 0-255, letterboxed. Out, while training, raw logits on a stride-16 map of G x G cells:

    location  (N, G, G, B)     softmax over the map: where the one box of this class is, if there is one
    heat      (N, G, G, B)     sigmoid: is this cell the centre of a box of this class
    boxes     (N, G, G, B, 4)  one box a class and cell, [x1, y1, x2, y2] as fractions of the input
    pooled    (N, T)           image-level logits from pooled features
    attended  (N, A)           image-level logits of the first A targets: instance logits weighted by attention

``inference`` turns them into what the runtimes return (image_scores, raw_detection_boxes, raw_detection_scores,
class_maps). The network does not know which of its classes are findings: its shape says how many of each.

A box starts from one prior a class, its median size in the training folds: centres move in units of the prior, sizes
by its logarithm (Liu 2016). A location softmax follows from the data: most signs have one box an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from training import trunk

Place = Literal["softmax", "heat"]

COLD = float(np.log(0.02 / 0.98))
"""The heat's logit of a cell that says nothing: near the share of cells that are centres."""

CANDIDATES = 64
"""Boxes of a class that are weighed where place is a softmax; the others score zero. At most ten are ever drawn."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What distinguishes one network from another.

    ``priors``: (width, height) of each box class, fractions of the input. ``targets``: image-level logits, of which
    the first ``attended`` also have an attention-pooled head. ``scored``: box classes that leave the network.
    """

    size: int
    priors: tuple[tuple[float, float], ...]
    targets: int
    attended: int
    scored: int
    place: Place
    width: int = 128
    depth: int = 4
    dropout: float = 0.3
    fine: bool = True

    @property
    def grid(self) -> int:
        """Cells along one side."""
        return self.size // 16


def build(shape: Shape) -> keras.Model:
    """The trainable network with random heads and a random trunk (see trunk.load_imagenet)."""
    film = keras.Input((shape.size, shape.size, 1), name="film")
    taps = trunk.features(film)
    body = _body(taps, shape)
    classes = len(shape.priors)
    head = keras.layers.Conv2D(
        classes * 6, 1, kernel_initializer=_small(0), bias_initializer=_place_bias(classes), name="head_place"
    )(body)
    fields = keras.layers.Reshape((shape.grid, shape.grid, classes, 6), name="head_fields")(head)
    pooled = keras.layers.GlobalAveragePooling2D(name="head_pool")(taps["pooled"])
    pooled = keras.layers.Dropout(shape.dropout, name="head_dropout", seed=1)(pooled)
    votes = keras.layers.Conv2D(shape.attended * 2, 1, kernel_initializer=_small(1), name="head_votes")(body)
    outputs = {
        "location": fields[..., 0],
        "heat": fields[..., 1],
        "boxes": PriorBoxes(shape.priors, name="head_boxes")(fields[..., 2:]),
        "pooled": keras.layers.Dense(shape.targets, name="head_image")(pooled),
        "attended": AttentionPool(name="head_attention")(votes),
    }
    return keras.Model(film, outputs, name="cxr_ssd")


def _small(seed: int) -> Any:
    """Heads and residual branches start near zero: the body has no normalisation to catch large values."""
    return keras.initializers.RandomNormal(stddev=0.01, seed=seed)


def _place_bias(classes: int) -> Any:
    """Heat starts at 2%, near the share of cells that are centres; all else at zero."""
    values = np.zeros((classes, 6), np.float32)
    values[:, 1] = COLD
    return keras.initializers.Constant(values.reshape(-1))


def _body(taps: dict[str, Any], shape: Shape) -> Any:
    """Strides 8, 16 and 32 on one stride-16 map, with the cell's position and the whole film's context."""
    width, layers = shape.width, keras.layers
    parts = [
        layers.Conv2D(width, 1, name="head_mid")(taps["stride16"]),
        layers.UpSampling2D(2, name="head_up")(layers.Conv2D(width, 1, name="head_coarse")(taps["stride32"])),
        layers.Dense(width, name="head_context")(layers.GlobalAveragePooling2D(keepdims=True)(taps["stride32"])),
    ]
    if shape.fine:
        parts.append(layers.AveragePooling2D(2)(layers.Conv2D(width, 1, name="head_fine")(taps["stride8"])))
    x = layers.Add(name="head_sum")(parts[:2] + parts[3:])
    x = Position(width, name="head_position")(x + parts[2])
    for index in range(shape.depth):
        y = layers.ReLU(6.0)(layers.DepthwiseConv2D(5, padding="same", name=f"head_depthwise{index}")(x))
        y = layers.Conv2D(width, 1, kernel_initializer=_small(2 + index), name=f"head_point{index}")(y)
        x = layers.ReLU()(x + y)
    return x


@keras.saving.register_keras_serializable("cxr_training")
class Position(keras.layers.Layer):
    """Adds a learned linear map of each cell's place (x, y, squares, product), then ReLU."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """The table of places, (1, G, G, 6), fixed; its kernel, learned."""
        y, x = np.meshgrid(*(np.linspace(-1, 1, int(n or 0)) for n in input_shape[1:3]), indexing="ij")
        self.table = np.stack([x, y, x * x, y * y, x * y, abs(x)], -1)[None].astype(np.float32)
        self.kernel = self.add_weight(name="kernel", shape=(6, self.width), initializer="glorot_uniform")

    def call(self, inputs: Any) -> Any:
        """(N, G, G, width)."""
        return ops.relu(inputs + ops.matmul(ops.convert_to_tensor(self.table), self.kernel))


@keras.saving.register_keras_serializable("cxr_training")
class PriorBoxes(keras.layers.Layer):
    """Deltas (N, G, G, B, 4) -> boxes [x1, y1, x2, y2] (N, G, G, B, 4), fractions of the input, not clipped."""

    def __init__(self, priors: tuple[tuple[float, float], ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.priors = np.asarray(priors, np.float32)

    def call(self, deltas: Any) -> Any:
        """Boxes about each cell."""
        rows, columns = int(deltas.shape[1]), int(deltas.shape[2])
        y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
        cells = ops.convert_to_tensor(np.stack([x, y], -1)[None, :, :, None].astype(np.float32))
        priors = ops.convert_to_tensor(self.priors)
        centre = cells + deltas[..., :2] * priors
        half = 0.5 * priors * ops.exp(ops.clip(deltas[..., 2:], -2.5, 2.5))
        return ops.concatenate([centre - half, centre + half], -1)


@keras.saving.register_keras_serializable("cxr_training")
class AttentionPool(keras.layers.Layer):
    """(N, G, G, 2A), attention then instance logits -> (N, A): sum of instance logits weighted by softmax attention."""

    def call(self, votes: Any) -> Any:
        """Image-level logits (Ilse 2018)."""
        cells = ops.reshape(votes, (-1, votes.shape[1] * votes.shape[2], votes.shape[3]))
        half = votes.shape[3] // 2
        return ops.sum(ops.softmax(cells[..., :half], axis=1) * cells[..., half:], axis=1)


def image_probability(outputs: dict[str, Any], shape: Shape) -> Any:
    """(N, A): the mean of the image heads' logits, through a sigmoid.

    Where place is a softmax, the heat speaks too: whether some cell looks like the sign's middle tells what the whole
    film does not (on the films of fold 4, held out, Nodule's AUC rose from 0.795 to 0.817, the mean of eight from 0.794
    to 0.802).
    """
    heads = [outputs["pooled"][:, : shape.attended], outputs["attended"]]
    if shape.place == "softmax":
        heat = outputs["heat"][..., : shape.attended]
        heads.append(ops.sum(attended_maps(_itself(heat)), axis=(1, 2)))
    return ops.sigmoid(sum(heads) / len(heads))


def _itself(heat: Any, rest: float = 0.0) -> Any:
    """(N, G, G, A) -> votes (N, G, G, 2A): each cell counts as much as it is sure; nearly the map's highest logit.

    ``rest`` is taken off what each cell says: a map shows what a cell adds to the heat of a film that says nothing.
    """
    return ops.concatenate([heat, heat - rest], -1)


@keras.saving.register_keras_serializable("cxr_training")
class Maps(keras.layers.Layer):
    """[features (N, G/2, G/2, F), votes (N, G, G, 2A), ...] -> ``image_maps`` (N, G, G, A) by the image head's kernel.

    Further maps (N, G, G, at least A) are heat, where it has a say in ``image_probability``.
    """

    def __init__(self, head: keras.layers.Dense, attended: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head, self.attended = head, attended

    def call(self, inside: list[Any]) -> Any:
        """Evidence of each cell, logits."""
        features, votes, *heat = inside
        more = [_itself(item[..., : self.attended], COLD) for item in heat]
        return image_maps(features, self.head.kernel[:, : self.attended], votes, *more)


@keras.saving.register_keras_serializable("cxr_training")
class Inference(keras.layers.Layer):
    """Training outputs -> image_scores (N, C), raw_detection_boxes (N, K, Q, 4) yxyx in [0, 1], raw_detection_scores.

    With ``maps`` (N, h, w, A) of ``image_maps`` among the inputs also class_maps (N, h, w, C): how much each cell adds
    to the logit of each image score.

    ``softmax``: a box's score grows with the image score and with its expected overlap with the true box, if there is
    one: the mean IoU with the boxes of all cells, weighted by the location map (``box_score``). ``heat``:
    the cell's heat times the probability that the image has such a box at all.
    """

    def __init__(self, shape: Shape, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape

    def call(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """The raw outputs by name."""
        shape, cells = self.shape, self.shape.grid**2
        boxes = ops.reshape(outputs["boxes"][..., : shape.scored, :], (-1, cells, shape.scored, 4))
        boxes = ops.clip(boxes, 0.0, 1.0)
        image, maps = image_probability(outputs, shape), outputs.get("maps")
        if shape.place == "softmax":
            logits = ops.reshape(outputs["location"][..., : shape.scored], (-1, cells, shape.scored))
            image = image[:, : shape.scored]
            maps = None if maps is None else maps[..., : shape.scored]
            mass = ops.softmax(logits, axis=1)
            likely, places = likeliest(boxes, mass, min(CANDIDATES, cells))
            scores = spread(box_score(image, expected_overlap(likely, boxes, mass)), places, cells)
        else:
            heat = ops.sigmoid(ops.reshape(outputs["heat"], (-1, cells, shape.scored)))
            covid, opacity = image[:, :1], image[:, 1:2]
            image = ops.concatenate([1.0 - covid, covid], -1)
            maps = None if maps is None else ops.concatenate([-maps[..., :1], maps[..., :1]], -1)
            scores = heat * ops.concatenate([1.0 - covid, opacity], -1)[:, None]
        yxyx = ops.stack([boxes[..., 1], boxes[..., 0], boxes[..., 3], boxes[..., 2]], -1)
        raw = {"image_scores": image, "raw_detection_boxes": yxyx, "raw_detection_scores": scores}
        return raw if maps is None else raw | {"class_maps": maps}


def class_maps(features: Any, kernel: Any) -> Any:
    """(N, h, w, F) features that are pooled by their mean, and a dense head's kernel (F, C) -> (N, h, w, C).

    How much each cell adds to each class's logit: the sum over the cells plus the head's bias is the logit, exactly.
    For such a head this is the class activation map (Zhou 2016), and Grad-CAM before its ReLU is the same up to a
    positive factor (Selvaraju 2017, section 3.1): the gradient of the logit by a feature is the kernel over the cells.
    No gradient is needed, so a runtime for inference can answer with it; and no ReLU, so what speaks against stays.
    """
    return ops.matmul(features, kernel) / (features.shape[1] * features.shape[2])


def attended_maps(votes: Any) -> Any:
    """(N, h, w, 2A) of attention then instance logits -> (N, h, w, A): each cell's share of ``AttentionPool``'s logit.

    The sum over the cells is the logit, exactly. The weights count as given, as the activations do in Grad-CAM.
    """
    half = votes.shape[3] // 2
    cells = ops.reshape(votes[..., :half], (-1, votes.shape[1] * votes.shape[2], half))
    return ops.reshape(ops.softmax(cells, axis=1), (-1, *votes.shape[1:3], half)) * votes[..., half:]


def image_maps(features: Any, kernel: Any, *votes: Any) -> Any:
    """(N, G, G, A): how much each cell adds to the logit of ``image_probability``; what is left is a constant.

    ``features`` lie on the stride-32 grid, ``votes`` on the stride-16 grid: each coarse cell's share is spread equally
    over its four fine cells, so that sums stay what they are.
    """
    pooled = 0.25 * ops.repeat(ops.repeat(class_maps(features, kernel), 2, axis=1), 2, axis=2)
    return (pooled + sum(attended_maps(item) for item in votes)) / (1 + len(votes))


def likeliest(boxes: Any, mass: Any, count: int) -> Any:
    """Of each class the boxes (N, K, C, 4) of the cells with most ``mass`` (N, K, C), and which cells those are.

    (N, count, C, 4) and (N, C, count). A box far from where the sign is likely to be overlaps nothing likely: it would
    come last anyway.
    """
    _, cells = ops.top_k(ops.transpose(mass, (0, 2, 1)), count)
    found = ops.take_along_axis(ops.transpose(boxes, (0, 2, 1, 3)), cells[..., None], axis=2)
    return ops.transpose(found, (0, 2, 1, 3)), cells


def spread(scores: Any, places: Any, cells: int) -> Any:
    """Scores (N, S, C) at their ``places`` (N, C, S) among all cells: (N, cells, C), zero elsewhere.

    So an answer keeps the order of the cells, whatever a runtime's rounding makes of the order of their mass.
    """
    held = ops.one_hot(places, cells, dtype=scores.dtype)
    whole = ops.matmul(ops.transpose(scores, (0, 2, 1))[:, :, None], held)[:, :, 0]
    return ops.transpose(whole, (0, 2, 1))


def expected_overlap(some: Any, boxes: Any, mass: Any) -> Any:
    """(N, S, C): mean IoU of each of ``some`` boxes (N, S, C, 4) with all ``boxes`` (N, K, C, 4) of its class.

    Weighted by ``mass`` (N, K, C), which sums to 1 over the boxes.
    """
    mine, other = (ops.transpose(item, (3, 0, 2, 1)) for item in (some, boxes))
    x1, y1, x2, y2 = (mine[side][..., None] for side in range(4))
    left, top, right, bottom = (other[side][:, :, None] for side in range(4))
    wide = ops.minimum(x2, right) - ops.maximum(x1, left)
    high = ops.minimum(y2, bottom) - ops.maximum(y1, top)
    shared = ops.relu(wide) * ops.relu(high)
    areas = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top)
    overlap = shared / (areas - shared + 1e-6)  # 1e-9 is zero in half precision
    weighted = ops.matmul(overlap, ops.transpose(mass, (0, 2, 1))[..., None])[..., 0]
    return ops.transpose(weighted, (0, 2, 1))


def box_score(image: Any, overlap: Any) -> Any:
    """(N, K, C): root of the image score (N, C), times overlap (N, K, C), times its square as a share of the best.

    Most signs have one box an image: without the last factor the second-best box of a film that surely has the sign
    would outrank the best box of a film that probably has it (mean precision fell by a third on the held-out fold).
    """
    share = overlap / (ops.max(overlap, axis=1, keepdims=True) + 1e-6)
    return ops.sqrt(image)[:, None] * overlap * share * share


def inference(network: keras.Model, shape: Shape) -> keras.Model:
    """The network as the runtimes see it."""
    film = keras.Input((shape.size, shape.size, 1), name="film")
    inside = {"features": network.get_layer("head_pool").input, "votes": network.get_layer("head_attention").input}
    outputs = keras.Model(network.input, {**network.output, **inside})(film, training=False)
    seen = [outputs.pop("features"), outputs.pop("votes"), *([outputs["heat"]] if shape.place == "softmax" else [])]
    outputs["maps"] = Maps(network.get_layer("head_image"), shape.attended, name="maps")(seen)
    return keras.Model(film, Inference(shape, name="inference")(outputs), name="cxr_ssd_inference")
