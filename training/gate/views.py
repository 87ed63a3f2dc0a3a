"""What may happen to a film on its way here, drawn at random, with the truth of it.

In: one film (H, H) uint8, letterboxed, and a random generator. Out: (S, S) uint8 and the truth: a mapping from each of
recipe.OUTPUTS to 1 or 0; what is not known of a picture is absent. The same drawing code makes training, validation
and the figures of the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.gate.paint import Rng, clouds
from training.gate.recipe import TURNS

Picture = npt.NDArray[np.uint8]
Truth = dict[str, int]

FILM: Truth = {"other": 0, "mirrored": 0, "inverted": 0, "cut_off": 0, "spoilt": 0} | dict.fromkeys(TURNS, 0)
OTHER: Truth = {"other": 1}

_PLAIN = 0.3  # share of films left alone: or what was never turned by a degree would look like something else

LUNGS = (0.1, 0.1, 0.9, 0.9)
"""Where lungs lie on a film that has no box of them, fractions; of SIIM's boxes 95% reach no further."""


@dataclass(frozen=True, slots=True)
class Sides:
    """A rectangle of the film, fractions of its side."""

    x1: float = 0.0
    y1: float = 0.0
    x2: float = 1.0
    y2: float = 1.0


def whole(film: Picture, rng: Rng, size: int) -> tuple[Picture, Truth]:
    """As a hospital sends it: a little turned, shifted, letterboxed, marked, with its own greys; or just as it is."""
    if rng.random() < _PLAIN:
        return plain(film, size), FILM
    return _marked(_greys(_placed(film, rng, size), rng), rng), FILM


def plain(film: Picture, size: int) -> Picture:
    """The film itself at the network's size."""
    return np.asarray(cv2.resize(film, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def turned(film: Picture, rng: Rng, size: int) -> tuple[Picture, Truth]:
    """Turned by quarters, mirrored, inverted, or several of these."""
    quarters = int(rng.choice([0, 1, 2, 3], p=[0.3, 0.2, 0.3, 0.2]))
    mirrored, inverted = rng.random() < 0.5, rng.random() < 0.45
    picture, _ = whole(film, rng, size)
    return flip(picture, quarters, mirrored=mirrored, inverted=inverted), FILM | said(
        quarters, mirrored=mirrored, inverted=inverted
    )


def flip(picture: Picture, quarters: int, *, mirrored: bool = False, inverted: bool = False) -> Picture:
    """Mirrored left to right, then turned clockwise by quarters, then inverted."""
    if mirrored:
        picture = picture[:, ::-1]
    if inverted:
        picture = 255 - picture
    return np.ascontiguousarray(np.rot90(picture, -quarters))


def said(quarters: int, *, mirrored: bool, inverted: bool) -> Truth:
    """The truth of ``flip``."""
    turn = {name: int(quarters == at) for at, name in enumerate(TURNS, 1)}
    return turn | {"mirrored": int(mirrored), "inverted": int(inverted)}


def cut(film: Picture, rng: Rng, size: int, lungs: Sequence[float] = LUNGS) -> tuple[Picture, Truth]:
    """A fifth to a half of the lungs' height or width lies outside; the rest may fill the picture or be blacked out."""
    x1, y1, x2, y2 = lungs
    share = rng.uniform(0.22, 0.5)
    edge = int(rng.integers(4))
    box = [0.0, 0.0, 1.0, 1.0]
    box[edge] = (x1 + share * (x2 - x1), y1 + share * (y2 - y1), x2 - share * (x2 - x1), y2 - share * (y2 - y1))[edge]
    part = _crop(film, Sides(*box))
    square = letterboxed(part, film.shape[0]) if rng.random() < 0.6 else _stretched(part, film.shape[0])
    picture = _marked(_greys(_placed(square, rng, size, wander=False), rng), rng)
    return picture, FILM | {"cut_off": 1}


def spoilt(film: Picture, rng: Rng, size: int) -> tuple[Picture, Truth]:
    """Burnt out, drowned in black, drowned in noise, or blurred beyond use.

    Not merely pale: greys squeezed into few levels are stretched again before anything looks at them. Noise and blur
    grow with the side, so that a picture shrunk after it was spoilt is as bad as one that was spoilt small.
    """
    picture: npt.NDArray[np.floating] = whole(film, rng, size)[0].astype(np.float32)
    kind = int(rng.integers(4))
    if kind == 0:  # three quarters of the film or more are white
        picture = picture * (255 / max(8.0, float(np.percentile(picture, rng.uniform(8, 25)))))
    elif kind == 1:  # or black
        picture = picture - np.percentile(picture, rng.uniform(75, 92))
        picture = picture * rng.uniform(0.8, 1.5)
    elif kind == 2:
        picture = 0.3 * picture + 90 + rng.normal(0, rng.uniform(0.2, 0.43) * size, picture.shape)
    else:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.027, 0.055) * size)
    return np.clip(picture, 0, 255).astype(np.uint8), {"spoilt": 1}


