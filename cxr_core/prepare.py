"""Radiographs to what a network wants to see, and boxes back again.

In: films of any shape, (H, W) uint16, and a model card's InputSpec. Out: float32 (N, h, w, c) and one Placement a film,
which carries boxes between model pixels and image pixels. Where a film's exposed field is known, the model sees it
alone: the border of a shutter or a collimator would only make the lungs smaller. This module knows no model.

Boxes are (M, 4) float64 [x1, y1, x2, y2], x to the right, y down, origin at the outer corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.card import InputSpec
from cxr_core.errors import RecordError
from cxr_core.records import Radiograph

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a film, or its part of ``width`` x ``height`` pixels from column ``x`` and row ``y``, lies in the input.

    ``scale`` is model pixels an image pixel; ``left`` and ``top`` are model pixels. The drawn part has a whole number
    of pixels, so each axis is carried back by its own exact ratio, which differs from ``scale`` by that rounding only.
    """

    scale: float
    left: int
    top: int
    width: int
    height: int
    x: int = 0
    y: int = 0

    @classmethod
    def fit(cls, width: int, height: int, spec: InputSpec) -> Placement:
        """The largest centred placement that keeps the film's aspect."""
        if width < 1 or height < 1:
            raise RecordError(f"a film needs at least one pixel each way, got {width} x {height}")
        scale = min(spec.width / width, spec.height / height)
        drawn = cls(scale, 0, 0, width, height)
        left, top = (spec.width - drawn.drawn_width) // 2, (spec.height - drawn.drawn_height) // 2
        return cls(scale, left, top, width, height)

    @classmethod
    def of(cls, film: Radiograph, spec: InputSpec) -> Placement:
        """The placement of a film's exposed field."""
        x1, y1, x2, y2 = film.field or (0, 0, film.width, film.height)
        return replace(cls.fit(x2 - x1, y2 - y1, spec), x=x1, y=y1)

    @property
    def drawn_width(self) -> int:
        """Columns that the film covers in the model's input; at least one."""
        return max(1, round(self.width * self.scale))

    @property
    def drawn_height(self) -> int:
        """Rows that the film covers in the model's input; at least one."""
        return max(1, round(self.height * self.scale))

    def to_image(self, boxes: npt.ArrayLike) -> Boxes:
        """Boxes in model pixels as boxes in image pixels, clipped to the part that was drawn.

        A box that lies wholly in the padding comes back without area.
        """
        inside = (_as_boxes(boxes) - self._offset) / self._ratio
        return np.clip(inside, 0.0, self._size) + self._corner

    def to_model(self, boxes: npt.ArrayLike) -> Boxes:
        """Boxes in image pixels as boxes in model pixels, clipped to that part; the inverse of ``to_image``."""
        inside = np.clip(_as_boxes(boxes) - self._corner, 0.0, self._size)
        return inside * self._ratio + self._offset

    @property
    def _size(self) -> Boxes:
        return np.array([self.width, self.height] * 2, np.float64)

    @property
    def _corner(self) -> Boxes:
        return np.array([self.x, self.y] * 2, np.float64)

    @property
    def _offset(self) -> Boxes:
        return np.array([self.left, self.top] * 2, np.float64)

    @property
    def _ratio(self) -> Boxes:
        return np.array([self.drawn_width / self.width, self.drawn_height / self.height] * 2, np.float64)


def letterbox(pixels: npt.NDArray[np.uint16], spec: InputSpec) -> tuple[npt.NDArray[np.float32], Placement]:
    """One film as the network wants it: scaled to fit, centred, the rest filled with the pad value.

    ``pixels`` is (H, W) uint16, 0 black to 65535 white. Returns (h, w, c) float32 in ``spec.value_range``, the grey
    repeated over the channels, and the way back for boxes. Greys are rounded to 8 bits, so that a runtime fed with
    uint8 sees the same picture as one fed with float32.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint16:
        raise RecordError(f"pixels must be (H, W) uint16, got {pixels.shape} {pixels.dtype}")
    placement = Placement.fit(pixels.shape[1], pixels.shape[0], spec)
    canvas = np.full((spec.height, spec.width, spec.channels), spec.pad_value, np.float32)
    _draw(pixels, spec, placement, canvas)
    return canvas, placement


def prepare(
    radiographs: Sequence[Radiograph], spec: InputSpec
) -> tuple[npt.NDArray[np.float32], tuple[Placement, ...]]:
    """A batch of films: float32 (N, h, w, c) in ``spec.value_range`` and their placements, in the same order."""
    batch = np.full((len(radiographs), spec.height, spec.width, spec.channels), spec.pad_value, np.float32)
    placements = tuple(Placement.of(film, spec) for film in radiographs)
    for film, placement, canvas in zip(radiographs, placements, batch, strict=True):
        _draw(film.pixels, spec, placement, canvas)
    return batch, placements


def _draw(
    pixels: npt.NDArray[np.uint16], spec: InputSpec, placement: Placement, canvas: npt.NDArray[np.float32]
) -> None:
    """Write the film into its place of ``canvas`` (h, w, c)."""
    height, width = placement.drawn_height, placement.drawn_width
    pixels = pixels[placement.y : placement.y + placement.height, placement.x : placement.x + placement.width]
    if pixels.shape != (height, width):
        # Averaging over the covered area keeps fine lines (pleural edges) from aliasing when a film shrinks tenfold.
        kind = cv2.INTER_AREA if placement.scale < 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=kind), np.uint16).reshape(height, width)
    grey = pixels.astype(np.uint32)
    grey += 128
    grey //= 257  # 65535 = 255 * 257: nearest 8-bit grey
    low, high = spec.value_range
    place = canvas[placement.top : placement.top + height, placement.left : placement.left + width]
    place[...] = grey[:, :, None]
    if (low, high) != (0.0, 255.0):
        place *= np.float32((high - low) / 255.0)
        place += np.float32(low)


def _as_boxes(boxes: npt.ArrayLike) -> Boxes:
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.zeros((0, 4), np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise RecordError(f"boxes must be (M, 4), got {array.shape}")
    return array
