"""The nine colours can be told apart by every kind of eye, on a black film."""

import itertools

import numpy as np
import pytest

from cxr_core.records import LABELS
from ui.queue import LANES
from ui.theme import LABEL_STYLES, LANE_STYLES, slug, stylesheet

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Ottosson 2020, linear sRGB to OKLab.
CONES = [[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]
OPPONENTS = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]


def linear(colour: str) -> np.ndarray:
    """From an sRGB hex to linear light (IEC 61966-2-1)."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def seen(colour: str, eye) -> np.ndarray:
    light = np.clip(np.asarray(eye) @ linear(colour), 0, 1)
    return np.asarray(OPPONENTS) @ np.cbrt(np.asarray(CONES) @ light)


def test_every_class_has_one_style_and_its_own_short_name():
    assert tuple(LABEL_STYLES) == LABELS
    assert len({style.short for style in LABEL_STYLES.values()}) == len(LABELS)


@pytest.mark.parametrize("eye", EYES)
def test_no_two_classes_look_alike_to_any_eye(eye):
    pairs = itertools.combinations((style.colour for style in LABEL_STYLES.values()), 2)
    nearest = min((np.linalg.norm(seen(a, EYES[eye]) - seen(b, EYES[eye])), a, b) for a, b in pairs)
    assert nearest[0] > 0.12, nearest  # 0.02 is just noticeable side by side


def test_every_class_stands_out_on_black():
    for style in LABEL_STYLES.values():
        luminance = linear(style.colour) @ (0.2126, 0.7152, 0.0722)
        assert (luminance + 0.05) / 0.05 >= 4.0, style


def test_classes_whose_colours_are_nearest_differ_in_their_dashes_or_lightness():
    patterns = [style.dash for style in LABEL_STYLES.values() if style.dash]
    assert len(patterns) == len(set(patterns))


def test_every_lane_has_a_word_and_a_shape():
    assert set(LANE_STYLES) == set(LANES)
    assert len({style.shape for style in LANE_STYLES.values()}) == len(LANES)
    assert len({style.word for style in LANE_STYLES.values()}) == len(LANES)


def test_the_stylesheet_colours_every_slider_and_asks_no_server():
    css = stylesheet()
    for label in LABELS:
        assert f".st-key-threshold_{slug(label)} {{ --label-colour: {LABEL_STYLES[label].colour}; }}" in css
    assert "http://" not in css.replace("http%3A//www.w3.org", "")
    assert "@import" not in css