def piece(film: Picture, rng: Rng, size: int, other: Picture) -> tuple[Picture, Truth]:
    """X-ray stuff without a chest: a small part of a film, parts in disorder, its scrambled waves, several films."""
    draw = (_part, _jigsaw, _scrambled, _warped)[int(rng.integers(4))] if rng.random() < 0.8 else None
    picture = draw(film, rng, size) if draw else _montage(film, other, rng, size)
    picture = flip(picture, int(rng.integers(4)), mirrored=rng.random() < 0.5, inverted=rng.random() < 0.25)
    return _greys(picture, rng), OTHER


def finish(painted: Picture, rng: Rng) -> Picture:
    """A painted counter-example as a file would hold it: other greys, blur, noise, bars, now and then inverted."""
    size = painted.shape[0]
    plane = (painted.astype(np.float32) / 255) ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.3:
        plane = 1 - plane
    if rng.random() < 0.4:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.4, 1.6)), np.float32)
    if rng.random() < 0.5:
        plane = plane + rng.normal(0, rng.uniform(0, 0.06), plane.shape).astype(np.float32)
    picture = np.clip(plane * 255, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        inner = max(8, round(size * rng.uniform(0.55, 0.95)))
        narrow = cv2.resize(picture, (inner, size) if rng.random() < 0.5 else (size, inner))
        picture = letterboxed(np.asarray(narrow, np.uint8), size)
    return flip(picture, int(rng.integers(4)) if rng.random() < 0.4 else 0, mirrored=rng.random() < 0.5)


def _placed(film: Picture, rng: Rng, size: int, *, wander: bool = True) -> Picture:
    """Turned by a few degrees, scaled, shifted, and letterboxed as a film of another shape would be."""
    angle = np.deg2rad(rng.normal(0, 3.0))
    scale = rng.uniform(0.9, 1.1) if wander else rng.uniform(0.92, 1.0)
    aspect = np.exp(rng.normal(0, 0.05))
    linear = scale * np.array([[np.cos(angle) * aspect, -np.sin(angle)], [np.sin(angle), np.cos(angle) / aspect]])
    if rng.random() < 0.4:
        linear[int(rng.integers(2))] *= rng.uniform(0.72, 0.95)
    shift = rng.normal(0, 0.025, 2) if wander else np.zeros(2)
    linear = linear * (size / film.shape[0])
    offset = (0.5 + shift) * size - linear @ np.full(2, film.shape[0] / 2)
    if film.shape[0] > 1.5 * size:
        film = np.asarray(cv2.GaussianBlur(film, (0, 0), 0.45 * film.shape[0] / size), np.uint8)
    fill = 0 if rng.random() < 0.85 else int(rng.integers(0, 256))
    moved = cv2.warpAffine(film, np.column_stack([linear, offset]), (size, size), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_CONSTANT, borderValue=fill)  # fmt: skip
    return np.asarray(moved, np.uint8)


def _greys(picture: Picture, rng: Rng) -> Picture:
    """Another window: gamma, contrast, brightness; some grain, some blur."""
    grey = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.5, 0.5))
    grey = (grey - 0.5) * rng.uniform(0.6, 1.35) + 0.5 + rng.uniform(-0.12, 0.12)
    table = np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)
    picture = np.asarray(cv2.LUT(picture, table), np.uint8)
    if rng.random() < 0.25:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.1)), np.uint8)
    if rng.random() < 0.35:
        noisy = picture + rng.normal(0, rng.uniform(1, 8), picture.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture


def _marked(picture: Picture, rng: Rng) -> Picture:
    """Side letters, dates, tubes and collimated borders, so that none of these tells anything."""
    size = picture.shape[0]
    if rng.random() < 0.15:
        bar, ink = int(rng.uniform(0.02, 0.1) * size), int(rng.choice([0, 255, 30]))
        sides = rng.random(4) < 0.5
        for side, (rows, columns) in enumerate(
            ((slice(0, bar), slice(None)), (slice(-bar, None), slice(None)), (slice(None), slice(0, bar)),
             (slice(None), slice(-bar, None)))
        ):  # fmt: skip
            if sides[side] and bar:
                picture[rows, columns] = ink
    if rng.random() < 0.25:
        text = "".join(rng.choice(list("LRPACHESTportable0123456789:/"), int(rng.integers(1, 8))))
        at = (int(rng.uniform(0.0, 0.85) * size), int(rng.choice([0.08, 0.12, 0.95]) * size))
        cv2.putText(picture, text, at, 0, rng.uniform(0.22, 0.5), int(rng.integers(200, 256)), 1, cv2.LINE_AA)
    return picture


def _crop(film: Picture, sides: Sides) -> Picture:
    side = film.shape[0]
    x1, y1 = int(sides.x1 * side), int(sides.y1 * side)
    return film[y1 : max(y1 + 8, round(sides.y2 * side)), x1 : max(x1 + 8, round(sides.x2 * side))]


def letterboxed(part: Picture, size: int) -> Picture:
    """Scaled to fit (size, size), its aspect kept, centred on black."""
    scale = size / max(part.shape)
    inner = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    out = np.zeros((size, size), np.uint8)
    top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = cv2.resize(part, inner)
    return out


def _stretched(part: Picture, size: int) -> Picture:
    return np.asarray(cv2.resize(part, (size, size)), np.uint8)


def _part(film: Picture, rng: Rng, size: int) -> Picture:
    wide, high = rng.uniform(0.15, 0.42, 2)
    x, y = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - high)
    return _stretched(_crop(film, Sides(x, y, x + wide, y + high)), size)


def _jigsaw(film: Picture, rng: Rng, size: int) -> Picture:
    count = int(rng.integers(2, 6))
    each = size // count
    small = plain(film, each * count)
    tiles = [small[y * each : (y + 1) * each, x * each : (x + 1) * each] for y in range(count) for x in range(count)]
    order = np.roll(np.arange(count * count), int(rng.integers(1, count * count)))
    order = rng.permutation(order) if count > 2 else order
    rows = [np.hstack([tiles[order[y * count + x]] for x in range(count)]) for y in range(count)]
    return _stretched(np.vstack(rows), size)


def _scrambled(film: Picture, rng: Rng, size: int) -> Picture:
    small = plain(film, size)
    phase = np.angle(np.fft.rfft2(rng.standard_normal((size, size))))
    back = np.fft.irfft2(np.abs(np.fft.rfft2(small)) * np.exp(1j * phase), s=(size, size))
    low, high = np.percentile(back, (1, 99))
    return np.clip((back - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)


def _warped(film: Picture, rng: Rng, size: int) -> Picture:
    small = plain(film, size)
    reach = size * rng.uniform(0.35, 0.8)
    x, y = ((clouds(rng, size, 2.2) - 0.5) * reach for _ in range(2))
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.asarray(
        cv2.remap(small, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def _montage(film: Picture, other: Picture, rng: Rng, size: int) -> Picture:
    """Two or four films on one picture, or one film small on a screen."""
    half, out = size // 2, np.full((size, size), int(rng.integers(0, 256)), np.uint8)
    if rng.random() < 0.4:
        side = int(size * rng.uniform(0.25, 0.48))
        x, y = (int(v) for v in rng.integers(0, size - side, 2))
        out[y : y + side, x : x + side] = plain(film, side)
        for _ in range(int(rng.integers(2, 8))):
            at = (int(rng.integers(0, size // 2)), int(rng.integers(8, size)))
            cv2.putText(out, "".join(rng.choice(list("abcdeABC0123 :"), 12)), at, 0, 0.3, int(rng.integers(0, 256)), 1)
        return out
    pair = (plain(film, half), plain(other, half))
    if rng.random() < 0.5:
        out[:half, :half], out[:half, half : 2 * half] = pair
        out[half : 2 * half, :half], out[half : 2 * half, half : 2 * half] = pair[::-1]
        return out
    out[half // 2 : half // 2 + half, :half], out[half // 2 : half // 2 + half, half : 2 * half] = pair
    return out
